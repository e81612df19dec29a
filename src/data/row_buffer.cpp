// SPDX-License-Identifier: Apache-2.0
#include "row_buffer.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 21;  // of a huge page

std::size_t bytes_for(Index rows, Index columns) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(rows) * sizeof(double),
                             static_cast<std::size_t>(columns), &bytes)) {
    throw DataError("the encoded matrix is larger than any memory");
  }
  return std::max<std::size_t>(bytes, 1);
}

}  // namespace

RowBuffer::RowBuffer(Index columns) : columns_(columns) {}

RowBuffer::~RowBuffer() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

RowBuffer::RowBuffer(RowBuffer&& other) noexcept {
  *this = std::move(other);
}

RowBuffer& RowBuffer::operator=(RowBuffer&& other) noexcept {
  std::swap(rows_, other.rows_);
  std::swap(columns_, other.columns_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

double* RowBuffer::append() {
  const std::size_t needed = bytes_for(rows_ + 1, columns_);
  if (needed > bytes_) resize((std::max(needed, bytes_ + bytes_ / 2) / kStep + 1) * kStep);
  return data_ + rows_++ * columns_;
}

void RowBuffer::set_columns(Index columns) {
  const std::size_t needed = bytes_for(rows_, columns);
  if (needed > bytes_) resize(needed);
  columns_ = columns;
}

FeatureMatrix RowBuffer::release() && {
  resize(bytes_for(rows_, columns_));
  const Index rows = rows_, columns = columns_;
  const double* const data = data_;
  auto owner = std::make_shared<const RowBuffer>(std::move(*this));
  return FeatureMatrix(data, rows, columns, std::move(owner));
}

void RowBuffer::resize(std::size_t bytes) {
  void* const at = data_ == nullptr ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                    : ::mremap(data_, bytes_, bytes, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) {
    throw DataError(
        fmt::format("the encoded matrix needs {} MiB of memory, which there are not", bytes >> 20U),
        "", "drop columns with many categories");
  }
  ::madvise(at, bytes, MADV_HUGEPAGE);  // only faster; kernels without it say no
  data_ = static_cast<double*>(at);
  bytes_ = bytes;
}

}  // namespace recant

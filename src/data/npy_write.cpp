// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

/// Magic, version 1.0 and the dictionary, padded so that the values begin at a multiple of 64.
std::string header_of(const std::string& type, Index rows, std::optional<Index> columns = {}) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},{}), }}",
                                 type, rows, columns ? fmt::format(" {}", *columns) : "");
  constexpr std::size_t kBefore = 10, kAlign = 64;
  const std::size_t total = (kBefore + text.size() + 1 + kAlign - 1) / kAlign * kAlign;
  text.append(total - kBefore - text.size() - 1, ' ').push_back('\n');
  const std::size_t length = text.size();
  std::string header("\x93NUMPY\x01\x00", 8);
  header.push_back(static_cast<char>(length & 0xFFU));
  header.push_back(static_cast<char>(length >> 8U));
  return header + text;
}

}  // namespace

NpyView::NpyView(const RowsView& values)
    : values_(values.data()),
      header_(header_of("<f8", values.rows(), values.cols())),
      bytes_(static_cast<std::size_t>(values.size()) * sizeof(double)) {}

NpyView::NpyView(const FeatureMatrix& values)
    : features_(&values), header_(header_of("<f8", values.rows(), values.columns())) {}

NpyView::NpyView(const Vector& values)
    : NpyView(std::span(values.data(), static_cast<std::size_t>(values.size()))) {}

NpyView::NpyView(std::span<const double> values)
    : values_(values.data()),
      header_(header_of("<f8", static_cast<Index>(values.size()))),
      bytes_(values.size_bytes()) {}

NpyView::NpyView(std::span<const std::int64_t> values)
    : values_(values.data()),
      header_(header_of("<i8", static_cast<Index>(values.size()))),
      bytes_(values.size_bytes()) {}

NpyView::NpyView(const IntegerRows& values)
    : values_(values.data()),
      header_(header_of("<i4", values.rows(), values.cols())),
      bytes_(static_cast<std::size_t>(values.size()) * sizeof(std::int32_t)) {}

NpyView::NpyView(std::span<const std::string> texts) : texts_(texts), item_bytes_(1) {
  for (const std::string& text : texts) {
    if (text.ends_with('\0')) throw DataError("a text that ends in a zero byte cannot be stored");
    item_bytes_ = std::max(item_bytes_, text.size());
  }
  header_ = header_of(fmt::format("|S{}", item_bytes_), static_cast<Index>(texts.size()));
}

void NpyView::write(std::ostream& out) const {
  out << header_;
  if (features_ != nullptr) {
    for (Index i = 0; i < block_count(features_->rows()) && out; ++i) {
      check_interrupt();
      const FeatureRows rows = features_->block(block_at(i, features_->rows()));
      const RowsView view = rows;
      out.write(reinterpret_cast<const char*>(view.data()),
                static_cast<std::streamsize>(view.size() * Index{sizeof(double)}));
    }
    return;
  }
  if (item_bytes_ == 0) {
    constexpr std::size_t kPart = std::size_t{1} << 24;  // a moment each, for who wants it to end
    for (std::size_t done = 0; done < bytes_ && out; done += kPart) {
      check_interrupt();
      out.write(static_cast<const char*>(values_) + done,
                static_cast<std::streamsize>(std::min(kPart, bytes_ - done)));
    }
    return;
  }
  std::string item(item_bytes_, '\0');
  for (const std::string& text : texts_) {
    std::fill(std::copy(text.begin(), text.end(), item.begin()), item.end(), '\0');
    out.write(item.data(), static_cast<std::streamsize>(item.size()));
  }
}

void write_npy(const std::filesystem::path& path, const NpyView& values) {
  write_file(path, [&](std::ostream& out) { values.write(out); });
}

void write_staged_npy(const std::filesystem::path& path, const NpyView& values) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  values.write(out);
  out.close();
  if (!out) {
    throw DataError(fmt::format("cannot be written: {}", std::strerror(errno != 0 ? errno : EIO)),
                    path, errno == ENOSPC ? "free some space and run again" : "");
  }
}

}  // namespace recant

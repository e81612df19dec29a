// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "npy_header.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

template <class T>
T value_at(const NpyFile& npy, std::int64_t index) noexcept {
  std::byte bytes[sizeof(T)];
  std::memcpy(bytes, npy.data + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  if (npy.header.swapped) {
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Calls visit(index, value) for every number, in order, with its own type.
template <class T, class Visit>
void visit_all(const NpyFile& npy, Visit& visit) {
  for (std::int64_t i = 0; i < npy.count; ++i) visit(i, value_at<T>(npy, i));
}

template <class Visit>
void for_each_number(const NpyFile& npy, Visit visit) {
  switch (npy.header.kind) {
    case 'f':
      return npy.header.item_bytes == 4 ? visit_all<float>(npy, visit)
                                        : visit_all<double>(npy, visit);
    case 'i':
      switch (npy.header.item_bytes) {
        case 1:
          return visit_all<std::int8_t>(npy, visit);
        case 2:
          return visit_all<std::int16_t>(npy, visit);
        case 4:
          return visit_all<std::int32_t>(npy, visit);
        default:
          return visit_all<std::int64_t>(npy, visit);
      }
    case 'u':
      switch (npy.header.item_bytes) {
        case 1:
          return visit_all<std::uint8_t>(npy, visit);
        case 2:
          return visit_all<std::uint16_t>(npy, visit);
        case 4:
          return visit_all<std::uint32_t>(npy, visit);
        default:
          return visit_all<std::uint64_t>(npy, visit);
      }
    case 'b': {
      auto as_number = [&](std::int64_t i, std::uint8_t byte) {
        visit(i, static_cast<std::uint8_t>(byte != 0));
      };
      return visit_all<std::uint8_t>(npy, as_number);
    }
    default:
      throw DataError("holds texts, but numbers are needed", npy.name);
  }
}

std::string place(const NpyFile& npy, std::int64_t index) {
  if (npy.header.shape.size() == 1) return fmt::format("{}, row {}", npy.name, index + 1);
  const std::int64_t columns = npy.header.shape[1];
  return fmt::format("{}, row {}, column {}", npy.name, index / columns + 1, index % columns + 1);
}

/// The integer a number stands for. @throws DataError unless it is whole and within int64.
template <class T>
std::int64_t whole(const NpyFile& npy, std::int64_t index, T value) {
  bool fits = true;
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T kLimit = 9223372036854775808.0;  // 2^63
    fits = value >= -kLimit && value < kLimit && std::trunc(value) == value;
  } else {
    fits = std::in_range<std::int64_t>(value);
  }
  if (!fits) throw DataError("is no whole number of 64 bits", place(npy, index));
  return static_cast<std::int64_t>(value);
}

std::vector<std::int64_t> whole_numbers(const NpyFile& npy) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(npy.count));
  for_each_number(npy, [&](std::int64_t i, auto value) {
    values[static_cast<std::size_t>(i)] = whole(npy, i, value);
  });
  return values;
}

}  // namespace

FeatureMatrix read_npy_matrix(const std::filesystem::path& path) {
  const NpyFile npy(path);
  npy.require_dimensions(2);
  const Index rows = npy.header.shape[0], columns = npy.header.shape[1];
  const bool aligned = npy.header.data_offset % static_cast<std::int64_t>(alignof(double)) == 0;
  if (npy.header.kind == 'f' && npy.header.item_bytes == 8 && !npy.header.swapped && aligned) {
    return FeatureMatrix(reinterpret_cast<const double*>(npy.data), rows, columns, npy.file);
  }
  RowMatrix values(rows, columns);
  for_each_number(npy, [to = values.data()](std::int64_t i, auto value) {
    to[i] = static_cast<double>(value);
  });
  return FeatureMatrix(std::move(values));
}

Vector read_npy_vector(const std::filesystem::path& path) {
  const NpyFile npy(path);
  npy.require_dimensions(1);
  Vector values(npy.count);
  for_each_number(npy, [&](std::int64_t i, auto value) { values[i] = static_cast<double>(value); });
  return values;
}

std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path) {
  const NpyFile npy(path);
  npy.require_dimensions(1);
  if (npy.header.kind == 'f') throw DataError("holds floats, but integers are needed", npy.name);
  return whole_numbers(npy);
}

IntegerTable read_npy_integer_table(const std::filesystem::path& path) {
  const NpyFile npy(path);
  const auto& shape = npy.header.shape;
  return {shape[0], shape.size() == 2 ? shape[1] : 1, whole_numbers(npy)};
}

std::vector<std::string> read_npy_texts(const std::filesystem::path& path) {
  const NpyFile npy(path);
  npy.require_dimensions(1);
  std::vector<std::string> texts(static_cast<std::size_t>(npy.count));
  if (npy.header.kind == 'S') {
    const auto size = static_cast<std::size_t>(npy.header.item_bytes);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string_view item(reinterpret_cast<const char*>(npy.data) + i * size, size);
      texts[i] = item.substr(0, item.find_last_not_of('\0') + 1);
    }
    return texts;
  }
  if (npy.header.kind == 'f') {
    throw DataError("holds floats, but texts or integers are needed", npy.name);
  }
  for_each_number(npy, [&](std::int64_t i, auto value) {
    texts[static_cast<std::size_t>(i)] = std::to_string(whole(npy, i, value));
  });
  return texts;
}

void require_finite(const RowsView& values, std::string_view where) {
  for_each_block(values.rows(), [&](RowBlock block) {
    for (Index i = block.begin; i < block.end; ++i) {
      // 0 * x is 0 for every finite x and NaN for the others, so one sum tells for a whole row.
      if (std::isfinite((values.row(i).array() * 0).sum())) continue;
      for (Index j = 0; j < values.cols(); ++j) {
        if (std::isfinite(values(i, j))) continue;
        throw DataError(std::isnan(values(i, j)) ? "is NaN" : "is infinite",
                        fmt::format("{}, row {}, column {}", where, i + 1, j + 1),
                        "leave the row out or fill the value in");
      }
    }
  });
}

}  // namespace recant

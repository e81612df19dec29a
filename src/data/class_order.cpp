// SPDX-License-Identifier: Apache-2.0
#include "class_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "recant/core/error.hpp"

namespace recant {
namespace {

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_integer(const std::string& text) {
  return integer(text).has_value();
}

/// By value; texts of one value, such as "1" and "01", by bytes.
bool by_value(const std::string& a, const std::string& b) {
  const auto x = integer(a), y = integer(b);
  return x != y ? x < y : a < b;
}

/// Which of two values is the positive one.
const std::string& positive_of(const std::vector<std::string>& values,
                               const std::optional<std::string>& positive,
                               const std::string& where) {
  for (const std::string& value : values) {
    if (value == positive.value_or("1")) {
      const std::string& other = &value == &values[0] ? values[1] : values[0];
      if (positive || other == "0") return value;
    }
  }
  if (positive) throw UsageError("the positive value never occurs", where, "check --positive");
  throw UsageError("it is not said which of the two values is positive", where,
                   "name it with --positive");
}

}  // namespace

void require_repeated_classes(std::size_t classes, Index rows, const std::string& where) {
  if (static_cast<Index>(classes) == rows) {
    throw DataError(
        fmt::format("has {} classes in as many rows, so there is nothing to learn", classes), where,
        "choose the squared loss, or another target");
  }
}

SortedTexts order_classes(const std::vector<std::string>& values, TargetKind kind,
                          const std::optional<std::string>& positive, const std::string& where) {
  if (values.size() < 2) {
    throw DataError("has the same value in every row that is kept, so there is nothing to learn",
                    where);
  }
  if (kind == TargetKind::kClasses) {
    const bool integers = std::all_of(values.begin(), values.end(), is_integer);
    return sort_texts(values, 0, integers ? by_value : by_bytes);
  }
  if (values.size() != 2) {
    throw DataError(
        fmt::format("has {} distinct values, but a binary model needs 2", values.size()), where,
        "choose another loss, or another target");
  }
  const std::string& one = positive_of(values, positive, where);
  if (&one == &values[1]) return {values, {0, 1}};
  return {{values[1], values[0]}, {1, 0}};
}

}  // namespace recant

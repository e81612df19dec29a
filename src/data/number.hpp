// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fast_float/fast_float.h>

#include <cmath>
#include <string_view>

namespace recant {

/// Reads a text that is wholly a finite decimal number; false for any other text.
[[nodiscard]] inline bool parse_number(std::string_view text, double& value) noexcept {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  if (text.size() > 1 && *begin == '+' && begin[1] != '-') ++begin;  // which fast_float refuses
  const auto [stop, code] = fast_float::from_chars(begin, end, value);
  return code == std::errc() && stop == end && std::isfinite(value);
}

}  // namespace recant

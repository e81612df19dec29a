// SPDX-License-Identifier: Apache-2.0
#include "recant/core/check.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/error.hpp"

namespace recant {

void check_finite(std::string_view name, double value) {
  if (!std::isfinite(value))
    throw UsageError(fmt::format("{} must be finite, but is {}", name, value));
}

void check_positive(std::string_view name, double value) {
  if (!(std::isfinite(value) && value > 0)) {
    throw UsageError(fmt::format("{} must be finite and > 0, but is {}", name, value));
  }
}

void check_non_negative(std::string_view name, double value) {
  if (!(std::isfinite(value) && value >= 0)) {
    throw UsageError(fmt::format("{} must be finite and >= 0, but is {}", name, value));
  }
}

void check_between(std::string_view name, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw UsageError(
        fmt::format("{} must be between {} and {}, but is {}", name, low, high, value));
  }
}

void check_at_least(std::string_view name, std::int64_t value, std::int64_t low) {
  if (value < low)
    throw UsageError(fmt::format("{} must be at least {}, but is {}", name, low, value));
}

void check_size(std::string_view name, std::int64_t size, std::int64_t needed) {
  if (size != needed) {
    throw UsageError(fmt::format("{} has {} entries, but {} are needed", name, size, needed));
  }
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// Checks of arguments, all in one sentence form: "l2 must be finite and > 0, but is nan".
/// Each tests the accepted set, so that NaN fails, and throws UsageError.
namespace recant {

void check_finite(std::string_view name, double value);
void check_positive(std::string_view name, double value);      ///< finite and > 0
void check_non_negative(std::string_view name, double value);  ///< finite and >= 0
void check_between(std::string_view name, double value, double low, double high);
void check_at_least(std::string_view name, std::int64_t value, std::int64_t low);
/// "gradient has 3 entries, but 4 are needed"
void check_size(std::string_view name, std::int64_t size, std::int64_t needed);

}  // namespace recant

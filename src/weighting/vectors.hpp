// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "recant/linalg/types.hpp"

/// Passes over vectors with one entry a row, in fixed blocks: the same bytes for any number of
/// threads.
namespace recant {

[[nodiscard]] double block_dot(ConstVectorRef x, ConstVectorRef y);

/// max |x_j|, 0 for no rows.
[[nodiscard]] double largest_entry(ConstVectorRef x);

/// @throws UsageError "utility_influence must be finite, but entry 3 is nan"
void check_entries_finite(std::string_view name, ConstVectorRef x);

/// @throws UsageError "weights must be finite and >= 0, but entry 3 is -1"
void check_entries_non_negative(std::string_view name, ConstVectorRef x);

}  // namespace recant

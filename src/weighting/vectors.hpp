// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

#include "recant/core/blocks.hpp"
#include "recant/linalg/types.hpp"

/// Passes over vectors with one entry a row, in fixed blocks: the same bytes for any number of
/// threads.
namespace recant {

/// Accumulators of such a pass: few entries are summed by one thread, since waiting for others
/// takes longer.
[[nodiscard]] constexpr Index vector_groups(Index n) noexcept {
  constexpr Index kEntries = 32768, kMost = 64;
  return std::clamp<Index>(n / kEntries, 1, kMost);
}

/// Adds up terms(block), K numbers, over the blocks of n entries.
template <int K, class Terms>
[[nodiscard]] Eigen::Array<double, K, 1> sums_over_blocks(Index n, Terms&& terms) {
  using Sums = Eigen::Array<double, K, 1>;
  return reduce_rows(
      n, vector_groups(n), Sums(Sums::Zero()),
      [&](Sums& sum, RowBlock block) { sum += terms(block); },
      [](Sums& into, const Sums& from) { into += from; });
}

[[nodiscard]] double block_dot(ConstVectorRef x, ConstVectorRef y);

/// max |x_j|, 0 for no rows.
[[nodiscard]] double largest_entry(ConstVectorRef x);

/// The same of entries that must be finite.
/// @throws UsageError "utility_influence must be finite, but entry 3 is nan"
[[nodiscard]] double largest_finite_entry(std::string_view name, ConstVectorRef x);

/// @throws UsageError as above.
void check_entries_finite(std::string_view name, ConstVectorRef x);

/// @throws UsageError "weights must be finite and >= 0, but entry 3 is -1"
void check_entries_non_negative(std::string_view name, ConstVectorRef x);

}  // namespace recant

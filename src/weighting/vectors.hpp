// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

#include "recant/core/blocks.hpp"
#include "recant/linalg/vector_kernels.hpp"

/// Passes over vectors with one entry a row, in fixed blocks: the same bytes for any number of
/// threads and with every instruction set.
namespace recant {

/// Accumulators of such a pass: few entries are summed by one thread, since waiting for others
/// takes longer.
[[nodiscard]] constexpr Index vector_groups(Index n) noexcept {
  constexpr Index kEntries = 32768, kMost = 64;
  return std::clamp<Index>(n / kEntries, 1, kMost);
}

/// Adds up terms(block) over the blocks of n entries, from `zero` on.
template <class Sums, class Terms>
[[nodiscard]] Sums sum_over_blocks(Index n, const Sums& zero, Terms&& terms) {
  return reduce_rows(
      n, vector_groups(n), zero, [&](Sums& sum, RowBlock block) { sum += terms(block); },
      [](Sums& into, const Sums& from) { into += from; });
}

[[nodiscard]] inline ConstVectorRef part(ConstVectorRef x, RowBlock block) {
  return x.segment(block.begin, block.size());
}

[[nodiscard]] Extent extent(ConstVectorRef x);

/// @throws UsageError "utility_influence must be finite, but entry 3 is nan"
void require_finite(std::string_view name, ConstVectorRef x, const Extent& of_x);
/// @throws UsageError "weights must be finite and >= 0, but entry 3 is -1"
void require_non_negative(std::string_view name, ConstVectorRef x, const Extent& of_x);

/// The same after a pass of their own.
void check_entries_finite(std::string_view name, ConstVectorRef x);
void check_entries_non_negative(std::string_view name, ConstVectorRef x);

/// max |x_j|, 0 for no rows, of entries that must be finite.
[[nodiscard]] double largest_finite_entry(std::string_view name, ConstVectorRef x);

}  // namespace recant

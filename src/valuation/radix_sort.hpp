// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace recant {

/// Sorts by the upper 32 bits, ascending; equal ones keep their order. `spare` is made as large.
/// Cost: three or four passes, no comparisons (few items are compared instead).
void sort_by_upper_half(std::vector<std::uint64_t>& items, std::vector<std::uint64_t>& spare);

}  // namespace recant

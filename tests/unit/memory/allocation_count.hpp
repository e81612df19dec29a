// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Every allocation of this program, ours and the libraries', goes through allocation_count.cpp.
namespace recant::test {

/// Bytes that are allocated now.
[[nodiscard]] std::size_t allocated_bytes() noexcept;
/// The most that were at any time since forget_allocation_peak().
[[nodiscard]] std::size_t allocation_peak() noexcept;
void forget_allocation_peak() noexcept;

}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Memory that this program, ours and the libraries', asks for goes through allocation_count.cpp:
/// the C library's allocator, and pages that are mapped beside it (a RowBuffer's, OpenBLAS's).
/// Mapped files are not counted. Mapped pages count by their size, touched or not.
namespace recant::test {

/// Bytes of either kind that are there now.
[[nodiscard]] std::size_t allocated_bytes() noexcept;
/// The most that were at any time since forget_allocation_peaks().
[[nodiscard]] std::size_t allocation_peak() noexcept;

/// The same of the allocator alone.
[[nodiscard]] std::size_t heap_bytes() noexcept;
[[nodiscard]] std::size_t heap_peak() noexcept;

void forget_allocation_peaks() noexcept;

}  // namespace recant::test

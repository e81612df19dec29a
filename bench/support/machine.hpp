// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "recant/linalg/types.hpp"

/// What the machine can do at best, measured in the same process as what is compared with it.
namespace recant::bench {

/// Reads all the values once, in threads() threads.
void read_all(RowsView rows);

/// Seconds to read all the values once, from wherever the machine keeps them: the least of
/// several readings by `threads` threads. The floor of every pass over these rows.
[[nodiscard]] double read_seconds(RowsView rows, int threads);

/// Bytes a second from memory itself: of an array that no cache holds.
[[nodiscard]] double stream_bytes_per_second(int threads);

/// Seconds to write so many bytes of memory that the process already has: the least of several
/// rounds by `threads` threads. The floor of everything that makes a matrix.
[[nodiscard]] double write_seconds(double bytes, int threads);

/// Seconds in which one core looks at every byte of a text, one after another, and counts the
/// separators of a CSV file among them: the least of several rounds. The floor of a reader of
/// records that goes byte by byte.
[[nodiscard]] double scan_seconds(std::string_view text);

/// Fused multiply-adds of doubles that `threads` cores do in registers, counted as two operations
/// each, in operations a second. The floor of everything that multiplies.
[[nodiscard]] double peak_flops(int threads, bool avx2_at_most = false);

/// The most memory this process has held at once, mapped files that are in memory included.
[[nodiscard]] double peak_resident_bytes();
/// What it holds now.
[[nodiscard]] double resident_bytes();
/// From here on the peak is of what comes.
void forget_peak();

/// Model name of the processor.
[[nodiscard]] std::string processor();

/// Ends the program if `right` is false: no figure is worth anything then.
void require(bool right, const char* what);

}  // namespace recant::bench

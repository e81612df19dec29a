// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace recant {

/// The frame of a -wal, counted from 1, at which SQLite takes the log for ended although it goes on
/// behind; 0: none that can be told.
///
/// What was being written when power failed ends a log too: frames of the last transaction, its
/// commit among them, may be there without others of it. But each commit is synced before the next
/// transaction begins. So two commits, in frames whose sums follow from each other, show that what
/// was there before them was whole. Not told apart from an unfinished one is therefore damage to
/// the last transaction, nor is it told in the header, which a new log overwrites.
///
/// Others may write meanwhile. Cost: reads the file once.
/// Ref: sqlite.org/fileformat2.html, section 4
[[nodiscard]] std::int64_t damaged_frame(const std::filesystem::path& wal);

}  // namespace recant

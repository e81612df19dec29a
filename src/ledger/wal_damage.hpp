// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace recant {

/// The frame of a -wal, counted from 1, at which SQLite takes the log for ended although it goes on
/// behind; 0: none that can be told.
///
/// What was being written when power failed ends a log too: frames of the last transaction may be
/// there without others of it. But a commit is on the disk before the next transaction begins, and
/// the sum of each frame goes on from that of the frame before. So two commits behind, in frames
/// whose sums follow from each other, show that all before the first of them was there, whole.
/// Found therefore is every flipped bit with two commits behind its frame. Of a frame that lost
/// more its own sum may be lost, and with it the proof for the frame behind it: then the two
/// commits have to lie behind that one.
///
/// Not told apart from an unfinished transaction is damage with fewer commits behind, nor is it
/// told in the header, which a new log overwrites.
///
/// Others may write meanwhile, each of whose commits is synced, and who sync what they find
/// (SqliteStorage). SQLite must write a commit's frame once, as it does where what is written
/// leaves the bytes beside it alone: on every Unix, unless it is compiled or opened otherwise.
/// Cost: reads the file once, twice if something seems to be wrong.
/// Ref: sqlite.org/fileformat2.html, section 4
[[nodiscard]] std::int64_t damaged_frame(const std::filesystem::path& wal);

}  // namespace recant

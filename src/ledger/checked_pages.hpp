// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

struct sqlite3;

/// The pages of a ledger's main file end with a sum each: the first 16 bytes of BLAKE2b-256 of the
/// page's number and its other 4080 bytes. It is made where SQLite writes a page to the file and
/// compared where it reads one, so that no bit of a page that SQLite reads can turn over unseen,
/// not even in bytes that belong to no row. docs/formats/ledger.md has the format.
///
/// What lies beside the file, its -wal above all, is SQLite's own: frames there have sums already.
namespace recant {

inline constexpr std::size_t kPageBytes = 4096, kSumBytes = 16, kHeaderBytes = 100;

/// The name of the VFS to open a ledger with: that of the system, with the sums. SQLite wants every
/// function of it for a connection, and calls them from nowhere else.
/// @throws DataError if there is no memory for it
[[nodiscard]] const char* checked_pages_vfs();

/// Makes the file that is to be written the first time one whose pages have room for the sums, and
/// no page that nothing is in: such pages would be read by nobody. SQLite's code.
[[nodiscard]] int make_checked_pages(sqlite3* connection);

/// Puts the sum of page `number`, counted from 1, at its end.
void write_page_sum(std::uint32_t number, std::span<std::uint8_t, kPageBytes> page);

// Of a connection that was opened with the VFS:

/// The first bytes of the file as they are, without a lock: fit only for what never changes in
/// them. Zeros where the file is shorter. SQLite's code.
[[nodiscard]] int read_header(sqlite3* connection, std::span<std::uint8_t, kHeaderBytes> header);

/// The first page that was read and is not as it was written; 0: none.
[[nodiscard]] std::int64_t damaged_page(sqlite3* connection);

/// What is in the file and in none of its `pages`, by the transaction that is open. Nothing is said
/// while some of them are read from a -wal: whoever moves it into the file cuts off what is too
/// much.
[[nodiscard]] std::optional<std::string> fault_outside_pages(sqlite3* connection,
                                                             std::int64_t pages);

}  // namespace recant

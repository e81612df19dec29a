// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace recant {

/// Reads a comma-separated file one record at a time, in constant memory.
///
/// The format is RFC 4180 in its strict form: cells separated by commas, quoted with `"` where
/// they hold a comma, a quote (doubled) or a line break. Also accepted: LF, CRLF or CR line ends,
/// a UTF-8 byte order mark, a last line without its end. Blanks around an unquoted cell and
/// around the quotes of a quoted one are dropped; lines without anything but blanks are skipped.
/// So an empty cell in a file of one column has to be written "".
///
/// All records have as many cells as the first. Cells are bytes; no encoding is assumed.
/// @throws DataError with the line for a ragged record, a quote inside an unquoted cell, text
///   after a closing quote, a quote without its end (the line where the record began), a zero
///   byte, a record longer than kMaximumRecordBytes, and when reading fails.
/// Cost: about 1 ns a byte.
class CsvReader {
 public:
  /// Longer records are refused: a quote that never ends would take the whole file into memory.
  static constexpr std::size_t kMaximumRecordBytes = std::size_t{1} << 26;

  enum class Reading {
    kOnce,   ///< pipes are read as they come
    kTwice,  ///< what cannot be rewound is first copied to an unnamed temporary file
  };

  /// Opens `path`; "-" is standard input. @throws NotFoundError, DataError
  explicit CsvReader(const std::filesystem::path& path, Reading reading = Reading::kOnce);
  ~CsvReader();
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;

  /// Moves to the next record; false at the end of the file.
  [[nodiscard]] bool next();

  /// The cells of the record, valid until next(). The 16 bytes behind each may be read.
  [[nodiscard]] std::span<const std::string_view> cells() const noexcept;

  /// The line of the file, from 1, in which the record began; blank lines count.
  [[nodiscard]] std::int64_t line() const noexcept;

  /// Back to the first record. @throws InternalError for a pipe opened with Reading::kOnce.
  void rewind();

  /// The file as errors name it: its path, or "standard input".
  [[nodiscard]] const std::string& name() const noexcept;

  /// name() and the line, as errors say where.
  [[nodiscard]] std::string where() const;

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/data/csv.hpp"
#include "recant/data/table_options.hpp"

namespace recant {

/// The rows of a CSV file without a missing cell in a column that is used.
class TableRows {
 public:
  /// Reads the names of the columns; those options do not outlive this object.
  TableRows(const std::filesystem::path& path, const TableOptions& options,
            CsvReader::Reading reading);

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// Which cells are looked at, and must not be missing.
  void use(std::vector<std::size_t> cells) { used_ = std::move(cells); }

  /// Moves to the next row that is kept. @throws DataError for a missing cell if none is allowed
  [[nodiscard]] bool next();
  [[nodiscard]] std::string_view cell(std::size_t column) const { return cells_[column]; }
  /// Counts the records of the file from 1.
  [[nodiscard]] Index number() const noexcept { return read_; }
  [[nodiscard]] std::int64_t line() const noexcept { return csv_.line(); }

  [[nodiscard]] Index read() const noexcept { return read_; }
  [[nodiscard]] Index dropped() const noexcept { return dropped_; }
  void rewind();

  /// @throws DataError "FILE, line N: column 'NAME' <what>; hint"
  [[noreturn]] void fail(std::size_t column, std::string_view what, std::string hint = {}) const;
  [[noreturn]] void fail_not_a_number(std::size_t column) const;
  /// @throws DataError unless the text of a cell is UTF-8.
  void require_utf8(std::size_t column) const;
  [[nodiscard]] const std::string& file() const noexcept { return csv_.name(); }

 private:
  void read_first();
  [[nodiscard]] bool read_record();
  [[nodiscard]] bool is_missing(std::string_view cell) const noexcept;

  CsvReader csv_;
  std::span<const std::string_view> cells_;
  bool header_ = true;
  MissingPolicy policy_;
  std::vector<std::string> missing_values_;
  std::array<bool, 256> begins_missing_{};  // by the first byte of a text
  std::vector<std::string> names_;
  std::vector<std::size_t> used_;
  bool first_waits_ = false;  // the first record has been read but is data
  Index read_ = 0, dropped_ = 0;
};

}  // namespace recant

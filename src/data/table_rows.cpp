// SPDX-License-Identifier: Apache-2.0
#include "table_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "recant/core/error.hpp"
#include "recant/core/utf8.hpp"
#include "text_table.hpp"

namespace recant {

TableRows::TableRows(const std::filesystem::path& path, const TableOptions& options,
                     CsvReader::Reading reading)
    : csv_(path, reading),
      header_(options.header),
      policy_(options.missing),
      missing_values_(options.missing_values) {
  for (const std::string& text : missing_values_) {
    if (!text.empty()) begins_missing_[static_cast<unsigned char>(text.front())] = true;
  }
  read_first();
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    names_.push_back(header_ ? std::string(cells_[i]) : std::to_string(i + 1));
    if (names_.back().empty()) {
      throw DataError(fmt::format("column {} has no name", i + 1), csv_.where(),
                      "give it one, and drop it if it is no feature");
    }
    if (!is_utf8(names_.back())) {
      throw DataError(fmt::format("the name of column {} is not UTF-8", i + 1), csv_.where(),
                      "convert the file to UTF-8");
    }
    const auto [at, is_new] = places.emplace(names_.back(), i);
    if (!is_new) {
      throw DataError(fmt::format("columns {} and {} have the same name '{}'", at->second + 1,
                                  i + 1, names_.back()),
                      csv_.where(), "rename one of them");
    }
  }
}

bool TableRows::read_record() {
  if (!csv_.next()) return false;
  cells_ = csv_.cells();
  return true;
}

void TableRows::read_first() {
  if (!read_record()) throw DataError("is empty", csv_.name());
  first_waits_ = !header_;
}

void TableRows::rewind() {
  csv_.rewind();
  read_ = dropped_ = 0;
  read_first();
  if (cells_.size() != names_.size()) throw DataError("has changed while it was read", csv_.name());
}

bool TableRows::is_missing(std::string_view cell) const noexcept {
  return std::find(missing_values_.begin(), missing_values_.end(), cell) != missing_values_.end();
}

bool TableRows::next() {
  const auto missing_in = [&](std::span<const std::string_view> cells) {
    for (const std::size_t i : used_) {
      const std::string_view cell = cells[i];
      const bool suspect =
          cell.empty() || begins_missing_[static_cast<unsigned char>(cell.front())];
      if (suspect && is_missing(cell)) return std::optional(i);
    }
    return std::optional<std::size_t>();
  };
  while (first_waits_ || read_record()) {
    first_waits_ = false;
    ++read_;
    const auto missing = missing_in(cells_);
    if (!missing) return true;
    if (policy_ == MissingPolicy::kError) {
      fail(*missing, "has a missing value", "fill it in, or let such rows be dropped");
    }
    ++dropped_;
  }
  return false;
}

void TableRows::fail(std::size_t column, std::string_view what, std::string hint) const {
  throw DataError(fmt::format("column '{}' {}", names_[column], what), csv_.where(),
                  std::move(hint));
}

void TableRows::fail_not_a_number(std::size_t column) const {
  fail(column, "holds something that is no finite number",
       "correct it, or name its text as a missing value");
}

void TableRows::require_utf8(std::size_t column) const {
  if (!is_utf8(cell(column))) {
    fail(column, "holds text that is not UTF-8", "convert the file to UTF-8");
  }
}

}  // namespace recant

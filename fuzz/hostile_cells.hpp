// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checked_pages.hpp"

/// Any values in the cells of an SQLite file that is otherwise as it should be.
namespace recant::fuzz {

class HostileCells {
 public:
  explicit HostileCells(const std::filesystem::path& path) {
    sqlite3* opened = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, checked_pages_vfs());
    database_.reset(opened);
    require(code == SQLITE_OK);
    run("PRAGMA ignore_check_constraints = ON");
    run("PRAGMA foreign_keys = OFF");
    each(
        "SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c "
        "WHERE m.type = 'table' ORDER BY m.name, c.cid",
        [&](sqlite3_stmt* row) {
          columns_.push_back({text(row, 0), text(row, 1), text(row, 2)});
        });
  }

  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }

  /// The cell of a row of this column, or of the last there is, becomes what `change` makes of it;
  /// numbers are their bytes, little-endian. Where two rows would have one key nothing is done.
  template <class Change>
  void change(std::size_t column, std::size_t row, Change change) {
    const auto& [table, name, type] = columns_.at(column);
    const std::string value = type == "INTEGER" ? "CAST(" + name + " AS TEXT)" : name;
    std::vector<std::string> cells;
    each("SELECT " + value + " FROM " + table,
         [&](sqlite3_stmt* found) { cells.push_back(text(found, 0)); });
    if (cells.empty()) return;
    const std::string before = cells[std::min(row, cells.size() - 1)];
    const std::string after = change(before, type == "INTEGER");
    const Statement update =
        prepare("UPDATE OR IGNORE " + table + " SET " + name + " = $1 WHERE " + value + " = $2");
    if (type == "INTEGER") {
      sqlite3_bind_int64(update.get(), 1, std::strtoll(after.c_str(), nullptr, 10));
    } else if (type == "TEXT") {
      bind_text(update.get(), 1, after);
    } else {
      bind_blob(update.get(), 1, after);
    }
    type == "BLOB" ? bind_blob(update.get(), 2, before) : bind_text(update.get(), 2, before);
    while (sqlite3_step(update.get()) == SQLITE_ROW) {
    }
  }

 private:
  struct Column {
    std::string table, name, type;
  };
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  std::unique_ptr<sqlite3, Close> database_;
  std::vector<Column> columns_;

  static void require(bool holds) {
    if (!holds) std::abort();
  }
  static std::string text(sqlite3_stmt* row, int column) {
    const void* const bytes = sqlite3_column_blob(row, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }
  static void bind_text(sqlite3_stmt* statement, int at, const std::string& value) {
    sqlite3_bind_text(statement, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  }
  static void bind_blob(sqlite3_stmt* statement, int at, const std::string& value) {
    sqlite3_bind_blob(statement, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  }
  Statement prepare(const std::string& sql) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &made, nullptr);
    require(code == SQLITE_OK);
    return Statement(made);
  }
  template <class Take>
  void each(const std::string& sql, Take take) {
    const Statement statement = prepare(sql);
    while (sqlite3_step(statement.get()) == SQLITE_ROW) take(statement.get());
  }
  void run(const std::string& sql) {
    each(sql, [](sqlite3_stmt*) {});
  }
};

}  // namespace recant::fuzz

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "recant/core/digest.hpp"
#include "recant/core/error.hpp"
#include "recant/core/process_bound.hpp"
#include "recant/ledger/ledger.hpp"

/// What the ledger needs of a database: statements with values bound to $1, $2 .., and
/// transactions. The SQL is the same for all; what differs is behind this.
namespace recant {

using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A value to bind or as found: null, number, text or bytes. Views: it must outlive the call.
using SqlValue = std::variant<std::monostate, std::int64_t, std::string_view, ByteView>;

[[nodiscard]] inline SqlValue sql_optional(const std::optional<std::int64_t>& value) {
  return value ? SqlValue(*value) : SqlValue();
}

/// A row of a result, valid until the callback returns. The getters @throw DamagedError for a value
/// of another type: no statement of ours wrote it.
class SqlRow {
 public:
  virtual ~SqlRow() = default;
  [[nodiscard]] virtual SqlValue value(int column) const = 0;

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::string blob(int column) const;
  [[nodiscard]] Digest digest(int column) const;

 protected:
  explicit SqlRow(const std::string& where) : where_(where) {}

 private:
  template <class T>
  [[nodiscard]] T get(int column) const;
  const std::string& where_;
};

/// A connection of this process: a child that is forked must not say a word on it, not even to end
/// it, and has none.
class Storage : public ProcessBound {
 public:
  /// Waits for other writers; @throws BusyError after 10 seconds.
  virtual void begin_write() = 0;
  /// Everything read until end is of one moment.
  virtual void begin_read() = 0;
  /// When it returns, what was written survives a loss of power.
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;

  /// Runs one statement; sql must be a literal, by whose address it is kept prepared. No statement
  /// may be run from within `row`.
  virtual void run(std::string_view sql, std::span<const SqlValue> values,
                   const std::function<void(const SqlRow&)>& row) = 0;
  void run(std::string_view sql, std::initializer_list<SqlValue> values = {}) {
    run(sql, std::span(values.begin(), values.size()), [](const SqlRow&) {});
  }
  void run(std::string_view sql, std::initializer_list<SqlValue> values,
           const std::function<void(const SqlRow&)>& row) {
    run(sql, std::span(values.begin(), values.size()), row);
  }
  /// The number that a statement gives, of which the one row has one.
  [[nodiscard]] std::int64_t number(std::string_view sql,
                                    std::initializer_list<SqlValue> values = {});

  /// Runs the statements of a schema, in the words of SQLite.
  virtual void run_schema(std::string_view statements) = 0;
  /// 0: nothing of a ledger is there.
  [[nodiscard]] virtual std::int64_t format_version() = 0;
  virtual void set_format_version(std::int64_t version) = 0;

  /// Ledger::scrub().
  virtual bool scrub() = 0;
  /// What the database itself finds wrong with its file; none if nothing.
  [[nodiscard]] virtual std::optional<std::string> own_fault() = 0;
  /// What is wrong with its log, of which then only the beginning is read; none if nothing.
  [[nodiscard]] virtual std::optional<std::string> log_fault() { return std::nullopt; }
  /// That nobody wrote since it was opened, where reading takes no locks. @throws BusyError
  virtual void require_still() const {}
  /// Calls read(), and does not call damaged what somebody was writing meanwhile.
  template <class Read>
  auto read_still(Read read) const {
    try {
      return read();
    } catch (const DamagedError&) {
      require_still();
      throw;
    }
  }
  /// A copy of the file where there is one; false: copy row by row.
  virtual bool copy_file(const std::filesystem::path& to) = 0;

  /// For errors: the path, or server and database without a password.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[noreturn]] void damaged(std::string what) const;

 protected:
  explicit Storage(std::string where) : where_(std::move(where)) {}
  std::string where_;
};

enum class StorageMode { kRead, kWrite, kCreate };

/// Opens what `location` names: a path, or postgresql://..
[[nodiscard]] std::unique_ptr<Storage> open_storage(const std::string& location, StorageMode mode);

/// Ends without effect unless committed.
class Transaction {
 public:
  Transaction(Storage& storage, LedgerAccess access) : storage_(storage) {
    access == LedgerAccess::kWrite ? storage_.begin_write() : storage_.begin_read();
  }
  ~Transaction() {
    if (!committed_) storage_.rollback();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit() {
    storage_.commit();
    committed_ = true;
  }

 private:
  Storage& storage_;
  bool committed_ = false;
};

}  // namespace recant

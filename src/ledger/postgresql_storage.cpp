// SPDX-License-Identifier: Apache-2.0
#include "postgresql_storage.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "libpq.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr Oid kInt8 = 20, kInt4 = 23, kBytea = 17, kText = 25;  // pg_type.dat; they never change
constexpr int kBinary = 1;

struct Finish {
  void operator()(PGconn* connection) const { libpq().PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { libpq().PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

/// A number as the server sends and takes it: most significant byte first.
std::array<char, 8> to_network(std::int64_t number) {
  std::array<char, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * (7 - i)));
  }
  return bytes;
}

std::int64_t from_network(const char* bytes, int size) {
  std::uint64_t number = bytes[0] < 0 ? ~std::uint64_t{0} : 0;
  for (int i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<std::int64_t>(number);
}

class PostgresqlRow final : public SqlRow {
 public:
  PostgresqlRow(const PGresult* result, const std::string& where)
      : SqlRow(where), result_(result) {}

  [[nodiscard]] SqlValue value(int column) const override {
    if (libpq().PQgetisnull(result_, 0, column) != 0) return std::monostate();
    const char* const bytes = libpq().PQgetvalue(result_, 0, column);
    const auto size = static_cast<std::size_t>(libpq().PQgetlength(result_, 0, column));
    switch (libpq().PQftype(result_, column)) {
      case kInt8:
      case kInt4:
        return from_network(bytes, static_cast<int>(size));
      case kText:
        return std::string_view(bytes, size);
      case kBytea:
        return bytes_of({bytes, size});
      default:
        return std::monostate();
    }
  }

 private:
  const PGresult* result_;
};

/// The values of a statement as libpq takes them.
class Parameters {
 public:
  explicit Parameters(std::span<const SqlValue> values)
      : numbers_(values.size()),
        bytes_(values.size()),
        sizes_(values.size()),
        formats_(values.size(), kBinary) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::visit([&](const auto& value) { set(i, value); }, values[i]);
    }
  }
  [[nodiscard]] int count() const { return static_cast<int>(bytes_.size()); }
  [[nodiscard]] const char* const* bytes() const { return bytes_.data(); }
  [[nodiscard]] const int* sizes() const { return sizes_.data(); }
  [[nodiscard]] const int* formats() const { return formats_.data(); }

 private:
  void set(std::size_t, std::monostate) {}  // no bytes: null
  void set(std::size_t i, std::int64_t number) {
    numbers_[i] = to_network(number);
    bytes_[i] = numbers_[i].data();
    sizes_[i] = 8;
  }
  void set(std::size_t i, std::string_view text) { set(i, bytes_of(text)); }
  void set(std::size_t i, ByteView bytes) {
    bytes_[i] = bytes.empty() ? "" : reinterpret_cast<const char*>(bytes.data());
    sizes_[i] = static_cast<int>(bytes.size());
  }
  std::vector<std::array<char, 8>> numbers_;
  std::vector<const char*> bytes_;
  std::vector<int> sizes_, formats_;
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

/// "PostgreSQL database DB at HOST": what of a url may stand in an error.
std::string place_of(const std::string& url) {
  char* message = nullptr;
  PQconninfoOption* const options = libpq().PQconninfoParse(url.c_str(), &message);
  libpq().PQfreemem(message);
  if (options == nullptr) {
    throw UsageError("is not an address postgresql://HOST/DATABASE", "the ledger's address");
  }
  std::string host = "this machine", database;
  bool password = false;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view key = option->keyword;
    if (key == "host") host = option->val;
    if (key == "dbname") database = option->val;
    if (key == "password" || key == "sslpassword") password = true;
  }
  libpq().PQconninfoFree(options);
  if (password) {
    throw UsageError("must not hold a password", "the ledger's address",
                     "give it in PGPASSWORD or in the file ~/.pgpass");
  }
  return fmt::format("PostgreSQL database {} at {}", database, host);
}

class PostgresqlStorage final : public Storage {
 public:
  PostgresqlStorage(const std::string& url, StorageMode mode) : Storage(place_of(url)) {
    connection_.reset(libpq().PQconnectdb(url.c_str()));
    if (libpq().PQstatus(connection_.get()) != CONNECTION_OK) {
      throw DataError("the database server does not let us in or does not answer", where_);
    }
    // Notices would go to standard error.
    libpq().PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    execute("SET lock_timeout = '10s'; SET synchronous_commit = on; SET client_encoding = 'UTF8'");
    if (mode == StorageMode::kRead) execute("SET default_transaction_read_only = on");
    bool synced = false;
    run("SELECT current_setting('fsync')", {},
        [&](const SqlRow& row) { synced = row.text(0) == "on"; });
    if (!synced && mode != StorageMode::kRead) {
      throw DataError("the database server loses what it committed when power fails", where_,
                      "run it with fsync on");
    }
    if (mode != StorageMode::kRead && !has_tables()) wait_for_maker();
  }

  void begin_write() override {
    execute("BEGIN ISOLATION LEVEL READ COMMITTED");
    if (has_tables()) {
      // The table that every change ends with; readers pass.
      execute("LOCK TABLE ledger IN EXCLUSIVE MODE");
    } else {
      wait_for_maker();
    }
  }
  void begin_read() override { execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); }
  void commit() override { execute("COMMIT"); }
  void rollback() noexcept override {
    if (inherited()) return;
    if (libpq().PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) {
      libpq().PQclear(libpq().PQexec(connection_.get(), "ROLLBACK"));
    }
  }

  using Storage::run;
  void run(std::string_view sql, std::span<const SqlValue> values,
           const std::function<void(const SqlRow&)>& row) override;

  void run_schema(std::string_view statements) override {
    std::string text(statements);
    replace_all(text, "INTEGER", "BIGINT");
    replace_all(text, "BLOB", "BYTEA");
    replace_all(text, ") STRICT, WITHOUT ROWID;", ");");
    replace_all(text, ") STRICT;", ");");
    execute(text);
  }
  [[nodiscard]] std::int64_t format_version() override;
  void set_format_version(std::int64_t version) override {
    execute(fmt::format("COMMENT ON TABLE ledger IS 'recant ledger {}'", version));
  }

  // The server's log of changes is not ours to wipe; what is sealed in it stays encrypted.
  bool scrub() override { return true; }
  [[nodiscard]] std::optional<std::string> own_fault() override { return std::nullopt; }
  bool copy_file(const std::filesystem::path&) override { return false; }

 private:
  [[nodiscard]] bool has_tables() {
    if (has_tables_) return true;
    has_tables_ = number(
                      "SELECT count(*) FROM pg_class WHERE relname = 'ledger' AND relkind = 'r' "
                      "AND relnamespace = (SELECT oid FROM pg_namespace "
                      "WHERE nspname = current_schema())") != 0;
    return has_tables_;
  }
  /// PQfinish would tell the server that the parent has left. An open socket would keep it from
  /// seeing that it has.
  void let_go() noexcept override {
    const PGconn* const lost = connection_.release();
    if (lost != nullptr) ::close(libpq().PQsocket(lost));
  }
  /// Waits until nobody else is making the tables: one whose process has died may still commit. In
  /// a transaction, nobody else is until it ends. The number is "rcnt", as of SQLite files.
  void wait_for_maker() {
    run("SELECT pg_advisory_xact_lock(1919118964, "
        "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())::int4)",
        {});
  }
  void execute(const std::string& sql) {
    const Result result(libpq().PQexec(connection_.get(), sql.c_str()));
    if (libpq().PQresultStatus(result.get()) != PGRES_COMMAND_OK) fail(result.get());
  }
  const std::string& prepared(std::string_view sql);
  [[noreturn]] void fail(const PGresult* result) const;

  std::unique_ptr<PGconn, Finish> connection_;
  std::unordered_map<const char*, std::string> statements_;
  bool has_tables_ = false;
};

const std::string& PostgresqlStorage::prepared(std::string_view sql) {
  const auto known = statements_.find(sql.data());
  if (known != statements_.end()) return known->second;
  const std::string statement = fmt::format("s{}", statements_.size());
  const Result result(libpq().PQprepare(connection_.get(), statement.c_str(),
                                        std::string(sql).c_str(), 0, nullptr));
  if (libpq().PQresultStatus(result.get()) != PGRES_COMMAND_OK) fail(result.get());
  return statements_.emplace(sql.data(), statement).first->second;
}

void PostgresqlStorage::run(std::string_view sql, std::span<const SqlValue> values,
                            const std::function<void(const SqlRow&)>& row) {
  PGconn* const connection = connection_.get();
  const Parameters parameters(values);
  if (libpq().PQsendQueryPrepared(connection, prepared(sql).c_str(), parameters.count(),
                                  parameters.bytes(), parameters.sizes(), parameters.formats(),
                                  kBinary) == 0) {
    fail(nullptr);
  }
  // Row by row: a table need not fit in memory.
  libpq().PQsetSingleRowMode(connection);
  struct Drain {  // whatever ends this, the connection is ready for the next statement
    PGconn* connection;
    ~Drain() {
      while (PGresult* const rest = libpq().PQgetResult(connection)) libpq().PQclear(rest);
    }
  } const drain{connection};
  while (const Result result{libpq().PQgetResult(connection)}) {
    switch (libpq().PQresultStatus(result.get())) {
      case PGRES_SINGLE_TUPLE:
        row(PostgresqlRow(result.get(), where_));
        break;
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        break;
      default:
        fail(result.get());
    }
  }
}

std::int64_t PostgresqlStorage::format_version() {
  if (!has_tables()) return 0;
  constexpr std::string_view kComment = "recant ledger ";
  std::string comment;
  run("SELECT coalesce(obj_description((quote_ident(current_schema()) || '.ledger')::regclass, "
      "'pg_class'), '')",
      {}, [&](const SqlRow& row) { comment = row.text(0); });
  const std::string digits = comment.substr(std::min(comment.size(), kComment.size()));
  if (!comment.starts_with(kComment) || digits.empty() || digits.size() > 9 ||
      !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) {
    damaged("is not a ledger: there is a table of that name");
  }
  const std::int64_t version = std::stoll(digits);
  return version == 1 ? 2 : version;  // which changed files of SQLite alone
}

/// SQLSTATE classes as the classes of error a caller can act on. The server's own text may quote
/// values; of it only the code is told.
void PostgresqlStorage::fail(const PGresult* result) const {
  const char* const field =
      result != nullptr ? libpq().PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const std::string_view state = field != nullptr ? field : "";
  const std::string_view kind = state.substr(0, 2);
  if (state == "55P03" || kind == "40") {
    throw BusyError("another process is writing to the ledger", where_, "try again");
  }
  if (state == "53100") {
    throw DataError("the ledger cannot be written: the server's disk is full", where_,
                    "free some space and run again");
  }
  if (state.empty() || kind == "08" || kind == "57") {
    throw DataError("the connection to the database server was lost", where_);
  }
  if (kind == "XX" || kind == "23" || kind == "22" || state == "42P01" || state == "42703") {
    throw DamagedError(fmt::format("the ledger is damaged (SQLSTATE {})", state), where_);
  }
  throw DataError(fmt::format("the ledger cannot be read or written (SQLSTATE {})", state), where_);
}

}  // namespace

void check_postgresql_address(const std::string& url) {
  static_cast<void>(place_of(url));
}

std::unique_ptr<Storage> open_postgresql(const std::string& url, StorageMode mode) {
  return std::make_unique<PostgresqlStorage>(url, mode);
}

}  // namespace recant

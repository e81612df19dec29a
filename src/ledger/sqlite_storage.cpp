// SPDX-License-Identifier: Apache-2.0
#include "sqlite_storage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "checked_pages.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "schema.hpp"
#include "wal_damage.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

constexpr int kWaitMilliseconds = 10'000;
constexpr int kScrubMilliseconds = 1'000;
constexpr std::int64_t kApplication = 0x72636E74;  // "rcnt", at byte 68 of the file
constexpr std::int64_t kFirstVersion = 2;          // whose pages have sums
constexpr const char* kRollback = "ROLLBACK";
constexpr int kMostBytes = 256 << 20;  // of a value

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

/// A connection and what is prepared on it, which goes first.
struct Session {
  fs::path path;
  Connection connection;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements;
  Session* next = nullptr;  ///< of those inherited
};

/// What a child has of its parent's sessions when it is forked: out of everybody's reach.
Session* inherited_sessions = nullptr;
std::mutex of_inherited_sessions;

/// Whether nothing was under way on it when the process forked. A thread that was at it is gone,
/// and left it locked.
bool is_idle(const Session& session) {
  sqlite3_mutex* const mutex = sqlite3_db_mutex(session.connection.get());
  if (sqlite3_mutex_try(mutex) != SQLITE_OK) return false;
  const bool idle = sqlite3_get_autocommit(session.connection.get()) != 0 &&
                    std::ranges::none_of(session.statements, [](const auto& each) {
                      return each.second && sqlite3_stmt_busy(each.second.get()) != 0;
                    });
  sqlite3_mutex_leave(mutex);
  return idle;
}

/// Before a child opens a ledger of its own: what SQLite remembers of its parent's must go. For a
/// file that is open twice SQLite counts locks in the process's memory, and the system's locks,
/// which no child inherits, would never be asked for. Of an idle connection closing touches nothing
/// that the parent has, if it does not first move the -wal into the ledger. Of another nothing is
/// sure:
/// @throws UsageError if it is to the same file.
void forget_inherited_sessions(const fs::path& path) {
  const std::lock_guard lock(of_inherited_sessions);
  Session* busy = nullptr;
  bool in_the_way = false;
  while (inherited_sessions != nullptr) {
    Session* const session = inherited_sessions;
    inherited_sessions = session->next;
    if (session->connection && !is_idle(*session)) {
      session->next = std::exchange(busy, session);
      std::error_code code;
      in_the_way = in_the_way || fs::equivalent(session->path, path, code);
      continue;
    }
    if (session->connection) {
      sqlite3_db_config(session->connection.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    delete session;
  }
  inherited_sessions = busy;
  if (!in_the_way) return;
  throw UsageError("this process was forked while another thread used the ledger", path.string(),
                   "start a new process (multiprocessing: spawn), or fork between two calls");
}

/// A file of the database and those that SQLite keeps beside it.
void remove_database(const fs::path& path) {
  for (const char* const suffix : {"", "-wal", "-shm", "-journal"}) {
    std::error_code ignored;
    fs::remove(path.string() + suffix, ignored);
  }
}

/// Makes the file, readable by its owner alone; the files that SQLite puts beside it become so too.
void create_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) {
    ::close(file);
    return;
  }
  const int code = errno;
  if (code == EEXIST) throw UsageError("exists already", path.string(), "choose another name");
  throw DataError(fmt::format("cannot be created: {}", std::strerror(code)), path.string());
}

/// A file that may only be read SQLite takes without a word, and then says of the ledger that it is
/// for reading; a reader makes -wal and -shm with the rights that the ledger has at that time.
/// @throws DataError naming what this user may not write.
void require_writable(const fs::path& path) {
  const auto refusal = [](const fs::path& file) {
    const bool refused = ::faccessat(AT_FDCWD, file.c_str(), W_OK, AT_EACCESS) != 0;
    return refused ? errno : 0;
  };
  const auto require = [&](const fs::path& file, const char* hint) {
    const int code = refusal(file);
    if (code != EACCES && code != EPERM && code != EROFS) return;
    throw DataError(fmt::format("cannot be written: {}", std::strerror(code)), file.string(),
                    code == EROFS ? "" : hint);
  };
  constexpr const char* kPermit = "give this user the right to write it";
  for (const char* const suffix : {"", "-wal", "-shm"}) {
    const fs::path file = path.string() + suffix;
    if (refusal(file) == ENOENT) {
      require(path.has_parent_path() ? path.parent_path() : ".", kPermit);
      continue;
    }
    std::error_code unknown;
    const bool holds_nothing =
        suffix == std::string_view("-shm") || fs::file_size(file, unknown) == 0;
    require(file, holds_nothing ? "give this user the right to write it, or remove it while nobody "
                                  "has the ledger open"
                                : kPermit);
  }
}

/// Copies a database page by page, and looks for an interrupt now and then; SQLite's last code.
int copy_pages(sqlite3* from, sqlite3* to, const fs::path& path) {
  constexpr int kPages = 4096;
  const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
      sqlite3_backup_init(to, "main", from, "main"), &sqlite3_backup_finish);
  if (backup == nullptr) throw DataError("cannot be written", path.string());
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    check_interrupt();
    code = sqlite3_backup_step(backup.get(), kPages);
  }
  return code;
}

std::string not_as_written(std::int64_t page) {
  return fmt::format("page {} is not as it was written", page);
}

class SqliteRow final : public SqlRow {
 public:
  SqliteRow(sqlite3_stmt* statement, const std::string& where)
      : SqlRow(where), statement_(statement) {}

  [[nodiscard]] SqlValue value(int column) const override {
    switch (sqlite3_column_type(statement_, column)) {
      case SQLITE_INTEGER:
        return std::int64_t{sqlite3_column_int64(statement_, column)};
      case SQLITE_TEXT: {
        const ByteView text = bytes(sqlite3_column_text(statement_, column), column);
        return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
      }
      case SQLITE_BLOB:
        return bytes(sqlite3_column_blob(statement_, column), column);
      default:
        return std::monostate();
    }
  }

 private:
  /// SQLite gives no address for no bytes, and when it has no memory to put them in order.
  [[nodiscard]] ByteView bytes(const void* from, int column) const {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    if (from == nullptr && size > 0) throw DataError("there is not enough memory for the ledger");
    return {static_cast<const std::uint8_t*>(from), from == nullptr ? 0 : size};
  }
  sqlite3_stmt* statement_;
};

class SqliteStorage final : public Storage {
 public:
  SqliteStorage(const fs::path& path, StorageMode mode)
      : Storage(path.string()), session_(new Session{.path = path}) {
    forget_inherited_sessions(path);
    if (mode == StorageMode::kCreate) {
      create_file(path);
      fresh_ = true;
    } else if (std::error_code code; !fs::exists(path, code)) {
      throw NotFoundError("there is no ledger", where_);
    } else if (!fs::is_regular_file(path, code)) {
      damaged("is not a ledger");
    }
    try {
      read_still([&] {
        connect(mode);
        if (mode == StorageMode::kRead && format_version() == 0) damaged("is not a ledger");
      });
    } catch (...) {
      close();
      throw;
    }
  }
  ~SqliteStorage() override { close(); }

  void begin_write() override {
    be_ready_to_begin();
    run("BEGIN IMMEDIATE", {});
  }
  void begin_read() override {
    be_ready_to_begin();
    run("BEGIN", {});
  }
  void commit() override {
    run("COMMIT", {});
    fresh_ = false;
  }
  void rollback() noexcept override {
    if (inherited() || sqlite3_get_autocommit(connection()) != 0) return;
    sqlite3_stmt* const statement = session_->statements.at(kRollback).get();
    sqlite3_step(statement);
    sqlite3_reset(statement);
  }

  using Storage::run;
  void run(std::string_view sql, std::span<const SqlValue> values,
           const std::function<void(const SqlRow&)>& row) override {
    sqlite3_stmt* const statement = prepared(sql);
    struct Reset {
      sqlite3_stmt* statement;
      ~Reset() {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
      }
    } const reset{statement};
    for (std::size_t i = 0; i < values.size(); ++i) bind(statement, i, values[i]);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) row(SqliteRow(statement, where_));
    if (code != SQLITE_DONE) fail(code);
  }

  void run_schema(std::string_view statements) override { execute(std::string(statements)); }
  [[nodiscard]] std::int64_t format_version() override;
  void set_format_version(std::int64_t version) override {
    execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplication, version));
  }

  bool scrub() override;
  [[nodiscard]] std::optional<std::string> own_fault() override;
  [[nodiscard]] std::optional<std::string> log_fault() override;
  void require_still() const override;
  bool copy_file(const fs::path& to) override;

 private:
  /// So that rolling back needs no memory, and that one that failed all the same holds nothing up.
  void be_ready_to_begin() {
    static_cast<void>(prepared(kRollback));
    rollback();
  }
  [[nodiscard]] sqlite3* connection() const noexcept { return session_->connection.get(); }
  void let_go() noexcept override {
    fresh_ = false;
    if (!session_) return;
    session_->next = inherited_sessions;
    inherited_sessions = session_.release();
  }
  void connect(StorageMode mode);
  void open_file(const std::string& name, int flags);
  void check_header();
  void harden();
  void sync_log();
  [[nodiscard]] bool can_be_read();
  /// By what a writer is known whose locks nobody sees.
  struct Trace {
    fs::file_time_type written;
    std::uintmax_t bytes = 0, bytes_of_log = 0;
    bool operator==(const Trace&) const = default;
  };
  [[nodiscard]] Trace trace() const;
  void close();
  void execute(const std::string& sql) {
    const int code = sqlite3_exec(connection(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code);
  }
  sqlite3_stmt* prepared(std::string_view sql);
  void bind(sqlite3_stmt* statement, std::size_t index, const SqlValue& value);
  [[nodiscard]] std::string text_of(std::string_view sql);
  [[noreturn]] void fail(int code) const;

  std::unique_ptr<Session> session_;
  std::optional<Trace> opened_at_;  ///< where nothing is locked
  bool fresh_ = false;              ///< made by this object, and nothing is committed yet
};

void SqliteStorage::connect(StorageMode mode) {
  if (mode == StorageMode::kWrite) require_writable(session_->path);
  if (mode != StorageMode::kRead) {
    open_file(session_->path.string(), SQLITE_OPEN_READWRITE);
    if (mode == StorageMode::kCreate) {
      const int code = make_checked_pages(connection());
      if (code != SQLITE_OK) fail(code);
    } else {
      // Before anything could write to a file that is somebody else's.
      check_header();
      if (format_version() == 0) damaged("is not a ledger");
    }
    execute("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON");
    if (text_of("PRAGMA journal_mode = WAL") != "wal") {
      throw DataError("the file system cannot hold a ledger: it has no shared memory", where_,
                      "move it to a local disk");
    }
    sync_log();
    return;
  }
  open_file(session_->path.string(), SQLITE_OPEN_READONLY);
  check_header();
  // Who closes last would remove a -wal in which nothing is valid: it may be damaged and wanted.
  sqlite3_db_config(connection(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (can_be_read()) return;
  // A folder in which nothing can be created: SQLite cannot make its index of the -wal file there.
  // Without such a file none is needed. Who writes in spite of that, to another mount of the
  // folder, is seen afterwards by the trace.
  const Trace now = trace();
  if (now.bytes_of_log > 0) fail(sqlite3_extended_errcode(connection()));
  opened_at_ = now;
  std::string uri = "file:";
  for (const char c : fs::absolute(session_->path).string()) {
    uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  open_file(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

void SqliteStorage::open_file(const std::string& name, int flags) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &opened, flags | SQLITE_OPEN_EXRESCODE, checked_pages_vfs());
  session_->connection.reset(opened);
  if (code != SQLITE_OK) fail(code);
  harden();
}

/// What is no SQLite file, or a ledger whose pages have no sums. These bytes are the same in every
/// ledger of a version, so that no writer can be changing them.
void SqliteStorage::check_header() {
  constexpr std::string_view kBegin("SQLite format 3\0", 16);
  constexpr std::size_t kReserved = 20, kUserVersion = 60, kApplicationId = 68;
  std::array<std::uint8_t, kHeaderBytes> header;
  if (const int code = read_header(connection(), header); code != SQLITE_OK) fail(code);
  const auto number_at = [&](std::size_t at) {
    std::int64_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) number = number << 8 | header[i];
    return number;
  };
  const bool ours = number_at(kApplicationId) == kApplication;
  // What it says of itself may be in the -wal alone yet, but not that its pages have sums.
  if (!std::equal(kBegin.begin(), kBegin.end(), header.begin()) ||
      (!ours && header[kReserved] != kSumBytes)) {
    damaged("is not a ledger");
  }
  if (ours && number_at(kUserVersion) == 1) {
    throw DamagedError("the ledger has format version 1, of before the first release", where_,
                       "fit the model again");
  }
}

/// The file may come from anyone: nothing in it is run, no size in it is believed.
void SqliteStorage::harden() {
  sqlite3* const opened = connection();
  sqlite3_busy_timeout(opened, kWaitMilliseconds);
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMostBytes);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  // Mapped, a file that is cut off would be a signal instead of an error.
  execute("PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
}

/// A writer that was killed may have left a commit of which not all is on the disk yet. It must be
/// before another one is: damaged_frame() takes that for certain. Of those that live each syncs its
/// own, and SQLite shows it to nobody before.
void SqliteStorage::sync_log() {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(connection(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log == nullptr || log->pMethods == nullptr) return;
  sqlite3_int64 size = 0;
  int code = log->pMethods->xFileSize(log, &size);
  if (code == SQLITE_OK && size > 0) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) fail(code);
}

SqliteStorage::Trace SqliteStorage::trace() const {
  std::error_code ignored;
  const auto size = [&](const std::string& file) {
    const std::uintmax_t bytes = fs::file_size(file, ignored);
    return ignored ? 0 : bytes;
  };
  return {.written = fs::last_write_time(session_->path, ignored),
          .bytes = size(session_->path.string()),
          .bytes_of_log = size(session_->path.string() + "-wal")};
}

void SqliteStorage::require_still() const {
  if (!opened_at_ || trace() == *opened_at_) return;
  throw BusyError("the ledger changed while it was read from a folder that cannot be written",
                  where_, "try again");
}

bool SqliteStorage::can_be_read() {
  const int code =
      sqlite3_exec(connection(), "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return true;
  const int kind = code & 0xFF;
  if (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) return false;
  fail(code);
}

void SqliteStorage::close() {
  if (inherited()) return;
  const fs::path path = session_->path;
  session_.reset();
  if (fresh_) remove_database(path);
}

sqlite3_stmt* SqliteStorage::prepared(std::string_view sql) {
  auto& statement = session_->statements[sql.data()];
  if (!statement) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v3(connection(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (code != SQLITE_OK) fail(code);
    statement.reset(made);
  }
  return statement.get();
}

void SqliteStorage::bind(sqlite3_stmt* statement, std::size_t index, const SqlValue& value) {
  // To SQLite $1 is a name; it numbers names by where they stand first.
  const int at = sqlite3_bind_parameter_index(statement, fmt::format("${}", index + 1).c_str());
  const auto bind_one = [&]<class T>(const T& v) {
    if constexpr (std::is_same_v<T, std::monostate>) {
      return sqlite3_bind_null(statement, at);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      return sqlite3_bind_int64(statement, at, v);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      // An empty view may point nowhere, which would be null.
      return sqlite3_bind_text64(statement, at, v.empty() ? "" : v.data(), v.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    } else {
      return v.empty() ? sqlite3_bind_zeroblob(statement, at, 0)
                       : sqlite3_bind_blob64(statement, at, v.data(), v.size(), SQLITE_STATIC);
    }
  };
  const int code = std::visit(bind_one, value);
  if (code != SQLITE_OK) fail(code);
}

std::string SqliteStorage::text_of(std::string_view sql) {
  std::string text;
  run(sql, {}, [&](const SqlRow& row) { text = row.text(0); });
  return text;
}

/// Every statement that made what is in the database, in the order of names; SQLite's code.
int read_schema(sqlite3* connection, std::string& text) {
  const auto add = [](void* to, int count, char** values, char**) {
    for (int i = 0; i < count; ++i) {
      *static_cast<std::string*>(to) += values[i] != nullptr ? values[i] : "";
      *static_cast<std::string*>(to) += '\n';
    }
    return 0;
  };
  return sqlite3_exec(connection, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", add,
                      &text, nullptr);
}

const std::string& schema_of_this_version() {
  static const std::string text = [] {
    sqlite3* opened = nullptr;
    int code = sqlite3_open(":memory:", &opened);
    const Connection memory(opened);
    for (const std::string_view step : schema_steps()) {
      if (code != SQLITE_OK) break;
      code = sqlite3_exec(opened, std::string(step).c_str(), nullptr, nullptr, nullptr);
    }
    std::string schema;
    if (code == SQLITE_OK) code = read_schema(opened, schema);
    if (code != SQLITE_OK) throw DataError("there is not enough memory for the ledger");
    return schema;
  }();
  return text;
}

std::int64_t SqliteStorage::format_version() {
  const std::int64_t application = number("PRAGMA application_id");
  const std::int64_t version = number("PRAGMA user_version");
  if (application == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema") == 0) {
    return 0;
  }
  if (application != kApplication || version < kFirstVersion) damaged("is not a ledger");
  std::string schema;
  if (const int code = read_schema(connection(), schema); code != SQLITE_OK) fail(code);
  if (version == recant::format_version() && schema != schema_of_this_version()) {
    damaged("the ledger is damaged: its tables are not those of its format version");
  }
  return version;
}

bool SqliteStorage::scrub() {
  sqlite3_busy_timeout(connection(), kScrubMilliseconds);
  const int code = sqlite3_wal_checkpoint_v2(connection(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  sqlite3_busy_timeout(connection(), kWaitMilliseconds);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) fail(code);
  return code == SQLITE_OK;
}

std::optional<std::string> SqliteStorage::log_fault() {
  const std::int64_t frame = damaged_frame(session_->path.string() + "-wal");
  if (frame == 0) return std::nullopt;
  return fmt::format("{}-wal is damaged: frame {} is not as it was written, and later ones are",
                     session_->path.filename().string(), frame);
}

std::optional<std::string> SqliteStorage::own_fault() {
  if (auto fault = log_fault()) return fault;
  // All pages are in a tree, or say where such are, or are free: of free ones SQLite reads few.
  std::string found = text_of("PRAGMA integrity_check(1)");
  if (const std::int64_t page = damaged_page(connection()); page != 0) {
    return not_as_written(page);
  }
  if (found != "ok") {
    std::replace(found.begin(), found.end(), '\n', ' ');
    return found;
  }
  if (number("PRAGMA freelist_count") != 0) return "has pages that nothing is in";
  if (auto fault = fault_outside_pages(connection(), number("PRAGMA page_count"))) {
    return fault;
  }
  std::optional<std::string> table;
  run("PRAGMA foreign_key_check", {}, [&](const SqlRow& row) { table = row.text(0); });
  if (table) return fmt::format("a row of the table {} refers to one that is not there", *table);
  return std::nullopt;
}

bool SqliteStorage::copy_file(const fs::path& to) {
  create_file(to);
  try {
    sqlite3* opened = nullptr;
    const int open_code = sqlite3_open_v2(
        to.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, checked_pages_vfs());
    const Connection copy(opened);
    if (open_code != SQLITE_OK) throw DataError("cannot be opened", to.string());
    // One moment of the ledger: else a change meanwhile would begin the copy anew.
    Transaction transaction(*this, LedgerAccess::kRead);
    static_cast<void>(format_version());
    const int code = copy_pages(connection(), copy.get(), to);
    if (code == SQLITE_IOERR_DATA && damaged_page(connection()) != 0) fail(code);
    if (code != SQLITE_DONE) {
      throw DataError(fmt::format("the copy failed: {}", sqlite3_errstr(code)), to.string());
    }
    transaction.commit();
    require_still();
  } catch (...) {
    remove_database(to);
    throw;
  }
  return true;
}

/// SQLite's codes as the classes of error a caller can act on.
void SqliteStorage::fail(int code) const {
  if (code == SQLITE_IOERR_DATA) {
    damaged(fmt::format("the ledger is damaged: {}", not_as_written(damaged_page(connection()))));
  }
  const int system = connection() != nullptr ? sqlite3_system_errno(connection()) : 0;
  const std::string why = system != 0 ? std::strerror(system) : sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw BusyError("another process is writing to the ledger", where_, "try again");
    case SQLITE_FULL:
      throw DataError("the ledger cannot be written: the disk is full", where_,
                      "free some space and run again");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
      throw DataError(fmt::format("the ledger cannot be read or written: {}", why), where_);
    case SQLITE_NOMEM:
      throw DataError("there is not enough memory for the ledger", where_);
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      throw InternalError(fmt::format("SQLite is used wrongly: {}", sqlite3_errstr(code)), where_);
    default:
      // Everything that is left means that the file is not what it should be: our statements and
      // values fit every ledger.
      throw DamagedError(fmt::format("the ledger is damaged: {}", sqlite3_errstr(code)), where_);
  }
}

}  // namespace

std::unique_ptr<Storage> open_sqlite(const fs::path& path, StorageMode mode) {
  return std::make_unique<SqliteStorage>(path, mode);
}

}  // namespace recant

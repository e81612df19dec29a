// SPDX-License-Identifier: Apache-2.0
// Files that are no ledger, or not whole: damage is named, and nothing else happens.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "checked_pages.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "ledger_life.hpp"
#include "plain_user.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/ledger/ledger.hpp"
#include "schema.hpp"
#include "storage.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace test;
namespace fs = std::filesystem;

void execute(const fs::path& path, const char* sql, const char* vfs = checked_pages_vfs()) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(
      sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
      SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  sqlite3_close(connection);
}

/// All that can be read, as one text.
std::string contents(const Ledger& ledger) {
  std::string text;
  const auto add = [&](const auto& bytes) { text.append(bytes.begin(), bytes.end()); };
  for (const LedgerEvent& event : ledger.events(0, 1000)) {
    add(event.hash);
    add(event.payload);
  }
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    for (const Request& request : ledger.requests(static_cast<RequestState>(s), 0, 1000)) {
      text += std::to_string(request.id) + std::string(name(request.state)) + request.parameters +
              request.reason;
      add(request.key);
      add(request.content);
      for (const Digest& row : ledger.rows_of_request(request.id)) add(row);
    }
  }
  for (const Digest& row : ledger.erased_rows()) add(row);
  for (std::int64_t n = 0; n < ledger.statistics().batches; ++n) {
    text += ledger.batch(n).plan + std::string(name(ledger.batch(n).stage));
    if (const auto release = ledger.release_of_batch(n)) {
      text += release->certificate + release->annex + release->noise;
    }
  }
  for (const ChunkHash& chunk : ledger.chunks()) add(chunk.hash);
  return text + ledger.budget().statement + checkpoint_text(ledger.last_checkpoint().value());
}

class SqliteDamage : public testing::Test {
 protected:
  SqliteDamage() {
    static_cast<void>(lively_ledger(path_));
    bytes_ = read_bytes(path_);
    contents_ = contents(Ledger::open(path_, LedgerAccess::kRead));
  }

  /// A file with these bytes is opened and checked, and damage named.
  void expect_named(const std::string& bytes, LedgerAccess access, const std::string& what) {
    for (const char* const suffix : {"", "-wal", "-shm", "-journal"}) {
      fs::remove(path_.string() + suffix);
    }
    folder_.write("ledger.sqlite", bytes);
    try {
      const LedgerCheck check = Ledger::open(path_, access).check(is_signature);
      ASSERT_TRUE(check.fault.has_value()) << what;
      EXPECT_EQ(check.fault->find('\n'), std::string::npos);
    } catch (const DamagedError& error) {
      EXPECT_NE(error.where().find("ledger.sqlite"), std::string::npos) << what;
    } catch (const std::exception& error) {
      ADD_FAILURE() << what << ": " << error.what();
    }
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "ledger.sqlite";
  std::string bytes_, contents_;
};

TEST_F(SqliteDamage, FlippedBitsAreNamed) {
  SeededRandom random(3, 0);
  for (int i = 0; i < 400; ++i) {
    std::string flipped = bytes_;
    // A third of them where every bit means something: in the header.
    const std::uint64_t bit = random.below(i % 3 == 0 ? 800 : 8 * flipped.size());
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto access = i % 2 == 0 ? LedgerAccess::kRead : LedgerAccess::kWrite;
    expect_named(flipped, access, "bit " + std::to_string(bit));
  }
}

TEST_F(SqliteDamage, TruncationsAndOverwrittenPiecesAreNamed) {
  SeededRandom random(5, 0);
  for (int i = 0; i < 100; ++i) {
    const auto size = static_cast<std::size_t>(random.below(bytes_.size()));
    expect_named(bytes_.substr(0, size), LedgerAccess::kRead, "cut to " + std::to_string(size));
    std::string overwritten = bytes_;
    const std::size_t from = size, end = std::min(bytes_.size(), from + 1 + random.below(5000));
    for (std::size_t at = from; at < end; ++at) {
      overwritten[at] = static_cast<char>(random.bits());
    }
    expect_named(overwritten, LedgerAccess::kRead, "overwritten from " + std::to_string(from));
  }
}

TEST_F(SqliteDamage, WhatIsNoLedgerIsLeftAlone) {
  for (const std::string& bytes : {std::string(), std::string("certificate"),
                                   std::string(4096, '\0'), std::string(100'000, 'x')}) {
    const fs::path path = folder_.write("other", bytes);
    EXPECT_THROW(static_cast<void>(Ledger::open(path, LedgerAccess::kWrite)), DamagedError);
    EXPECT_THROW(static_cast<void>(Ledger::open(path, LedgerAccess::kRead)), DamagedError);
    EXPECT_EQ(read_bytes(path), bytes);
  }
  EXPECT_THROW(static_cast<void>(Ledger::open(folder_.path(), LedgerAccess::kRead)), DamagedError);
  const fs::path foreign = folder_ / "foreign.sqlite";
  execute(foreign, "CREATE TABLE ledger (one, events, hash, writer)", nullptr);
  const std::string before = read_bytes(foreign);
  expect_error<DamagedError>([&] { return Ledger::open(foreign, LedgerAccess::kWrite); },
                             {"foreign.sqlite", "is not a ledger"});
  EXPECT_EQ(read_bytes(foreign), before);
}

/// As a -wal leaves them that lost its end after some of its pages were copied.
TEST_F(SqliteDamage, ATableThatIsAheadOfTheEventsIsNoticedByAWriter) {
  // A batch whose last transaction is taken back: all of it, and then all but one table.
  const std::string back =
      "DELETE FROM events WHERE seq > (SELECT max(event) FROM checkpoints) - 1;"
      "UPDATE ledger SET (events, hash) = (SELECT seq, hash FROM events ORDER BY seq DESC LIMIT "
      "1);";
  const std::string checkpoints =
      "DELETE FROM checkpoints WHERE event > (SELECT events FROM ledger);";
  const std::string batches = "UPDATE batches SET stage = 'released', open = 1 WHERE number = 1;";
  const std::string requests =
      "UPDATE requests SET state = 'released', changed = (SELECT events FROM ledger) WHERE batch = "
      "1;";
  const auto opened = [&](const std::string& sql) {
    fs::remove(path_);
    {
      Ledger ledger = Ledger::create(path_, enrolment());
      ledger.acquire();
      run_batch(ledger, {});
      run_batch(ledger, {validated(ledger, 1, 10)});
    }
    execute(path_, (back + sql).c_str());
    return Ledger::open(path_, LedgerAccess::kWrite);
  };
  static_cast<void>(opened(checkpoints + batches + requests));
  for (const std::string& sql :
       {checkpoints + batches, checkpoints + requests, batches + requests, requests}) {
    expect_error<DamagedError>(
        [&] { return opened(sql); },
        {"ledger.sqlite", "its tables are not as its last events left them"});
  }
}

TEST_F(SqliteDamage, AForeignSchemaIsDamage) {
  for (const char* const sql :
       {"CREATE TABLE more (x)", "DROP INDEX requests_by_state",
        "CREATE VIEW view AS SELECT * FROM events",
        "CREATE TRIGGER wipe AFTER INSERT ON events BEGIN DELETE FROM erased_rows; END"}) {
    folder_.write("ledger.sqlite", bytes_);
    execute(path_, sql);
    expect_error<DamagedError>([&] { return Ledger::open(path_, LedgerAccess::kRead); },
                               {"ledger.sqlite", "tables"});
  }
}

TEST_F(SqliteDamage, ANewerFormatIsNamedAndLeftAlone) {
  execute(path_, "PRAGMA user_version = 99");
  for (const LedgerAccess access : {LedgerAccess::kRead, LedgerAccess::kWrite}) {
    expect_error<DamagedError>([&] { return Ledger::open(path_, access); },
                               {"format version 99", "use a newer recant"});
  }
  execute(path_, "PRAGMA user_version = 0");
  EXPECT_THROW(static_cast<void>(Ledger::open(path_, LedgerAccess::kWrite)), DamagedError);
}

/// The one that was before pages had sums.
TEST_F(SqliteDamage, TheFirstFormatIsNamedAndLeftAlone) {
  const fs::path path = folder_ / "first.sqlite";
  execute(path,
          (std::string(kSchemaSql) + "PRAGMA application_id = 0x72636E74; PRAGMA user_version = 1; "
                                     "PRAGMA journal_mode = WAL")
              .c_str(),
          nullptr);
  const std::string before = read_bytes(path);
  for (const LedgerAccess access : {LedgerAccess::kRead, LedgerAccess::kWrite}) {
    expect_error<DamagedError>([&] { return Ledger::open(path, access); },
                               {"first.sqlite", "format version 1", "fit the model again"});
  }
  EXPECT_EQ(read_bytes(path), before);
}

TEST_F(SqliteDamage, AnOlderFormatTakesTheStepsThatItLacks) {
  // There is no older one whose tables are others: a later one is made up.
  const std::vector<std::string_view> steps = {schema_steps()[0], schema_steps()[1],
                                               "ALTER TABLE requests ADD COLUMN origin TEXT;"};
  const auto storage = open_storage(path_, StorageMode::kWrite);
  {
    const Transaction interrupted(*storage, LedgerAccess::kWrite);
    migrate(*storage, steps);
  }
  EXPECT_EQ(storage->format_version(), 2) << "and its tables are those of version 2";
  Transaction transaction(*storage, LedgerAccess::kWrite);
  migrate(*storage, steps);
  EXPECT_EQ(storage->number("SELECT count(*) FROM requests WHERE origin IS NULL"), 10);
  EXPECT_EQ(storage->number("PRAGMA user_version"), 3);
  migrate(*storage, steps);  // nothing is left to do
  EXPECT_THROW(migrate(*storage, schema_steps()), DamagedError);
}

TEST_F(SqliteDamage, TheFileIsItsOwnersAlone) {
  const fs::path path = folder_ / "private.sqlite";
  const mode_t mask = ::umask(0);
  Ledger ledger = Ledger::create(path, enrolment());
  ledger.acquire();
  for (const char* const suffix : {"", "-wal"}) {
    EXPECT_EQ(fs::status(path.string() + suffix).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
  }
  ledger.backup_to(folder_ / "copy.sqlite");
  EXPECT_EQ(fs::status(folder_ / "copy.sqlite").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  ::umask(mask);
}

TEST_F(SqliteDamage, ReadsFromAFolderThatCannotBeWritten) {
  const int status = run_as_plain_user(std::array<fs::path, 2>{folder_.path(), path_}, [&] {
    fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
    const Ledger ledger = Ledger::open(path_, LedgerAccess::kRead);
    if (ledger.check(is_signature).fault || contents(ledger) != contents_) return 2;
    try {
      static_cast<void>(Ledger::create(folder_ / "new", enrolment()));
      return 3;
    } catch (const DataError&) {  // the new one cannot be made
      return 0;
    }
  });
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_EQ(status, 0);
}

/// What SQLite would call a ledger for reading only, without a file. What a reader made beside it
/// has the rights that the ledger had then.
TEST_F(SqliteDamage, WhatAWriterMayNotWriteIsNamed) {
  const fs::path index = path_.string() + "-shm", log = path_.string() + "-wal";
  for (const fs::path& file : {index, log}) fs::remove(file);
  const int status = run_as_plain_user(std::array<fs::path, 2>{folder_.path(), path_}, [&] {
    const auto refused = [&](const fs::path& file, const char* hint) {
      try {
        static_cast<void>(Ledger::open(path_, LedgerAccess::kWrite));
        return false;
      } catch (const DataError& error) {
        return error.where() == file && std::string(error.what()).find(hint) != std::string::npos;
      }
    };
    const auto own = fs::perms::owner_read | fs::perms::owner_write;
    fs::permissions(path_, fs::perms::owner_read);
    static_cast<void>(Ledger::open(path_, LedgerAccess::kRead));
    if (!refused(path_, "right to write")) return 2;
    fs::permissions(path_, own);
    fs::permissions(log, fs::perms::owner_read);
    if (!refused(log, "or remove it")) return 3;
    fs::remove(log);
    if (!refused(index, "or remove it")) return 4;
    fs::remove(index);
    fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
    if (!refused(folder_.path(), "right to write")) return 5;
    fs::permissions(folder_.path(), fs::perms::owner_all);
    Ledger ledger = Ledger::open(path_, LedgerAccess::kWrite);
    ledger.acquire();
    return 0;
  });
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_EQ(status, 0);
}

/// Somebody who can, by another way to the folder: nothing is locked, and a page of now beside one
/// of before is not damage.
TEST_F(SqliteDamage, AFileThatChangesInAFolderThatCannotBeWrittenIsNotCalledDamaged) {
  fs::last_write_time(path_, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const int status = run_as_plain_user(std::array<fs::path, 2>{folder_.path(), path_}, [&] {
    fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
    const Ledger ledger = Ledger::open(path_, LedgerAccess::kRead);
    std::string bytes = read_bytes(path_);
    for (std::size_t at = kPageBytes + 1000; at < bytes.size(); at += kPageBytes) {
      bytes[at] = static_cast<char>(bytes[at] ^ 1);
    }
    write_bytes(path_, bytes);
    try {
      static_cast<void>(ledger.check(is_signature));
      return 2;
    } catch (const BusyError&) {
    }
    try {  // now it stays as it is
      static_cast<void>(Ledger::open(path_, LedgerAccess::kRead));
      return 3;
    } catch (const DamagedError&) {
      return 0;
    }
  });
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_EQ(status, 0);
}

/// There SQLite reads what a writer left by an index of its own, and the main file is shorter than
/// what it reads.
TEST_F(SqliteDamage, ReadsAWalInAFolderThatCannotBeWritten) {
  const fs::path left = folder_ / "left";
  fs::create_directory(left);
  std::vector<fs::path> paths = {folder_.path(), left};
  {
    Ledger ledger = Ledger::open(path_, LedgerAccess::kWrite);
    ledger.acquire();
    ledger.scrub();
    for (std::uint64_t i = 0; i < 40; ++i) receive(ledger, submission(1000 + i, 1000 + i));
    contents_ = contents(ledger);
    for (const char* const suffix : {"", "-wal", "-shm"}) {
      paths.push_back(left / ("ledger.sqlite" + std::string(suffix)));
      write_bytes(paths.back(), read_bytes(path_.string() + suffix));
      fs::permissions(paths.back(), fs::perms::owner_read);
    }
  }
  const int status = run_as_plain_user(paths, [&] {
    fs::permissions(left, fs::perms::owner_read | fs::perms::owner_exec);
    const std::string location = left / "ledger.sqlite";
    const auto pages = static_cast<std::uintmax_t>(
        open_storage(location, StorageMode::kRead)->number("PRAGMA page_count"));
    if (pages * 4096 <= fs::file_size(location)) return 2;
    const Ledger ledger = Ledger::open(location, LedgerAccess::kRead);
    if (contents(ledger) != contents_) return 3;
    return ledger.check(is_signature).fault ? 4 : 0;
  });
  fs::permissions(left, fs::perms::owner_all);
  EXPECT_EQ(status, 0);
}

/// The noise lies in the file, and in the one beside it, until the batch is certified; then
/// nowhere.
TEST_F(SqliteDamage, SealedNoiseIsWiped) {
  const std::string noise(5000, 'N');
  const auto lies_somewhere = [&] {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (read_bytes(entry.path()).find(noise.substr(0, 100)) != std::string::npos) return true;
    }
    return false;
  };
  Ledger ledger = Ledger::open(path_, LedgerAccess::kWrite);
  ledger.acquire();
  finish(ledger);
  const std::int64_t batch = ledger.prepare(plan_of({}));
  ledger.mark_applied(batch);
  SealedRelease release = sealed_release(batch);
  release.noise = noise;
  ledger.seal(batch, release);
  EXPECT_TRUE(lies_somewhere());
  ledger.mark_released(batch);
  {
    const Ledger reader = Ledger::open(path_, LedgerAccess::kRead);
    reader.read_together([&] {
      static_cast<void>(reader.statistics());
      ledger.mark_certified(batch, sign);
      EXPECT_FALSE(ledger.scrub());  // the reader may still need it
      EXPECT_TRUE(lies_somewhere());
    });
  }
  EXPECT_TRUE(ledger.scrub());
  EXPECT_FALSE(lies_somewhere());
}

}  // namespace
}  // namespace recant

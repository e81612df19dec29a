// SPDX-License-Identifier: Apache-2.0
// Files that are no ledger, or not whole: damage is named, and nothing else happens.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "checked_pages.hpp"
#include "expect_error.hpp"
#include "ledger_life.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/ledger/ledger.hpp"
#include "schema.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace test;
namespace fs = std::filesystem;

std::string bytes_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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
    bytes_ = bytes_of_file(path_);
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
    EXPECT_EQ(bytes_of_file(path), bytes);
  }
  EXPECT_THROW(static_cast<void>(Ledger::open(folder_.path(), LedgerAccess::kRead)), DamagedError);
  const fs::path foreign = folder_ / "foreign.sqlite";
  execute(foreign, "CREATE TABLE ledger (one, events, hash, writer)", nullptr);
  const std::string before = bytes_of_file(foreign);
  expect_error<DamagedError>([&] { return Ledger::open(foreign, LedgerAccess::kWrite); },
                             {"foreign.sqlite", "is not a ledger"});
  EXPECT_EQ(bytes_of_file(foreign), before);
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
  const std::string before = bytes_of_file(path);
  for (const LedgerAccess access : {LedgerAccess::kRead, LedgerAccess::kWrite}) {
    expect_error<DamagedError>([&] { return Ledger::open(path, access); },
                               {"first.sqlite", "format version 1", "fit the model again"});
  }
  EXPECT_EQ(bytes_of_file(path), before);
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

/// As a user whom the folder does not let write; root, whom every folder lets, becomes one.
TEST_F(SqliteDamage, ReadsFromAFolderThatCannotBeWritten) {
  constexpr uid_t kNobody = 65534;
  const uid_t user = ::getuid() == 0 ? kNobody : ::getuid();
  for (const fs::path& path : {folder_.path(), path_}) {
    ASSERT_EQ(::chown(path.c_str(), user, static_cast<gid_t>(-1)), 0);
  }
  const int child = ::fork();
  if (child == 0) {
    try {
      if (::setuid(user) != 0) ::_exit(1);
      fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
      const Ledger ledger = Ledger::open(path_, LedgerAccess::kRead);
      if (ledger.check(is_signature).fault || contents(ledger) != contents_) ::_exit(2);
      static_cast<void>(Ledger::create(folder_ / "new", enrolment()));
      ::_exit(3);
    } catch (const DataError&) {  // the new one cannot be made
      ::_exit(0);
    } catch (...) {
      ::_exit(4);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  fs::permissions(folder_.path(), fs::perms::owner_all);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

/// The noise lies in the file, and in the one beside it, until the batch is certified; then
/// nowhere.
TEST_F(SqliteDamage, SealedNoiseIsWiped) {
  const std::string noise(5000, 'N');
  const auto lies_somewhere = [&] {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (bytes_of_file(entry.path()).find(noise.substr(0, 100)) != std::string::npos) return true;
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

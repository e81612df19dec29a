// SPDX-License-Identifier: Apache-2.0
// Every page of a ledger's file has a sum, whoever wrote it there, and a check reads every page.
#include "checked_pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "expect_error.hpp"
#include "fault_vfs.hpp"
#include "file_bytes.hpp"
#include "ledger_life.hpp"
#include "page_sums.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/ledger/ledger.hpp"
#include "storage.hpp"
#include "temporary_folder.hpp"
#include "wal_frames.hpp"

namespace recant {
namespace {

using namespace test;
namespace fs = std::filesystem;

class CheckedPages : public testing::Test {
 protected:
  /// A ledger with pages of every kind: inner and outer ones of trees, values that are longer than
  /// a page, and pages that say where others are referred to (one in 817).
  void make_large() {
    Ledger ledger = lively_ledger(path_);
    finish(ledger);
    for (std::uint64_t first = 1000; first < 9000; first += 2000) {
      std::vector<Submission> some;
      for (std::uint64_t i = first; i < first + 2000; ++i) some.push_back(submission(i, i));
      some.front().parameters = std::string(20'000, 'p');
      ledger.receive(some);
    }
    ASSERT_TRUE(ledger.scrub());
  }
  [[nodiscard]] std::optional<std::string> fault() const {
    try {
      return Ledger::open(path_, LedgerAccess::kRead).check(is_signature).fault;
    } catch (const DamagedError& error) {
      EXPECT_EQ(error.where(), path_);
      return error.message();
    }
  }
  /// What SQLite and the sums find; not what the rows say.
  [[nodiscard]] std::optional<std::string> fault_of_pages() const {
    try {
      const auto storage = open_storage(path_, StorageMode::kRead);
      const Transaction moment(*storage, LedgerAccess::kRead);
      return storage->own_fault();
    } catch (const DamagedError& error) {
      return error.message();
    }
  }
  /// Any SQL, by what knows nothing of sums.
  static void execute_without_sums(const std::string& path, const char* sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(connection);
  }

  FaultVfs& vfs_ = FaultVfs::install();
  TemporaryFolder folder_;
  std::string path_ = folder_ / "ledger.sqlite";
};

TEST_F(CheckedPages, ASumIsTheOneOfTheFormat) {
  make_large();
  const std::string bytes = read_bytes(path_);
  ASSERT_EQ(bytes.size() % kPageBytes, 0U);
  EXPECT_GT(bytes.size() / kPageBytes, 820U);
  EXPECT_EQ(static_cast<std::size_t>(bytes[20]), kSumBytes) << "which SQLite leaves alone";
  EXPECT_TRUE(with_page_sums(bytes) == bytes);
  // By hashlib.blake2b of b"recant.page/1" and a zero byte, 2 and 4080 (8 bytes each,
  // little-endian), and 4080 bytes i % 251; Python 3.11, November 2026.
  std::array<std::uint8_t, kPageBytes> page{};
  for (std::size_t i = 0; i < kPageBytes - kSumBytes; ++i) {
    page[i] = static_cast<std::uint8_t>(i % 251);
  }
  write_page_sum(2, page);
  const std::vector<std::uint8_t> sum(page.end() - kSumBytes, page.end());
  EXPECT_EQ(sum, (std::vector<std::uint8_t>{0x4c, 0xac, 0xb8, 0xdb, 0x61, 0x46, 0x0b, 0xd4, 0x02,
                                            0x90, 0x95, 0xcc, 0xe2, 0x1c, 0x40, 0xeb}));
}

TEST_F(CheckedPages, ABitOfAnyPageIsFound) {
  make_large();
  ASSERT_EQ(fault_of_pages(), std::nullopt);
  const std::size_t pages = fs::file_size(path_) / kPageBytes;
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  SeededRandom random(3, 0);
  for (std::size_t page = 0; page < pages; ++page) {
    const std::size_t at = page * kPageBytes + random.below(kPageBytes);
    const auto bit = static_cast<char>(1 << random.below(8));
    const auto flip = [&] {
      file.seekg(static_cast<std::streamoff>(at));
      const auto flipped = static_cast<char>(file.get() ^ bit);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(flipped).flush();
    };
    flip();
    const std::optional<std::string> found = fault_of_pages();
    ASSERT_TRUE(found.has_value()) << "page " << page + 1 << ", byte " << at % kPageBytes;
    if (at >= kHeaderBytes) {
      const std::string named = "page " + std::to_string(page + 1) + " is not as it was written";
      EXPECT_NE(found->find(named), std::string::npos) << *found;
    }
    flip();
  }
  EXPECT_EQ(fault(), std::nullopt);
}

TEST_F(CheckedPages, APageInThePlaceOfAnotherIsFound) {
  make_large();
  std::string bytes = read_bytes(path_);
  std::swap_ranges(bytes.begin() + 40 * kPageBytes, bytes.begin() + 41 * kPageBytes,
                   bytes.begin() + 41 * kPageBytes);
  write_bytes(path_, bytes);
  EXPECT_TRUE(fault().has_value());
}

TEST_F(CheckedPages, BytesBesideThePagesAreFound) {
  static_cast<void>(lively_ledger(path_));
  const std::string bytes = read_bytes(path_);
  for (const std::size_t more : {std::size_t{1}, kPageBytes, 3 * kPageBytes}) {
    write_bytes(path_, with_page_sums(bytes + std::string(more, '\0')));
    EXPECT_EQ(fault(), "has " + std::to_string(bytes.size() + more) + " bytes, and its pages " +
                           std::to_string(bytes.size()));
  }
  for (const std::size_t less : {std::size_t{1}, kPageBytes - 1, kPageBytes}) {
    write_bytes(path_, bytes.substr(0, bytes.size() - less));
    EXPECT_TRUE(fault().has_value());
  }
}

/// There is none in a ledger: SQLite would not read it, and whoever checks neither.
TEST_F(CheckedPages, AFreePageIsFound) {
  static_cast<void>(lively_ledger(path_));
  execute_without_sums(path_,
                       "PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t AS SELECT "
                       "zeroblob(9000) AS z; DROP TABLE t");
  write_bytes(path_, with_page_sums(read_bytes(path_)));
  EXPECT_EQ(fault(), "has pages that nothing is in");
}

TEST_F(CheckedPages, WhoKnowsNothingOfSumsReadsAndDoesNotWrite) {
  static_cast<void>(lively_ledger(path_));
  execute_without_sums(path_, "SELECT count(*) FROM events");
  EXPECT_EQ(fault(), std::nullopt);
  execute_without_sums(path_, "UPDATE requests SET reason = 'other' WHERE id = 1");
  EXPECT_TRUE(fault().has_value());
}

TEST_F(CheckedPages, ABackupHasSums) {
  make_large();
  const Ledger ledger = Ledger::open(path_, LedgerAccess::kRead);
  const std::string together = folder_ / "together.sqlite", copy = folder_ / "copy.sqlite";
  ledger.backup_to(copy);
  ledger.read_together([&] { ledger.backup_to(together); });  // row by row
  for (const std::string& path : {copy, together}) {
    const std::string bytes = read_bytes(path);
    EXPECT_TRUE(with_page_sums(bytes) == bytes);
    EXPECT_EQ(Ledger::open(path, LedgerAccess::kWrite).check(is_signature).fault, std::nullopt);
  }
}

TEST_F(CheckedPages, ADamagedPageIsNotBackedUp) {
  make_large();
  std::string bytes = read_bytes(path_);
  const std::size_t at = bytes.size() - 5 * kPageBytes + 100;
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  write_bytes(path_, bytes);
  const Ledger ledger = Ledger::open(path_, LedgerAccess::kRead);
  expect_error<DamagedError>(
      [&] {
        ledger.backup_to(folder_ / "copy.sqlite");
        return 0;
      },
      {"ledger.sqlite", "is not as it was written"});
  EXPECT_FALSE(fs::exists(folder_ / "copy.sqlite"));
}

/// Whoever opens a file without a -wal reads the first page before it has a lock, while it may be
/// written, and then once more.
TEST_F(CheckedPages, TheFirstPageCountsWhereItIsReadUnderALock) {
  static_cast<void>(lively_ledger(path_));
  int reads = 0, bad = 1;
  vfs_.at_read = [&](const std::string& path, std::int64_t at, std::span<char> bytes) {
    if (path != path_ || at != 0 || bytes.size() != kPageBytes) return;
    if (reads++ < bad) bytes[2000] = static_cast<char>(bytes[2000] ^ 1);
  };
  EXPECT_EQ(fault(), std::nullopt);
  EXPECT_GT(reads, 1);
  reads = 0, bad = 2;
  const std::optional<std::string> found = fault();
  vfs_.at_read = nullptr;
  EXPECT_THAT(found.value_or(""), testing::HasSubstr("page 1 is not as it was written"));
}

/// In a file of a gigabyte, of which nothing else is on the disk.
TEST_F(CheckedPages, ThePageOfLocksIsZeros) {
  constexpr std::int64_t kLockPage = 262'145;
  static_cast<void>(lively_ledger(path_));
  fs::resize_file(path_, (kLockPage + 1) * kPageBytes);
  const auto found = [&](std::int64_t pages) {
    sqlite3* connection = nullptr;
    EXPECT_EQ(
        sqlite3_open_v2(path_.c_str(), &connection, SQLITE_OPEN_READONLY, checked_pages_vfs()),
        SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, "BEGIN; SELECT * FROM ledger", nullptr, nullptr, nullptr),
              SQLITE_OK);
    std::optional<std::string> fault = fault_outside_pages(connection, pages);
    sqlite3_close(connection);
    return fault;
  };
  EXPECT_EQ(found(kLockPage + 1), std::nullopt);
  EXPECT_THAT(found(kLockPage).value_or(""), testing::HasSubstr("bytes, and its pages"));
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary)
      .seekp((kLockPage - 1) * static_cast<std::int64_t>(kPageBytes) + 17)
      .put('x');
  EXPECT_EQ(found(kLockPage + 1), "page 262145 is not empty");
}

/// Also one whose commits before it can still be read.
TEST_F(CheckedPages, ADamagedWalIsNotBackedUp) {
  Ledger writer = lively_ledger(path_);
  ASSERT_TRUE(writer.scrub());
  for (std::uint64_t i = 100; i < 110; ++i) receive(writer, submission(i, i));
  const std::string left = folder_ / "left.sqlite";
  std::string wal = read_bytes(path_ + "-wal");
  wal[wal_frame(1) + 1000] = static_cast<char>(wal[wal_frame(1) + 1000] ^ 1);
  write_bytes(left, read_bytes(path_));
  write_bytes(left + "-wal", wal);
  const Ledger ledger = Ledger::open(left, LedgerAccess::kRead);
  const auto refused = [&](const std::function<void()>& backup) {
    expect_error<DamagedError>(
        [&] {
          backup();
          return 0;
        },
        {"left.sqlite-wal is damaged: frame 1"});
    EXPECT_FALSE(fs::exists(folder_ / "copy.sqlite"));
  };
  refused([&] { ledger.backup_to(folder_ / "copy.sqlite"); });
  refused([&] { ledger.read_together([&] { ledger.backup_to(folder_ / "copy.sqlite"); }); });
}

/// What a writer that was killed did not sync: two commits of which the disk has not all would look
/// like damage.
TEST_F(CheckedPages, WhatLiesInAWalIsOnTheDiskBeforeAnythingFollows) {
  const Ledger left = lively_ledger(path_);
  std::vector<std::string> synced;
  vfs_.record(path_, [&] { synced.push_back(read_bytes(path_ + "-wal")); });
  const std::string before = read_bytes(path_ + "-wal");
  const Ledger writer = Ledger::open(path_, LedgerAccess::kWrite);
  vfs_.stop_recording();
  ASSERT_FALSE(before.empty());
  ASSERT_EQ(synced.size(), 1U);
  EXPECT_TRUE(synced[0] == before);
}

/// What a shorter file leaves to the disk are zeros, and they are on the disk.
TEST_F(CheckedPages, WhatIsCutOffIsOverwritten) {
  Ledger ledger = Ledger::create(path_, enrolment());
  ledger.acquire();
  const std::int64_t batch = ledger.prepare(plan_of({}));
  ledger.mark_applied(batch);
  SealedRelease release = sealed_release(batch);
  release.noise.assign(100'000, 'N');
  ledger.seal(batch, release);
  ASSERT_TRUE(ledger.scrub());
  const std::size_t before = fs::file_size(path_);
  bool zeros = false;
  vfs_.record(path_, [&] {
    const std::string bytes = read_bytes(path_);
    if (bytes.size() < before) return;
    const std::string_view end = std::string_view(bytes).substr(before - 20 * kPageBytes);
    zeros = zeros || std::ranges::all_of(end, [](char c) { return c == 0; });
  });
  ledger.mark_released(batch);
  ledger.mark_certified(batch, sign);
  vfs_.stop_recording();
  EXPECT_LE(fs::file_size(path_), before - 20 * kPageBytes);
  EXPECT_TRUE(zeros);
}

/// A page that is being written is not damage: with and without a -wal, which the writer makes,
/// moves into the file and removes.
TEST_F(CheckedPages, BesideAWriterNothingIsDamaged) {
  {
    Ledger ledger = Ledger::create(path_, enrolment(std::nullopt));
    ledger.acquire();
    run_batch(ledger, {});
  }
  const int writer = ::fork();
  if (writer == 0) {
    try {
      Stopwatch watch;
      double passed = 0;
      for (std::uint64_t i = 0; passed < 4; ++i, passed += watch.lap()) {
        Ledger ledger = Ledger::open(path_, LedgerAccess::kWrite);
        ledger.acquire();
        for (std::uint64_t j = 0; j < 3; ++j) {
          const std::uint64_t number = 1000 + 3 * i + j;
          ledger.receive(std::vector<Submission>{submission(number, number)});
          run_batch(ledger, {validated(ledger, 1'000'000 + number, 1'000'000 + number)});
        }
      }
      ::_exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "writer: %s\n", error.what());
      ::_exit(1);
    }
  }
  int status = 0, checks = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) {
    EXPECT_EQ(fault(), std::nullopt);
    ++checks;
    if (HasFailure()) break;
  }
  if (HasFailure()) ::waitpid(writer, &status, 0);
  EXPECT_EQ(status, 0);
  std::printf("%d checks\n", checks);
  EXPECT_GT(checks, 3);
}

}  // namespace
}  // namespace recant

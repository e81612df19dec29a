// SPDX-License-Identifier: Apache-2.0
// Any bit and any block of a -wal damaged, and any cut: damage is told apart from what a writer
// left that died, and from what one that lives is writing.
#include "wal_damage.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "file_bytes.hpp"
#include "ledger_life.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/ledger/ledger.hpp"
#include "temporary_folder.hpp"
#include "wal_frames.hpp"

namespace recant {
namespace {

using namespace test;

/// SQLite by itself, which has transactions that no ledger has; false if SQL fails.
class Plain {
 public:
  explicit Plain(const std::string& path) {
    sqlite3_open(path.c_str(), &connection_);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  }
  ~Plain() { sqlite3_close(connection_); }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;
  bool run(const std::string& sql) {
    return sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }

 private:
  sqlite3* connection_ = nullptr;
};

/// A log of ten commits, as a writer leaves it that dies.
class WalDamage : public testing::Test {
 protected:
  WalDamage() {
    const std::string path = folder_ / "ledger.sqlite";
    Ledger ledger = lively_ledger(path);
    EXPECT_TRUE(ledger.scrub());
    for (std::uint64_t i = 100; i < 110; ++i) receive(ledger, submission(i, i));
    take(read_bytes(path + "-wal"));
  }
  void take(const std::string& wal) {
    wal_ = wal;
    commits_ = wal_commits(wal);
    frames_ = wal_frames(wal);
  }
  [[nodiscard]] std::size_t found_in(const std::string& wal) const {
    write_bytes(folder_ / "wal", wal);
    return static_cast<std::size_t>(damaged_frame(folder_ / "wal"));
  }
  [[nodiscard]] std::ptrdiff_t commits_from(std::size_t frame) const {
    return std::ranges::count_if(commits_, [&](std::size_t commit) { return commit >= frame; });
  }
  /// Every bit of each frame's header, by one of each byte, and one of its page.
  void flip_each_frame() const {
    constexpr std::size_t kSalts = 8;
    SeededRandom random(2, 0);
    for (std::size_t frame = 1; frame <= frames_; ++frame) {
      for (std::size_t within = 0; within <= kWalFrameHeader; ++within) {
        std::string wal = wal_;
        const std::size_t more = within == kWalFrameHeader ? random.below(4096) : 0;
        char& byte = wal[wal_frame(frame) + within + more];
        byte = static_cast<char>(byte ^ (1 << random.below(8)));
        // What is in a frame whose sum or salts were hit is known by the next one.
        const bool counts = within >= kSalts && within < kWalFrameHeader;
        const bool wanted = commits_from(counts ? frame : frame + 1) >= 2;
        EXPECT_EQ(found_in(wal), wanted ? frame : 0)
            << "byte " << within + more << " of frame " << frame;
      }
    }
  }
  void lose_each_block(std::size_t bytes, char with) const;

  TemporaryFolder folder_;
  std::string wal_;
  std::size_t frames_ = 0;
  std::vector<std::size_t> commits_;
};

TEST_F(WalDamage, WhatIsWholeOrCutOffIsNotDamaged) {
  ASSERT_EQ(commits_.size(), 10U);
  ASSERT_EQ(commits_.back(), frames_);
  EXPECT_EQ(found_in(wal_), 0U);
  EXPECT_EQ(damaged_frame(folder_ / "nowhere"), 0);
  SeededRandom random(1, 0);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(found_in(wal_.substr(0, random.below(wal_.size()))), 0U);
}

TEST_F(WalDamage, ABitOfAFrameIsFoundBeforeTheLastTransactions) {
  flip_each_frame();
}

/// Each of which is one frame, so that none lies between two commits.
TEST_F(WalDamage, ABitIsFoundAmongCommitsOfOneFrame) {
  for (std::size_t commits = 1; commits <= 6; ++commits) {
    const std::string path = folder_ / ("small" + std::to_string(commits));
    Plain writer(path);
    ASSERT_TRUE(writer.run("CREATE TABLE t (a); PRAGMA wal_checkpoint(TRUNCATE)"));
    for (std::size_t i = 1; i <= commits; ++i) {
      ASSERT_TRUE(writer.run("PRAGMA user_version = " + std::to_string(i)));
    }
    take(read_bytes(path + "-wal"));
    ASSERT_EQ(commits_.size(), commits);
    ASSERT_EQ(frames_, commits);
    EXPECT_EQ(found_in(wal_), 0U);
    flip_each_frame();
  }
}

/// Blocks of a disk, which are wider than what says where the next frame goes on from.
void WalDamage::lose_each_block(std::size_t bytes, char with) const {
  int found = 0, blocks = 0;
  for (std::size_t at = bytes; at + bytes <= wal_.size(); at += bytes) {
    std::string wal = wal_;
    wal.replace(at, bytes, bytes, with);
    const auto differ = [&](std::size_t i) { return wal[i] != wal_[i]; };
    std::size_t first = at, last = at + bytes - 1;
    while (first < last && !differ(first)) ++first;
    while (first < last && !differ(last)) --last;
    if (!differ(first)) continue;
    const auto frame_of = [](std::size_t byte) { return (byte - kWalHeader) / kWalFrame + 1; };
    const std::size_t frame = frame_of(first), end = frame_of(last);
    const std::size_t named = found_in(wal);
    // Where the last frame's own sum was in it, the one behind that counts for nothing.
    const bool sure = commits_from(end + 2) >= 2, possible = commits_from(frame) >= 2;
    EXPECT_TRUE((named == frame && possible) || (named == 0 && !sure))
        << "frame " << named << ", bytes from " << at << " in " << frame << " to " << end;
    found += named != 0 ? 1 : 0;
    ++blocks;
  }
  std::printf("%d of %d blocks of %zu bytes\n", found, blocks, bytes);
  EXPECT_GT(found, blocks / 2);
}

TEST_F(WalDamage, ABlockThatIsLostIsFoundBeforeTheLastTransactions) {
  for (const std::size_t bytes : {std::size_t{512}, std::size_t{4096}}) {
    lose_each_block(bytes, '\0');
    lose_each_block(bytes, '\xff');
  }
}

/// The last transaction as power failure leaves it: any pieces of it, and beside them what was
/// there before: nothing, or frames of a former log, all of which are commits.
TEST_F(WalDamage, AnUnfinishedTransactionIsNotDamage) {
  SeededRandom random(3, 0);
  std::string former = wal_;
  for (std::size_t frame = 1; frame <= frames_; ++frame) {
    former.replace(wal_frame(frame) + 4, 8, std::string("\0\0\0\x09", 4) + former.substr(16, 4));
    former[wal_frame(frame) + 11]--;
  }
  const std::size_t from = wal_frame(commits_[commits_.size() - 2] + 1);
  // Pieces of a disk, or of any length: torn within the header of a frame too.
  for (const std::size_t sector : {std::size_t{512}, std::size_t{8}}) {
    for (const std::string& before : {std::string(wal_.size(), '\0'), former}) {
      for (int i = 0; i < 400; ++i) {
        std::string wal = wal_;
        for (std::size_t at = from; at < wal.size();) {
          const std::size_t pieces = sector == 8 ? 1 + random.below(700) : 1;
          const std::size_t end = std::min(wal.size(), (at / sector + pieces) * sector);
          if (random.below(3) == 0) wal.replace(at, end - at, before, at, end - at);
          at = end;
        }
        EXPECT_EQ(found_in(wal), 0U);
      }
    }
  }
  // The one tear by which a frame of it says that it is a commit, with a sum that is right.
  for (std::size_t frame = commits_[commits_.size() - 2] + 1; frame < frames_; ++frame) {
    std::string wal = wal_;
    wal.replace(wal_frame(frame), 8, former, wal_frame(frame), 8);
    EXPECT_EQ(found_in(wal), 0U) << frame;
  }
}

/// Such a transaction, and after it another that took its place: behind lies what is left of it.
TEST_F(WalDamage, WhatIsLeftOfAnUnfinishedTransactionIsNotDamage) {
  for (std::size_t kept = 0; kept + 2 < commits_.size(); ++kept) {
    // The log up to a commit, as it is; then frames of the same log that do not go on from there.
    const std::size_t from = wal_frame(commits_[kept] + 1);
    const std::size_t left = wal_frame(commits_[commits_.size() - 2] + 1);
    EXPECT_EQ(found_in(wal_.substr(0, from) + wal_.substr(left)), 0U);
  }
}

TEST_F(WalDamage, WhatIsLeftOfAnotherLogIsNotDamage) {
  std::string other = wal_;
  for (std::size_t frame = 1; frame <= frames_; ++frame) {
    other[wal_frame(frame) + 11]++;  // the salt, which each log counts up
  }
  for (const std::size_t kept : commits_) {
    const std::size_t from = wal_frame(kept + 1);
    EXPECT_EQ(found_in(wal_.substr(0, from) + other.substr(from)), 0U);
  }
}

/// One whose memory is short: frames of transactions are there that are rolled back later, or
/// written anew before they are committed.
TEST_F(WalDamage, BesideAWriterNothingIsDamaged) {
  const std::string path = folder_ / "beside";
  const int writer = ::fork();
  if (writer == 0) {
    Plain plain(path);
    bool good = plain.run("PRAGMA cache_size = 10; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
    SeededRandom random(4, 0);
    const auto insert = [&](std::uint64_t most) {
      const std::string count = std::to_string(1 + random.below(most));
      return plain.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT " +
                       count + ") INSERT INTO t (b) SELECT randomblob(1500) FROM n");
    };
    Stopwatch watch;
    for (double passed = 0; good && passed < 3; passed += watch.lap()) {
      good = plain.run("BEGIN") && insert(200) &&
             plain.run("UPDATE t SET b = randomblob(1500) WHERE a % 3 = 0");
      good = good && plain.run(random.below(3) == 0 ? "COMMIT" : "ROLLBACK");
      for (int i = 0; i < 4; ++i) good = good && insert(3);
      if (random.below(30) == 0) {
        good = good && plain.run("DELETE FROM t") && plain.run("PRAGMA wal_checkpoint(RESTART)");
      }
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0, looks = 0;
  std::size_t most = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) {
    EXPECT_EQ(damaged_frame(path + "-wal"), 0);
    std::error_code none_yet;
    const auto bytes = std::filesystem::file_size(path + "-wal", none_yet);
    if (!none_yet) most = std::max<std::size_t>(most, bytes / kWalFrame);
    ++looks;
  }
  EXPECT_EQ(status, 0);
  std::printf("%d looks, up to %zu frames\n", looks, most);
  EXPECT_GT(looks, 10);
  EXPECT_GT(most, 100U);
}

}  // namespace
}  // namespace recant

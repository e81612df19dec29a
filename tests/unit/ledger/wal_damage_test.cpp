// SPDX-License-Identifier: Apache-2.0
// Any bit of a -wal turned over, and any cut: damage is told apart from what a writer left that
// died.
#include "wal_damage.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "file_bytes.hpp"
#include "ledger_life.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/ledger/ledger.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace test;

constexpr std::size_t kHeader = 32, kFrame = 24 + 4096;

/// A log of 20 commits, as a writer leaves it that dies.
class WalDamage : public testing::Test {
 protected:
  WalDamage() {
    const std::string path = folder_ / "ledger.sqlite";
    Ledger ledger = lively_ledger(path);
    EXPECT_TRUE(ledger.scrub());
    for (std::uint64_t i = 100; i < 120; ++i) receive(ledger, submission(i, i));
    wal_ = read_bytes(path + "-wal");
    frames_ = (wal_.size() - kHeader) / kFrame;
    for (std::size_t frame = 1; frame <= frames_; ++frame) {
      if (wal_.substr(kHeader + (frame - 1) * kFrame + 4, 4) != std::string(4, '\0')) {
        commits_.push_back(frame);
      }
    }
  }
  [[nodiscard]] std::size_t found_in(const std::string& wal) const {
    write_bytes(folder_ / "wal", wal);
    return static_cast<std::size_t>(damaged_frame(folder_ / "wal"));
  }
  [[nodiscard]] std::string flipped(std::size_t at, SeededRandom& random) const {
    std::string wal = wal_;
    wal[at] = static_cast<char>(wal[at] ^ (1 << random.below(8)));
    return wal;
  }

  TemporaryFolder folder_;
  std::string wal_;
  std::size_t frames_ = 0;
  std::vector<std::size_t> commits_;
};

TEST_F(WalDamage, WhatIsWholeOrCutOffIsNotDamaged) {
  ASSERT_EQ(commits_.size(), 20U);
  ASSERT_EQ(commits_.back(), frames_);
  EXPECT_EQ(found_in(wal_), 0U);
  EXPECT_EQ(damaged_frame(folder_ / "nowhere"), 0);
  SeededRandom random(1, 0);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(found_in(wal_.substr(0, random.below(wal_.size()))), 0U);
}

TEST_F(WalDamage, ABitOfAFrameIsFoundBeforeTheLastTransaction) {
  SeededRandom random(2, 0);
  for (std::size_t frame = 1; frame <= frames_; ++frame) {
    for (const std::size_t within : {random.below(24), 24 + random.below(4096)}) {
      const std::size_t at = kHeader + (frame - 1) * kFrame + within;
      const bool last = frame > commits_[commits_.size() - 2];
      // Salts, or that it is one, of the commit before the last: it no longer counts as one.
      const bool uncounted = frame == commits_[commits_.size() - 2] && within >= 4 && within < 24;
      const std::size_t found = found_in(flipped(at, random));
      const std::size_t wanted = last || (uncounted && found == 0) ? 0 : frame;
      EXPECT_EQ(found, wanted) << "byte " << within << " of frame " << frame;
    }
  }
}

/// The last transaction as power failure leaves it: any of its pieces of a disk, and not others.
TEST_F(WalDamage, AnUnfinishedTransactionIsNotDamage) {
  constexpr std::size_t kSector = 512;
  SeededRandom random(3, 0);
  const std::size_t from = kHeader + commits_[commits_.size() - 2] * kFrame;
  for (int i = 0; i < 200; ++i) {
    std::string wal = wal_;
    for (std::size_t at = from; at < wal.size();) {
      const std::size_t end = std::min(wal.size(), (at / kSector + 1) * kSector);
      if (random.below(3) == 0) wal.replace(at, end - at, end - at, '\0');
      at = end;
    }
    EXPECT_EQ(found_in(wal), 0U);
  }
}

/// Such a transaction, and after it another that took its place: behind lies what is left of it.
TEST_F(WalDamage, WhatIsLeftOfAnUnfinishedTransactionIsNotDamage) {
  for (std::size_t kept = 0; kept + 2 < commits_.size(); ++kept) {
    // The log up to a commit, as it is; then frames of the same log that do not go on from there.
    const std::size_t from = kHeader + commits_[kept] * kFrame;
    const std::size_t left = kHeader + commits_[commits_.size() - 2] * kFrame;
    EXPECT_EQ(found_in(wal_.substr(0, from) + wal_.substr(left)), 0U);
  }
}

TEST_F(WalDamage, WhatIsLeftOfAnotherLogIsNotDamage) {
  std::string other = wal_;
  for (std::size_t frame = 1; frame <= frames_; ++frame) {
    other[kHeader + (frame - 1) * kFrame + 11]++;  // the salt, which each log counts up
  }
  for (const std::size_t kept : commits_) {
    const std::size_t from = kHeader + kept * kFrame;
    EXPECT_EQ(found_in(wal_.substr(0, from) + other.substr(from)), 0U);
  }
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// Protection of differences when a restored backup makes deletions again: what counts is the step
// A restored backup makes deletions again. Protection of differences: what counts is the step from
// the state that was published last, which the backup does not have. And newer ledgers with damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "dead_writer.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"
#include "wal_frames.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

constexpr Index kRows = 200;

class CatchUpTest : public testing::Test {
 protected:
  CatchUpTest() : fitted_(test::small_model(folder_, kRows)) {
    for (Index row = 0; row < kRows && gone_.size() < 8; ++row) {
      if (fitted_.rows.targets[row] == 1) gone_.push_back(row);  // all push to one side
    }
  }
  /// Deletes all of gone_, one after another; the steps.
  std::vector<double> forget() const {
    Vault vault = Vault::open_for_writing(path_);
    std::vector<double> steps;
    for (const Index row : gone_) {
      const ForgetReport report = vault.forget(test::asked({row}));
      EXPECT_TRUE(report.done()) << report.reason;
      steps.push_back(report.step_norm.value());
    }
    return steps;
  }
  /// The step limit is a little more than what the longest of those steps takes.
  void create_with_difference() {
    test::create_enrolled(path_, fitted_);
    const std::vector<double> steps = forget();
    limit_ = 1.05 * *std::max_element(steps.begin(), steps.end());
    const Vector end = Vault::open(path_).model.theta;
    ASSERT_GT((end - fitted_.model.theta).norm(), 2 * limit_) << "else this test sees nothing";
    EnrolmentRequest request = test::small_budget();
    request.difference_epsilon = 1;
    request.difference_delta = 1e-5;
    request.difference_step = limit_;
    request.sigma = 64;
    test::create_enrolled(path_, fitted_, request);
    Vault::backup(path_, backup_);
  }
  [[nodiscard]] Vault::CaughtUp catch_up() const {
    return Vault::catch_up(backup_, (path_ / "ledger.sqlite").string());
  }
  [[nodiscard]] double allowance() const { return Vault::status(path_).budget->allowance; }
  /// A batch in the newer ledger that is under way, of one that would have moved the model so.
  void leave_under_way(double step_norm, double bound, const std::vector<Index>& rows) const {
    BatchRecord record = test::record_by_hand(version());
    record.step_norm = step_norm;
    record.bound = bound;
    test::prepare_batch(path_, record, fitted_.model.theta, rows);
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct", backup_ = folder_ / "backup.rct";
  FittedModel fitted_;
  std::vector<Index> gone_;
  double limit_ = 0;
};

TEST_F(CatchUpTest, ManyDeletionsThatWerePublishedOneByOneAreOneShortStep) {
  create_with_difference();
  static_cast<void>(forget());
  const Vault::CaughtUp done = catch_up();
  EXPECT_EQ(done.reason, "");
  EXPECT_EQ(done.rows, static_cast<std::int64_t>(gone_.size()));
  EXPECT_EQ(Vault::check(backup_).fault, std::nullopt);
  // And it is not longer than the plan says.
  const Ledger ledger = Ledger::open((backup_ / "ledger.sqlite").string(), LedgerAccess::kRead);
  const BatchRecord record = read_batch_record(ledger.last_batch()->plan, "ledger");
  const double truth = (Vault::open(backup_).model.theta - Vault::open(path_).model.theta).norm();
  EXPECT_LE(truth, record.step_norm.value());
  EXPECT_LE(*record.step_norm, 2 * allowance());
}

TEST_F(CatchUpTest, AStepThatMayNotHaveBeenPublishedIsAddedToItsOwn) {
  create_with_difference();
  leave_under_way(limit_, allowance(), {gone_.front()});  // with ours it is beyond
  const Vault::CaughtUp refused = catch_up();
  EXPECT_EQ(refused.reason, "difference_exceeded");
  EXPECT_EQ(Vault::status(backup_).rows_left, kRows);
  EXPECT_EQ(Vault::check(backup_).fault, std::nullopt);
}

TEST_F(CatchUpTest, AShortStepThatMayNotHaveBeenPublishedIsNoObstacle) {
  create_with_difference();
  leave_under_way(limit_, 0, gone_);
  const Vault::CaughtUp done = catch_up();
  EXPECT_EQ(done.reason, "");
  EXPECT_EQ(done.rows, static_cast<std::int64_t>(gone_.size()));
  EXPECT_EQ(Vault::check(backup_).fault, std::nullopt);
}

/// The newer ledger of a writer that died: what is read of its -wal would be a ledger that knows
/// less of what was deleted, and sound.
class CatchUpFromAWal : public CatchUpTest {
 protected:
  CatchUpFromAWal() {
    test::create_enrolled(path_, fitted_);
    EXPECT_TRUE(Vault::open_for_writing(path_).forget(test::asked({2})).done());
    Vault::backup(path_, backup_);
    {
      const Ledger reader = Ledger::open(ledger_, LedgerAccess::kRead);
      reader.read_together([&] {  // who holds up what would be moved into the main file
        static_cast<void>(reader.statistics());
        for (const Index row : {3, 4, 5}) {
          EXPECT_TRUE(Vault::open_for_writing(path_).forget(test::asked({row})).done());
        }
      });
    }
    wal_ = test::read_bytes(wal_file_);
    damaged_ = wal_;
    const std::size_t early = test::wal_commits(wal_).at(1);
    char& byte = damaged_[test::wal_frame(early) + 500];
    byte = static_cast<char>(byte ^ 1);
  }
  /// But for the lock and the index of a -wal, which whoever reads makes.
  static std::map<std::string, std::string> bytes_of(const fs::path& path) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (!entry.is_regular_file() || entry.path().extension() == ".sqlite-shm") continue;
      if (std::string bytes = test::read_bytes(entry.path()); !bytes.empty()) {
        all[entry.path()] = std::move(bytes);
      }
    }
    return all;
  }

  const std::string ledger_ = path_ / "ledger.sqlite";
  const fs::path wal_file_ = path_ / "ledger.sqlite-wal";
  std::string wal_, damaged_;
};

TEST_F(CatchUpFromAWal, ADamagedOneIsRefused) {
  const auto before = bytes_of(backup_);
  test::write_bytes(wal_file_, damaged_);
  test::expect_error<DamagedError>([&] { return catch_up(); },
                                   {ledger_, "ledger.sqlite-wal is damaged: frame"});
  EXPECT_TRUE(bytes_of(backup_) == before);
  // Nor is it backed up.
  test::expect_error<DamagedError>(
      [&] {
        Vault::backup(path_, folder_ / "another.rct");
        return 0;
      },
      {ledger_, "ledger.sqlite-wal is damaged: frame"});
  EXPECT_FALSE(fs::exists(folder_ / "another.rct"));
  // Put back as it was it has all that was deleted.
  test::write_bytes(wal_file_, wal_);
  EXPECT_EQ(catch_up().rows, 3);
  EXPECT_EQ(Vault::check(backup_).fault, std::nullopt);
}

TEST_F(CatchUpFromAWal, WhereOursHasADamagedOneNothingIsReplaced) {
  // A copy of the folder, that is ahead of what is given as the newer ledger.
  const fs::path copy = folder_ / "copy.rct";
  fs::copy(path_, copy, fs::copy_options::recursive);
  fs::remove(copy / "ledger.sqlite-shm");
  test::write_bytes(copy / "ledger.sqlite-wal", damaged_);
  const auto before = bytes_of(copy);
  test::expect_error<DamagedError>([&] { return Vault::catch_up(copy, ledger_); },
                                   {"copy.rct", "ledger.sqlite-wal is damaged: frame"});
  EXPECT_TRUE(bytes_of(copy) == before);
}

}  // namespace
}  // namespace recant

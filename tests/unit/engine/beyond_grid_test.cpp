// SPDX-License-Identifier: Apache-2.0
// Deletions that lead to parameters which the grid of the noise cannot hold.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "dead_writer.hpp"
#include "file_bytes.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

constexpr Index kHeavy = 7;

/// With the least noise that the fit can be enrolled with. One row holds the slope down.
class BeyondGridTest : public testing::Test {
 protected:
  void create(WhenSpent when_spent = WhenSpent::kRefuse, std::int64_t releases = 100) {
    test::Random random(0);
    Dataset data;
    RowMatrix features(50, 1);
    for (Index i = 0; i < 50; ++i) features(i, 0) = random.normal();
    data.targets = features.col(0);
    features(kHeavy, 0) = 100;
    data.targets[kHeavy] = 0;
    data.features = FeatureMatrix(std::move(features));
    test::write_arrays(folder_, "rows", data);
    FitRequest request;
    request.rows.arrays =
        ArrayFiles{.features = folder_ / "rows_x.npy", .targets = folder_ / "rows_y.npy"};
    request.loss = LossKind::kSquared;
    request.l2 = 1000;
    request.intercept = false;
    const FittedModel fitted = fit(request).first;
    EnrolmentRequest budget = test::small_budget();
    budget.when_spent = when_spent;
    budget.releases = releases;
    for (int k = -110; k < 0; ++k) {
      budget.sigma = std::exp2(0.5 * k) * (1 + 1e-9);
      const EnrolmentPlan plan = plan_enrolment(fitted, budget, nullptr);
      if (plan.refusal) continue;
      Vault::create(path_, fitted, true, &plan);
      return;
    }
    FAIL() << "no noise is enough";
  }
  /// Nothing is drawn, counted or changed, and the no is for good.
  void expect_no(const ForgetReport& report, std::int64_t used) const {
    EXPECT_EQ(report.state, RequestState::kRejected);
    EXPECT_EQ(report.reason, "beyond_grid");
    const VaultStatus status = Vault::status(path_);
    EXPECT_EQ(status.rows_left, 50);
    EXPECT_EQ(status.ledger->budget.used, used);
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "model.rct";
};

TEST_F(BeyondGridTest, AreRejectedBeforeAnythingIsErasedOrDrawn) {
  create();
  const std::string published = test::read_bytes(path_ / "published" / "parameters.npy");
  Vault vault = Vault::open_for_writing(path_);
  expect_no(vault.forget(test::asked({kHeavy}, "heavy")), 1);
  const ForgetReport again = vault.forget(test::asked({kHeavy}, "heavy"));
  EXPECT_TRUE(again.repeated);
  expect_no(again, 1);
  EXPECT_EQ(test::read_bytes(path_ / "published" / "parameters.npy"), published);
  EXPECT_NE(describe_reason("beyond_grid"), "beyond_grid");
  EXPECT_EQ(vault.forget(test::asked({8})).reason, "") << "others go as before";
  EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
}

/// The new enrolment has the same grid.
TEST_F(BeyondGridTest, TrainingAgainWhenTheBudgetIsSpentIsNoWayAround) {
  create(WhenSpent::kRetrain, 1);
  expect_no(Vault::open_for_writing(path_).forget(test::asked({kHeavy})), 1);
  EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
}

TEST_F(BeyondGridTest, WhoFinishesTheRequestOfADeadWriterComesToTheSame) {
  create();
  static_cast<void>(Vault::open_for_writing(path_).forget(test::asked({kHeavy})));
  std::int64_t id = 0;
  {
    Ledger ledger = test::ledger_of(path_);
    id = test::receive_rows(path_, ledger, {kHeavy}, ledger.request(1).parameters);
  }
  static_cast<void>(Vault::open_for_writing(path_));
  const Ledger ledger = Ledger::open((path_ / "ledger.sqlite").string(), LedgerAccess::kRead);
  EXPECT_EQ(ledger.request(id).state, RequestState::kRejected);
  EXPECT_EQ(ledger.request(id).reason, "beyond_grid");
  EXPECT_EQ(ledger.budget().used, 1);
  EXPECT_EQ(Vault::status(path_).rows_left, 50);
}

/// A restored backup, whose newer ledger says that the row is to go: a no as well.
TEST_F(BeyondGridTest, DeletionsThatAreMadeAgainAreRefusedAlike) {
  create();
  const std::filesystem::path backup = folder_ / "backup.rct";
  Vault::backup(path_, backup);
  const FittedModel model = Vault::open(path_);
  test::prepare_batch(path_, test::record_by_hand(version()), model.model.theta, {kHeavy});
  EXPECT_EQ(Vault::catch_up(backup, (path_ / "ledger.sqlite").string()).reason, "beyond_grid");
  EXPECT_EQ(Vault::status(backup).rows_left, 50);
  EXPECT_EQ(Vault::check(backup).fault, std::nullopt);
}

}  // namespace
}  // namespace recant

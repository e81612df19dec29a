// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/membership.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

/// Training rows, unseen rows of the same source, and models with and without every third row.
struct Deletion {
  Deletion(std::uint64_t seed, Index n, Index d, double l2, LossKind kind = LossKind::kLogistic)
      : loss(kind, 3) {
    test::Random random(seed);
    const Dataset all = test::made_up_rows(random, 2 * n, d, loss);
    data = slice(all, {0, n});
    unseen = slice(all, {n, 2 * n});
    objective.emplace(data, loss, true, l2);
    weights = Vector::Ones(n);
    Vector left = weights;
    for (Index j = 1; j < n; j += 3) {
      rows.push_back(j);
      left(j) = 0;
    }
    original = train(*objective, weights).theta;
    retrained = train(*objective, left).theta;
  }
  [[nodiscard]] MembershipAudit audit(const Vector& unlearned,
                                      const MembershipOptions& options = {}) const {
    return audit_membership(*objective, weights, {original, unlearned, retrained}, rows, unseen,
                            options);
  }
  const Loss loss;
  Dataset data, unseen;
  std::optional<Objective> objective;
  Vector weights, original, retrained;
  std::vector<Index> rows;
};

TEST(Membership, SucceedsOnAnOverfitModel) {
  // 150 rows, 300 features, hardly a penalty: separable, and fitted to the last row.
  const Deletion deletion(51, 150, 300, 1e-3);
  const MembershipAudit found = deletion.audit(deletion.original);
  ASSERT_EQ(found.attacks.size(), 2u);
  EXPECT_EQ(found.shadows_not_converged, 0);
  for (const AttackAudit& attack : found.attacks) {
    SCOPED_TRACE(name(attack.attack));
    EXPECT_GT(attack.original.deleted.auc.low, 0.65);
    EXPECT_GT(attack.original.retained.auc.low, 0.65);
    EXPECT_GT(attack.original.retained.advantage_low, 0.1);
    // After retraining deleted rows are like unseen ones, retained ones are not.
    EXPECT_LT(attack.retrained.deleted.auc.low, 0.5);
    EXPECT_GT(attack.retrained.deleted.auc.high, 0.5);
    EXPECT_GT(attack.retrained.retained.auc.low, 0.65);
    // Nothing was unlearned at all.
    EXPECT_EQ(attack.verdict, ForgettingVerdict::kUnderForgotten);
  }
}

TEST(Membership, FlagsOverForgetting) {
  // Fitted too well, so that each deleted row can be moved without much ado for unseen ones.
  const Deletion deletion(52, 300, 300, 0.1);
  Vector force = Vector::Zero(300);
  for (const Index j : deletion.rows) force(j) = 1;
  const Vector gone =
      deletion.retrained + 0.3 * deletion.objective->weighted_gradients(deletion.retrained, force);
  const MembershipAudit found = deletion.audit(gone, {.shadows = std::nullopt});
  ASSERT_EQ(found.attacks.size(), 1u);
  EXPECT_EQ(found.attacks[0].verdict, ForgettingVerdict::kOverForgotten);
  EXPECT_LT(found.attacks[0].difference.high, -0.01);
  EXPECT_EQ(deletion.audit(deletion.retrained, {.shadows = std::nullopt}).attacks[0].verdict,
            ForgettingVerdict::kAsRetrained);
}

// Scores of members and others from one distribution: an interval at 95 % misses 1/2 or 0 at most
// in 5 % of cases plus 3.7 standard errors of 400 (9 %; the bound on the advantage is wider). The
// seed is fixed.
TEST(Membership, FindsNothingInRandomScores) {
  test::Random random(53);
  int auc_missed = 0, advantage_missed = 0;
  constexpr int kTrials = 400;
  for (int t = 0; t < kTrials; ++t) {
    const AttackResult found = attack(random.normals(90), random.normals(130), 0.95, 7);
    auc_missed += found.auc.low > 0.5 || found.auc.high < 0.5;
    advantage_missed += found.advantage_low > 0 || found.advantage_high < 0;
  }
  EXPECT_LE(auc_missed, 0.09 * kTrials);
  EXPECT_LE(advantage_missed, 0.05 * kTrials);
}

// Two models that are equally attackable, scores related: flags at false_alarm = 0.05, tolerance 0
// in 5 %, at most 9 % of 400 (3.7 standard errors); with the tolerance in fewer.
TEST(Membership, VerdictRaisesFalseAlarmsAtItsRate) {
  test::Random random(54);
  int flagged = 0, beyond_tolerance = 0;
  constexpr int kTrials = 400;
  for (int t = 0; t < kTrials; ++t) {
    const Vector in = random.normals(100), out = random.normals(120);
    const AucDifference found =
        auc_difference(in + random.normals(100), out + random.normals(120),
                       in + random.normals(100), out + random.normals(120), 0.95);
    flagged += found.low > 0 || found.high < 0;
    beyond_tolerance += found.low > 0.01 || found.high < -0.01;
  }
  EXPECT_LE(flagged, 0.09 * kTrials);
  EXPECT_GE(flagged, 0.012 * kTrials);  // the test is not merely asleep
  EXPECT_LE(beyond_tolerance, flagged);
}

// The same with as few rows as a verdict takes: 5 % and 3.6 standard errors of 4,000 are 6.2 %. A
// normal quantile flags 7.3 %.
TEST(Membership, VerdictOfFewRowsRaisesFalseAlarmsAtItsRate) {
  test::Random random(62);
  int flagged = 0;
  constexpr int kTrials = 4000;
  for (int t = 0; t < kTrials; ++t) {
    const Vector in = random.normals(kFewestRows), out = random.normals(300);
    const AucDifference found =
        auc_difference(in + random.normals(kFewestRows), out + random.normals(300),
                       in + random.normals(kFewestRows), out + random.normals(300), 0.95);
    flagged += found.low > 0 || found.high < 0;
  }
  EXPECT_LE(flagged, 0.062 * kTrials);
  EXPECT_GE(flagged, 0.03 * kTrials);
}

// Two attacks share the chance of a false alarm.
TEST(Membership, AttacksShareTheFalseAlarms) {
  const Deletion deletion(63, 90, 40, 1e-2);
  const auto both = deletion.audit(deletion.original, {.shadows = ShadowOptions{.count = 4}});
  const auto one = deletion.audit(deletion.original, {.shadows = std::nullopt}).attacks[0];
  ASSERT_EQ(both.attacks.size(), 2u);
  EXPECT_EQ(one.difference_confidence, 0.99);
  for (const AttackAudit& attack : both.attacks) EXPECT_EQ(attack.difference_confidence, 0.995);
  EXPECT_EQ(both.attacks[0].difference.value, one.difference.value);
  EXPECT_LT(both.attacks[0].difference.low, one.difference.low);
  EXPECT_GT(both.attacks[0].difference.high, one.difference.high);
}

TEST(Membership, RandomTargetsWithoutFitTellNothing) {
  // A model that has not learned from its rows: a huge penalty.
  const Deletion deletion(55, 400, 3, 1e7);
  for (const AttackAudit& attack : deletion.audit(deletion.retrained).attacks) {
    SCOPED_TRACE(name(attack.attack));
    EXPECT_LE(attack.original.deleted.auc.low, 0.5);
    EXPECT_GE(attack.original.deleted.auc.high, 0.5);
    EXPECT_EQ(attack.verdict, ForgettingVerdict::kAsRetrained);
  }
}

TEST(Membership, OperatingPointsAreMeasuredOnOtherRows) {
  test::Random random(56);
  const Vector in = random.normals(3001).array() + 1, out = random.normals(5000);
  const AttackResult found = attack(in, out, 0.95, 3);
  EXPECT_EQ(found.at_one_percent.tpr.trials, 1501);
  EXPECT_EQ(found.at_one_percent.fpr.trials, 2500);
  EXPECT_TRUE(found.at_one_percent.resolved);
  EXPECT_TRUE(found.at_one_in_thousand.resolved);
  EXPECT_GE(found.at_one_in_thousand.threshold, found.at_one_percent.threshold);
  EXPECT_NEAR(found.at_one_percent.fpr.value, 0.01, 0.01);
  // P(N(1,1) > 2.33) = 0.092.
  EXPECT_NEAR(found.at_one_percent.tpr.value, 0.092, 0.05);
  // Largest advantage: 2 Phi(1/2) - 1 = 0.383.
  EXPECT_LE(found.advantage_low, 0.383);
  EXPECT_GE(found.advantage_high, 0.383);
  EXPECT_FALSE(attack(in, out.head(600), 0.95, 3).at_one_in_thousand.resolved);
}

TEST(Membership, ConfidencesByHand) {
  test::Random random(57);
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax}) {
    const Loss loss(kind, 3);
    const Dataset data = test::made_up_rows(random, 50, 4, loss);
    const Objective objective(data, loss, true, 1);
    const Vector theta = random.normals(objective.parameters());
    const Vector found = confidences(objective, theta);
    for (Index i = 0; i < 50; ++i) {
      const auto t = test::naive_scores(test::naive_row(data.features, i, true), theta);
      const auto phi = test::naive_loss(kind, t, data.targets(i)).value;
      const auto wanted = kind == LossKind::kSquared ? -phi : -phi - std::log(-std::expm1(-phi));
      EXPECT_NEAR(found(i), static_cast<double>(wanted), 1e-9 * (1 + std::abs(found(i))));
    }
  }
}

TEST(Membership, ShadowsDescribeRowsTheyDidNotSee) {
  const Deletion deletion(58, 90, 40, 1e-2);
  const Objective unseen(deletion.unseen, deletion.loss, true, 1e-2);
  const auto shadows = train_shadows(*deletion.objective, deletion.weights, unseen, {.count = 12});
  ASSERT_EQ(shadows.training.mean.size(), 90);
  ASSERT_EQ(shadows.unseen.mean.size(), 90);
  // One spread for all below own_spread_from, and training rows are no surer than unseen ones.
  EXPECT_EQ(shadows.training.spread.minCoeff(), shadows.unseen.spread.maxCoeff());
  const Auc blind = auc(shadows.training.mean, shadows.unseen.mean, 0.999);
  EXPECT_LE(blind.low, 0.5);
  EXPECT_GE(blind.high, 0.5);
  const auto own = train_shadows(*deletion.objective, deletion.weights, unseen,
                                 {.count = 12, .own_spread_from = 4});
  EXPECT_TRUE(test::same_bytes(own.training.mean, shadows.training.mean));
  EXPECT_GT(own.training.spread.maxCoeff(), own.training.spread.minCoeff());
}

TEST(Membership, SameBytesForAnyNumberOfThreads) {
  const Deletion deletion(59, 200, 6, 0.5, LossKind::kSoftmax);
  const Objective unseen(deletion.unseen, deletion.loss, true, 0.5);
  std::optional<ShadowReferences> first;
  for (const int threads : {1, 3, 5}) {
    const test::WithThreads scope(threads);
    const auto found = train_shadows(*deletion.objective, deletion.weights, unseen, {.count = 7});
    if (!first) first = found;
    EXPECT_TRUE(test::same_bytes(first->training.mean, found.training.mean));
    EXPECT_TRUE(test::same_bytes(first->unseen.mean, found.unseen.mean));
    EXPECT_TRUE(test::same_bytes(first->unseen.spread, found.unseen.spread));
  }
}

TEST(Membership, FewRowsGiveNoVerdict) {
  Deletion deletion(60, 60, 3, 1);
  deletion.rows.resize(9);
  const AttackAudit few = deletion.audit(deletion.original, {.shadows = std::nullopt}).attacks[0];
  EXPECT_EQ(few.verdict, ForgettingVerdict::kTooFewRows);
  EXPECT_EQ(few.unlearned.deleted.auc.interval, AucInterval::kPairs);
  EXPECT_EQ(few.unlearned.retained.auc.interval, AucInterval::kDeLong);
  EXPECT_EQ(few.difference.interval, AucInterval::kPairs);
}

TEST(Membership, RefusesBadArguments) {
  Deletion deletion(61, 40, 3, 1);
  const auto audit = [&](const MembershipOptions& options) {
    return deletion.audit(deletion.original, options);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  test::expect_error<UsageError>([&] { return audit({.confidence = nan}); }, {"confidence"});
  test::expect_error<UsageError>([&] { return audit({.false_alarm = 0}); }, {"false_alarm"});
  test::expect_error<UsageError>([&] { return audit({.tolerance = -1}); }, {"tolerance"});
  test::expect_error<UsageError>([&] { return audit({.shadows = ShadowOptions{.count = 3}}); },
                                 {"shadow", "4"});
  deletion.rows = {1, 1};
  test::expect_error<UsageError>([&] { return audit({}); }, {"row 1", "twice"});
  deletion.rows = {40};
  test::expect_error<UsageError>([&] { return audit({}); }, {"between 0 and 39"});
  deletion.rows = {1};
  test::expect_error<DataError>([&] { return audit({}); }, {"2 deleted rows"});
  deletion.rows = {1, 2};
  deletion.unseen = slice(deletion.unseen, {0, 1});
  test::expect_error<DataError>([&] { return audit({}); }, {"2 unseen rows"});
}

}  // namespace
}  // namespace recant

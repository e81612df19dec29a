// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/retrain.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "golden_model.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/minimum_distance.hpp"
#include "ridge_in_quad.hpp"

namespace recant {
namespace {

class RetrainAuditByLoss : public testing::TestWithParam<LossKind> {
 protected:
  void SetUp() override {
    test::Random random(41);
    const Dataset all = test::made_up_rows(random, 400, 4, loss_);
    data_ = slice(all, {0, 300});
    test_ = slice(all, {300, 400});
    objective_.emplace(data_, loss_, true, 0.5);
    weights_ = Vector::Ones(300);
    original_ = train(*objective_, weights_).theta;
    for (Index j = 0; j < 300; j += 7) weights_(j) = 0;
    other_ = original_ + 0.01 * random.normals(original_.size());
  }
  const Loss loss_{GetParam(), 3};
  Dataset data_, test_;
  std::optional<Objective> objective_;
  Vector weights_, original_, other_;
};
INSTANTIATE_TEST_SUITE_P(Losses, RetrainAuditByLoss,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(RetrainAuditByLoss, RetrainedIsOptimalAndDistancesAreRight) {
  const RetrainAudit found = audit_by_retraining(*objective_, weights_, original_, other_, test_);
  // The defining residual, in extended precision.
  const auto at = test::naive_objective(data_, loss_, true, 0.5, found.retrained.theta, weights_);
  EXPECT_LE(at.gradient.norm(), 1e-12 * static_cast<double>(at.gross));
  EXPECT_DOUBLE_EQ(found.distance, (other_ - found.retrained.theta).norm());
  const double left = close_minimum_distance(*objective_, found.retrained.theta, weights_);
  EXPECT_GT(left, found.retrained.gradient_norm / 0.5);
  EXPECT_GT(found.distance_high, found.distance + left);
  EXPECT_LT(found.distance_low, found.distance - left);
  EXPECT_NEAR(found.distance_high - found.distance_low, 2 * left, 1e-13 * found.distance);
  EXPECT_LE(left, 1e-10 * found.distance);
  EXPECT_EQ(found.verdict, BoundVerdict::kNotClaimed);
}

TEST_P(RetrainAuditByLoss, VerdictOnABound) {
  const auto judge = [&](double bound, double tolerance) {
    return audit_by_retraining(
        *objective_, weights_, original_, other_, test_, {},
        {.trainer = {.tolerance = tolerance, .refine = false}, .bound = bound});
  };
  const double distance = judge(1, 1e-12).distance;
  EXPECT_EQ(judge(1.001 * distance, 1e-12).verdict, BoundVerdict::kHolds);
  EXPECT_EQ(judge(0.999 * distance, 1e-12).verdict, BoundVerdict::kBroken);
  // A retraining that has hardly begun proves nothing.
  EXPECT_EQ(judge(distance, 0.9).verdict, BoundVerdict::kUndecided);
}

TEST_P(RetrainAuditByLoss, UtilityAndAgreementAreCounted) {
  const RetrainAudit found = audit_by_retraining(*objective_, weights_, original_, other_, test_);
  const auto labels_and_loss = [&](const Vector& theta) {
    std::vector<Index> labels;
    double loss = 0;
    for (Index i = 0; i < test_.rows(); ++i) {
      const auto t = test::naive_scores(test::naive_row(test_.features, i, true), theta);
      loss += static_cast<double>(test::naive_loss(loss_.kind(), t, test_.targets(i)).value);
      labels.push_back(t.size() == 1 ? t[0] > 0 : std::max_element(t.begin(), t.end()) - t.begin());
    }
    return std::pair(labels, loss / 100);
  };
  const auto [labels, loss] = labels_and_loss(other_);
  EXPECT_NEAR(found.unlearned_utility.log_loss, loss, 1e-12 * loss);
  if (GetParam() == LossKind::kSquared) {
    EXPECT_FALSE(found.unlearned_utility.accuracy);
    EXPECT_FALSE(found.unlearned_agreement.same_label);
    return;
  }
  const auto [truth, truth_loss] = labels_and_loss(found.retrained.theta);
  EXPECT_NEAR(found.retrained_utility.log_loss, truth_loss, 1e-12);
  Index right = 0, same = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    right += static_cast<double>(labels[i]) == test_.targets(static_cast<Index>(i));
    same += labels[i] == truth[i];
  }
  EXPECT_EQ(found.unlearned_utility.accuracy->hits, right);
  EXPECT_EQ(found.unlearned_agreement.same_label->hits, same);
  EXPECT_GT(found.unlearned_agreement.mean_difference, 0);
  EXPECT_GE(found.unlearned_agreement.largest_difference,
            found.unlearned_agreement.mean_difference);
}

TEST_P(RetrainAuditByLoss, RetrainedAgainstItselfAgrees) {
  const Vector truth = train(*objective_, weights_, {.tolerance = 1e-13}).theta;
  const RetrainAudit found =
      audit_by_retraining(*objective_, weights_, original_, truth, test_, {}, {.bound = 1e-7});
  EXPECT_EQ(found.distance, 0);
  EXPECT_EQ(found.distance_low, 0);
  EXPECT_EQ(found.verdict, BoundVerdict::kHolds);
  EXPECT_EQ(found.unlearned_agreement.largest_difference, 0);
}

TEST_P(RetrainAuditByLoss, RefusesBadArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  test::expect_error<UsageError>(
      [&] { return audit_by_retraining(*objective_, weights_, original_, Vector::Ones(2), test_); },
      {"unlearned theta"});
  test::expect_error<UsageError>(
      [&] {
        return audit_by_retraining(*objective_, weights_, original_, other_, test_, {},
                                   {.bound = nan});
      },
      {"bound"});
  test::expect_error<DataError>(
      [&] {
        return audit_by_retraining(*objective_, weights_, original_, other_, slice(test_, {0, 0}));
      },
      {"test set"});
}

TEST(RetrainAudit, IntervalAndVerdictAreTrueWhereColumnsAreNearlyTheSame) {
  const Loss loss(LossKind::kSquared);
  int rounding_counts = 0;
  for (std::uint64_t k = 0; k < 300; ++k) {
    test::Random random(k);
    const auto n = static_cast<Index>(random.between(3, 200));
    const double apart = std::pow(10, -random.between(0, 12)),
                 l2 = std::pow(10, -random.between(0, 9));
    const Dataset data = test::nearly_equal_columns(random, n, apart);
    const Objective objective(data, loss, false, l2);
    const Vector weights = Vector::Ones(n);
    Vector theta = train(objective, weights).theta;
    if (random.uniform() < 0.5) theta += std::pow(10, random.between(-12, -4)) * random.normals(2);
    const double truth = test::distance_in_quad(data, weights, l2, theta);
    const RetrainAudit found = audit_by_retraining(objective, weights, theta);
    EXPECT_LE(found.distance_low, truth) << k;
    EXPECT_GE(found.distance_high, truth) << k;
    const double left = found.retrained.gradient_norm / l2;
    rounding_counts += truth < found.distance - left || truth > found.distance + left;
    for (const double bound : {truth * (1 - 1e-12), truth * (1 + 1e-12)}) {
      const RetrainAudit judged = audit_by_retraining(objective, weights, theta, {.bound = bound});
      EXPECT_NE(judged.verdict, bound < truth ? BoundVerdict::kHolds : BoundVerdict::kBroken) << k;
    }
  }
  EXPECT_GT(rounding_counts, 20) << "the gradient as computed would have done";
}

TEST(RetrainAudit, SaysNothingSureOfDistancesThatHaveNoSquare) {
  test::Random random(3);
  const Loss loss(LossKind::kSquared);
  const Dataset data = test::nearly_equal_columns(random, 20, 0.1);
  const Objective objective(data, loss, false, 1);
  const Vector weights = Vector::Ones(20), away = Vector::Constant(2, 1e200);
  const RetrainAudit found = audit_by_retraining(objective, weights, away, {.bound = 1e201});
  EXPECT_NEAR(found.distance, 1e200 * std::sqrt(2), 1e187);
  EXPECT_EQ(found.verdict, BoundVerdict::kHolds);
  test::expect_error<DataError>(
      [&] { return audit_by_retraining(Objective(data, loss, false, 1e-101), weights, away); },
      {"l2", "raise"});
}

TEST(RetrainAuditGolden, DistancesOfDeletions) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  for (const char* name : {"german_l1_b1", "softmax_k3_d4", "ridge_d5"}) {
    const auto golden = test::load_case(name);
    const Objective objective = golden.objective();
    for (const auto& wanted : golden.json.at("deletions")) {
      if (!wanted.at("theta_newton").is_array()) continue;
      Vector weights = golden.train.weights;
      if (golden.json.contains("w_train")) weights = test::vector_of(golden.json.at("w_train"));
      for (const Index row : test::indices_of(wanted.at("indices"))) weights(row) = 0;
      const Vector newton = test::vector_of(wanted.at("theta_newton"));
      const RetrainAudit found =
          audit_by_retraining(objective, weights, golden.theta_hat(), newton, golden.val);
      if (wanted.contains("theta_retrained")) {
        test::expect_theta(found.retrained.theta, wanted.at("theta_retrained"),
                           2 * found.retrained.gradient_norm / golden.l2, name);
      }
      if (wanted.contains("dist_newton")) {
        test::expect_close(found.distance, wanted.at("dist_newton").get<double>(), 1e-6,
                           2e-9 / golden.l2, name);
      }
    }
  }
}

}  // namespace
}  // namespace recant

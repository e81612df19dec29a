// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/update.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/influence/influence.hpp"
#include "ridge_in_quad.hpp"

namespace recant {
namespace {

class UpdateByKind : public testing::TestWithParam<std::tuple<LossKind, bool>> {
 protected:
  void make(std::uint64_t seed, Index n, Index d, double l2 = 0.5) {
    test::Random random(seed);
    data_ = test::made_up_rows(random, n, d, loss_);
    objective_.emplace(data_, loss_, intercept_, l2);
    w_ = Vector::Ones(n) + random.weights(n);
    fit_ = train(*objective_, w_);
    // Every kind of change: raised, lowered, deleted, left alone.
    change_.delta = Vector::Zero(n);
    for (Index i = 0; i < n; ++i) {
      const double u = random.uniform();
      change_.delta(i) = u < 0.2 ? -w_(i) : u < 0.5 ? random.between(-0.9, 1.0) : 0;
    }
    hessian_ = factor_hessian(*objective_, fit_.theta, w_);
  }
  test::NaiveObjective naive(const Vector& theta, const Vector& weights) const {
    return test::naive_objective(data_, loss_, intercept_, objective_->l2(), theta, weights);
  }

  const Loss loss_{std::get<0>(GetParam()), 3};
  const bool intercept_ = std::get<1>(GetParam());
  Dataset data_;
  std::optional<Objective> objective_;
  Vector w_;
  TrainerResult fit_;
  Reweighting change_;
  std::optional<Cholesky> hessian_;
};
INSTANTIATE_TEST_SUITE_P(Kinds, UpdateByKind,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool()));

TEST_P(UpdateByKind, StepsSolveTheirEquations) {
  for (const auto& [n, d] : {std::pair<Index, Index>{1, 1}, {20, 45}, {300, 3}, {1025, 4}}) {
    make(static_cast<std::uint64_t>(n), n, d);
    const Vector total = w_ + change_.delta;
    const test::NaiveObjective old = naive(fit_.theta, w_), now = naive(fit_.theta, total);
    const double scale = static_cast<double>(old.gross) + 1;

    const UpdateResult newton = newton_step(*objective_, fit_.theta, w_, change_);
    ASSERT_EQ(newton.status, UpdateStatus::kDone);
    const Vector newton_residual = now.hessian * (newton.theta - fit_.theta) + now.gradient;
    EXPECT_LE(newton_residual.norm(), 1e-12 * scale);

    const UpdateResult step = influence_step(*objective_, fit_.theta, *hessian_, w_, change_);
    ASSERT_EQ(step.status, UpdateStatus::kDone);
    Vector gradients = Vector::Zero(fit_.theta.size());
    for (Index i = 0; i < n; ++i)
      gradients +=
          change_.delta(i) * test::naive_row_gradient(data_, loss_, intercept_, i, fit_.theta);
    const Vector influence_residual = old.hessian * (step.theta - fit_.theta) + gradients;
    EXPECT_LE(influence_residual.norm(), 1e-12 * scale);

    for (const UpdateResult* moved : {&newton, &step}) {
      EXPECT_NEAR(moved->gradient_norm, naive(moved->theta, total).gradient.norm(), 1e-12 * scale);
      EXPECT_GE(moved->distance_bound, moved->gradient_norm / 0.5);
      EXPECT_LE(moved->distance_bound, moved->gradient_norm / 0.5 + 1e-11 * scale);
      EXPECT_EQ(moved->negative_total_weight_rows, 0);
      EXPECT_GE(moved->seconds, 0);
    }
    if (!(total.maxCoeff() > 0)) continue;
    const UpdateResult polished = polish(*objective_, fit_.theta, w_, change_);
    ASSERT_EQ(polished.status, UpdateStatus::kDone);
    EXPECT_LE(naive(polished.theta, total).gradient.norm(), 1e-10 * scale);
    // The promise of the bound, for each of them.
    for (const UpdateResult* moved : {&newton, &step}) {
      EXPECT_LE((moved->theta - polished.theta).norm(),
                moved->distance_bound + 2 * polished.distance_bound + 1e-12);
    }
  }
}

TEST_P(UpdateByKind, AllAgreeToFirstOrderInTheChange) {
  make(1, 200, 4);
  const auto along = [&](auto&& update) {
    return test::derivative(
        [&](double h) { return Vector(update(Reweighting{h * change_.delta})); }, 1e-3);
  };
  const Vector exact =
      along([&](const Reweighting& c) { return polish(*objective_, fit_.theta, w_, c).theta; });
  const Vector newton = along(
      [&](const Reweighting& c) { return newton_step(*objective_, fit_.theta, w_, c).theta; });
  const Vector step = along([&](const Reweighting& c) {
    return influence_step(*objective_, fit_.theta, *hessian_, w_, c).theta;
  });
  test::expect_close(newton, exact, 1e-6, 0, "Newton");
  test::expect_close(step, exact, 1e-6, 0, "influence");
}

TEST_P(UpdateByKind, PolishedIsTrainedOnTheNewWeightsFromAnyStart) {
  make(2, 500, 5);
  const TrainerResult scratch = train(*objective_, w_ + change_.delta);
  const UpdateResult step = influence_step(*objective_, fit_.theta, *hessian_, w_, change_);
  const UpdateResult newton = newton_step(*objective_, fit_.theta, w_, change_);
  const LinearModel wanted = test::model_of(*objective_, scratch.theta);
  const Matrix p = scores(wanted, data_.features);
  for (const Vector& start : {fit_.theta, step.theta, newton.theta}) {
    const UpdateResult polished = polish(*objective_, start, w_, change_);
    ASSERT_EQ(polished.status, UpdateStatus::kDone);
    EXPECT_LE(polished.gradient_norm, scratch.gradient_tolerance);
    test::expect_close(scores(wanted.at(polished.theta), data_.features), p, 1e-8, 0, "scores");
  }
}

TEST_P(UpdateByKind, DeletingIsTrainingWithoutTheRows) {
  make(3, 300, 4);
  std::vector<Index> kept;
  change_.delta.setZero();
  for (Index i = 0; i < 300; ++i) {
    if (i % 4 == 1)
      change_.delta(i) = -w_(i);
    else
      kept.push_back(i);
  }
  const Dataset rest = test::pick_rows(data_, kept);
  const Objective without(rest, loss_, intercept_, 0.5);
  const TrainerResult wanted = train(without, test::pick(w_, kept));
  const UpdateResult polished = polish(*objective_, fit_.theta, w_, change_);
  test::expect_close(polished.theta, wanted.theta, 1e-8,
                     2 * (wanted.gradient_norm + polished.gradient_norm) / 0.5, "theta");
}

TEST_P(UpdateByKind, NoChangeMovesNothing) {
  make(4, 120, 3);
  const Reweighting none{Vector::Zero(120)};
  const double leftover = 2 * fit_.gradient_norm / 0.5;
  EXPECT_TRUE(test::same_bytes(influence_step(*objective_, fit_.theta, *hessian_, w_, none).theta,
                               fit_.theta));
  EXPECT_LE((newton_step(*objective_, fit_.theta, w_, none).theta - fit_.theta).norm(), leftover);
  EXPECT_LE((polish(*objective_, fit_.theta, w_, none).theta - fit_.theta).norm(), leftover);
}

TEST_P(UpdateByKind, SameBytesForAnyThreads) {
  make(5, 6000, 5);
  Vector newton, step, polished;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const Vector a = newton_step(*objective_, fit_.theta, w_, change_).theta;
    const Vector b = influence_step(*objective_, fit_.theta, *hessian_, w_, change_).theta;
    const Vector c = polish(*objective_, fit_.theta, w_, change_).theta;
    if (count == 1) {
      newton = a;
      step = b;
      polished = c;
    }
    EXPECT_TRUE(test::same_bytes(a, newton)) << count;
    EXPECT_TRUE(test::same_bytes(b, step)) << count;
    EXPECT_TRUE(test::same_bytes(c, polished)) << count;
  }
}

TEST_P(UpdateByKind, NegativeTotalsAreCountedAndOnlyPolishRefusesThem) {
  make(6, 200, 3);
  change_.delta.setZero();
  change_.delta(7) = -w_(7) - 0.25;
  change_.delta(9) = -w_(9);  // exactly 0 is not negative
  const UpdateResult step = influence_step(*objective_, fit_.theta, *hessian_, w_, change_);
  EXPECT_EQ(step.status, UpdateStatus::kDone);
  EXPECT_EQ(step.negative_total_weight_rows, 1);
  const UpdateResult newton = newton_step(*objective_, fit_.theta, w_, change_);
  EXPECT_EQ(newton.status, UpdateStatus::kDone) << "still positive definite";
  EXPECT_EQ(newton.negative_total_weight_rows, 1);
  const UpdateResult polished = polish(*objective_, fit_.theta, w_, change_);
  EXPECT_EQ(polished.status, UpdateStatus::kNegativeWeights);
  EXPECT_EQ(polished.negative_total_weight_rows, 1);
  EXPECT_TRUE(test::same_bytes(polished.theta, fit_.theta));
  change_.delta = -w_ - Vector::Constant(200, 5);
  const UpdateResult indefinite = newton_step(*objective_, fit_.theta, w_, change_);
  EXPECT_EQ(indefinite.status, UpdateStatus::kNotPositiveDefinite);
  EXPECT_TRUE(test::same_bytes(indefinite.theta, fit_.theta));
  EXPECT_EQ(indefinite.negative_total_weight_rows, 200);
}

TEST_P(UpdateByKind, PolishTellsWhenItDidNotConverge) {
  make(7, 400, 6, 1e-3);
  TrainerOptions options;
  options.max_iterations = 0;
  options.tolerance = 1e-13;
  const UpdateResult polished = polish(*objective_, fit_.theta, w_, change_, options);
  EXPECT_EQ(polished.status, UpdateStatus::kNotConverged);
  EXPECT_GT(polished.gradient_norm, 0);
}

TEST_P(UpdateByKind, RefusesAChangeThatDoesNotFit) {
  make(8, 50, 2);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Reweighting change{Vector::Zero(50)};
    change.delta(3) = bad;
    test::expect_error<UsageError>([&] { return newton_step(*objective_, fit_.theta, w_, change); },
                                   {"delta", "finite"});
    test::expect_error<UsageError>([&] { return polish(*objective_, fit_.theta, w_, change); },
                                   {"delta", "finite"});
  }
  const Reweighting small{Vector::Zero(49)};
  test::expect_error<UsageError>(
      [&] { return influence_step(*objective_, fit_.theta, *hessian_, w_, small); },
      {"delta", "49", "50"});
  test::expect_error<UsageError>(
      [&] { return newton_step(*objective_, fit_.theta, Vector::Ones(3), change_); },
      {"row weights", "3", "50"});
  const Reweighting everything{-w_};
  test::expect_error<UsageError>([&] { return polish(*objective_, fit_.theta, w_, everything); },
                                 {"not all zero"});
}

TEST(UpdateKindTest, HasNamesThatAreReadBack) {
  for (const UpdateKind kind : {UpdateKind::kInfluence, UpdateKind::kNewton, UpdateKind::kPolish})
    EXPECT_EQ(update_kind(name(kind)), kind);
  test::expect_error<UsageError>([&] { return update_kind("retrain"); },
                                 {"influence, newton or polish", "'retrain'"});
  for (const UpdateStatus status :
       {UpdateStatus::kDone, UpdateStatus::kNotConverged, UpdateStatus::kNegativeWeights,
        UpdateStatus::kNotPositiveDefinite})
    EXPECT_FALSE(describe(status).empty());
}

TEST(MinimumDistance, IsNeverBelowTheTruthWhereColumnsAreNearlyTheSame) {
  const Loss loss(LossKind::kSquared);
  int rounding_counts = 0;
  for (int k = 0; k < 2000; ++k) {
    test::Random random(static_cast<std::uint64_t>(k));
    const auto n = static_cast<Index>(random.between(2, 300));
    const double apart = std::pow(10, -random.between(0, 12)),
                 l2 = std::pow(10, -random.between(0, 9));
    const Dataset data = test::nearly_equal_columns(random, n, apart);
    const Objective objective(data, loss, false, l2);
    Vector weights = Vector::Ones(n);
    const TrainerResult trained = train(objective, weights);
    weights.head(n / 2).setZero();
    if (weights.sum() == 0) continue;
    Reweighting gone{.delta = weights - Vector::Ones(n)};
    for (const UpdateResult& result :
         {polish(objective, trained.theta, Vector::Ones(n), gone),
          newton_step(objective, trained.theta, Vector::Ones(n), gone)}) {
      if (result.status != UpdateStatus::kDone) continue;
      const double truth = test::distance_in_quad(data, weights, l2, result.theta);
      EXPECT_GE(result.distance_bound, truth) << k;
      const GradientMeasure& m = result.measured;
      EXPECT_NEAR(result.distance_bound, (m.norm + m.sum_rounding + m.score_rounding) / l2,
                  1e-14 * result.distance_bound);
      EXPECT_GE(m.norm, result.gradient_norm);
      EXPECT_LE(m.norm, result.gradient_norm * (1 + 1e-13) + 1e-160);
      rounding_counts += result.gradient_norm / l2 < truth;
    }
  }
  EXPECT_GT(rounding_counts, 20) << "the gradient as computed would have done";
}

}  // namespace
}  // namespace recant

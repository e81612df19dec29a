// SPDX-License-Identifier: Apache-2.0
// One row of four deleted, every number by hand: docs/mathematics.md section 5.3.
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "compare.hpp"
#include "exact_minimum.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

Dataset four_rows() {
  RowMatrix x(4, 1);
  x << 1, 1, 1, 2;
  Dataset data;
  data.features = FeatureMatrix(x);
  data.targets = Vector{{1, 0, 1, 0}};
  data.weights = Vector::Ones(4);
  return data;
}

TEST(WorkedExample, HasEveryNumber) {
  const Dataset data = four_rows();
  const Objective objective(data, Loss(), false, 1);
  const Vector theta = train(objective, data.weights).theta;
  EXPECT_NEAR(theta(0), -0.182685578336126, 1e-14);
  DeletionState state(objective, theta, data.weights);
  const Index rows[] = {3};
  ASSERT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
  EXPECT_NEAR(state.shrinkage(), 0.356808454604506, 1e-4 * 0.36);
  EXPECT_GE(state.shrinkage(), 0.356808454604506);
  const Vector moved = state.newton_point();
  EXPECT_NEAR(moved(0), 0.287168057367526, 1e-14);
  const StepMeasure step = state.measure_step(moved);
  EXPECT_NEAR(step.range, 0.469853635703651, 1e-13);
  const ResidualMeasure residual = state.measure_residual(moved);
  EXPECT_NEAR(residual.residual_norm, 0.00107611406034804, 1e-15);
  EXPECT_NEAR(residual.range, 0.469853635703651, 1e-13);

  // With c and mu of the rows that stay, as by hand; the state's own are slightly on the safe side.
  CurvatureFrame frame = state.frame();
  const double curvature = 1.74377701433443;
  EXPECT_LE(frame.least_eigenvalue, curvature);
  EXPECT_NEAR(frame.least_eigenvalue, curvature, 1e-3);
  EXPECT_GE(frame.leverage, 1 / std::sqrt(curvature));
  EXPECT_NEAR(frame.leverage, 1 / std::sqrt(curvature), 1e-3);
  frame.least_eigenvalue = curvature;
  frame.leverage = 1 / std::sqrt(curvature);
  const DistanceBound tier0 = bound_from_step(frame, step);
  EXPECT_NEAR(tier0.residual, 0.171544183583751, 1e-13);
  EXPECT_NEAR(tier0.value, 0.232965446530630, 3e-10);
  const DistanceBound tier1 = bound_from_residual(frame, residual);
  EXPECT_NEAR(tier1.residual, 0.000814915975080, 1e-14);
  EXPECT_NEAR(tier1.eta, 0.00130431394401, 1e-13);
  EXPECT_NEAR(tier1.newton, 0.000987726402489, 1e-11);
  EXPECT_NEAR(tier1.corrected, 0.00121029622025, 1e-11);
  EXPECT_NEAR(tier1.strong_convexity, 0.00107611406034804, 2e-12);
  EXPECT_EQ(tier1.statement, BoundStatement::kNewton);
  const double truth = moved(0) - 0.286547740151001;
  EXPECT_NEAR(truth, 0.000620317216524, 1e-14);
  EXPECT_LE(truth, tier1.value);
}

TEST(WorkedExample, SoftmaxRangeCountsDifferencesOfScores) {
  RowMatrix x(2, 1);
  x << 3, -1;
  Dataset data;
  data.features = FeatureMatrix(x);
  data.targets = Vector{{0, 1}};
  data.weights = Vector::Ones(2);
  const Objective objective(data, Loss(LossKind::kSoftmax, 2), false, 1);
  const DeletionState state(objective, Vector::Zero(2), data.weights);
  const Vector moved{{0.1, -0.1}};
  EXPECT_NEAR(state.measure_step(moved).range, 0.6, 1e-13);
  EXPECT_NEAR(state.measure_residual(moved).range, 0.6, 1e-13);
}

TEST(WorkedExample, ARowWithoutGradientStillCostsRounding) {
  Dataset data = four_rows();
  RowMatrix x = data.features.view();
  x(3, 0) = 500;  // and on the right side: its slope underflows
  data.features = FeatureMatrix(x);
  const Objective objective(data, Loss(), false, 1);
  const Vector theta{{-2}};
  DeletionState state(objective, theta, data.weights);
  const Vector here = state.newton_point();
  DeletionState after = state;
  const Index rows[] = {3};
  ASSERT_EQ(after.delete_rows(rows), DeletionStatus::kDone);
  expect_close(after.newton_point(), here, 1e-15, 0, "nothing moves");
  const DistanceBound before = bound_from_step(state.frame(), state.measure_step(here));
  const DistanceBound later = bound_from_step(after.frame(), after.measure_step(here));
  EXPECT_GT(later.rounding, 0);
  EXPECT_GE(later.rounding, before.rounding);
  const DistanceBound measured = bound_from_residual(after.frame(), after.measure_residual(here));
  EXPECT_GT(measured.rounding, 0);
  EXPECT_GE(measured.value, measured.rounding / std::sqrt(measured.least_eigenvalue));
}

/// Rounding of weights that dwarf l2 is in no bound: grown, they are asked the same as at a base.
TEST(DeletionState, RefusesWeightsThatGrowBeyondWhatABoundCounts) {
  Dataset data = four_rows();
  const Objective objective(data, Loss(), false, 1e-90);
  const Vector w = Vector::Constant(4, 1e100);
  DeletionState state(objective, Vector::Zero(1), w);
  const Index rows[] = {2, 0};
  const auto refuses = [&](const Vector& delta, auto error, const char* part) {
    expect_error<decltype(error)>([&] { return state.reweight(rows, delta); }, {part});
    EXPECT_TRUE(same_bytes(state.weights(), w));
    EXPECT_EQ(state.status(), DeletionStatus::kDone);
  };
  refuses(Vector{{1e120, 0}}, DataError("", ""), "row weights or features");
  refuses(Vector{{-1e99, 1e120}}, DataError("", ""), "row weights or features");
  EXPECT_EQ(state.reweight(rows, Vector{{-1e99, 1e99}}), DeletionStatus::kDone);

  const Objective plain(data, Loss(), false, 1e150);
  DeletionState most(plain, Vector::Zero(1), Vector::Constant(4, 1e308));
  expect_error<UsageError>(
      [&] {
        return most.reweight(rows, Vector{{1e308, 0}});
      },
      {"not be finite"});
}

/// Contrasts do not see where the linear term moves all classes alike, and no bound would count it.
TEST(DeletionState, RefusesSoftmaxWithALinearTerm) {
  Random random(4);
  const Dataset data = made_up_rows(random, 60, 3, loss_of(LossKind::kSoftmax));
  const Objective plain(data, loss_of(LossKind::kSoftmax), true, 1);
  const Vector b = 0.3 * random.normals(plain.parameters());
  const Vector theta = Vector::Zero(plain.parameters());
  expect_error<UsageError>(
      [&] { return DeletionState(plain.with_linear_term(b), theta, data.weights); },
      {"linear term"});
  EXPECT_EQ(DeletionState(plain, theta, data.weights).status(), DeletionStatus::kDone);
}

TEST(DeletionState, RefusesWhatItCannotDo) {
  const Dataset data = four_rows();
  const Objective objective(data, Loss(), false, 1);
  const Vector w{{1, 0, 2, 1}};
  DeletionState state(objective, Vector::Zero(1), w);
  const auto refuses = [&](std::vector<Index> rows, const Vector& delta,
                           const std::vector<std::string>& parts) {
    expect_error<UsageError>([&] { return state.reweight(rows, delta); }, parts);
    EXPECT_TRUE(same_bytes(state.weights(), w));
  };
  refuses({4}, Vector{{-1}}, {"out of range"});
  refuses({-1}, Vector{{-1}}, {"out of range"});
  refuses({0, 0}, Vector{{-0.2, -0.2}}, {"twice"});
  refuses({1}, Vector{{1}}, {"no weight"});
  refuses({0}, Vector{{-1.5}}, {"negative"});
  refuses({0}, Vector{{std::nan("")}}, {"finite"});
  refuses({0}, Vector{{1, 1}}, {"delta"});
  refuses({0, 2, 3}, Vector{{-1, -2, -1}}, {"no row would be left"});
  const Index without[] = {1}, outside[] = {9};
  expect_error<UsageError>([&] { return state.delete_rows(without); }, {"no weight"});
  expect_error<UsageError>([&] { return state.delete_rows(outside); }, {"out of range"});
  EXPECT_EQ(state.reweight({}, Vector(0)), DeletionStatus::kDone);
  const Index most[] = {0, 2};
  const Vector x_large{{50}};
  EXPECT_EQ(state.delete_rows(most), DeletionStatus::kDone);
  const auto make = [&](const Vector& theta, const Vector& weights) {
    return DeletionState(objective, theta, weights);
  };
  expect_error<UsageError>([&] { return make(Vector::Zero(1), -w); }, {"weights"});
  expect_error<UsageError>([&] { return make(Vector::Zero(1), 0 * w); }, {"weights"});
  expect_error<UsageError>([&] { return make(Vector::Zero(2), w); }, {"theta"});
  expect_error<UsageError>([&] { return make(Vector{{std::nan("")}}, w); }, {"theta"});
}

TEST(DeletionState, StoppedWhileRowsLeaveItKnowsTheWeightsAndAsksForANewBase) {
  Random random(4);
  const Dataset data = made_up_rows(random, 60, 30, Loss());
  const Objective objective(data, Loss(), true, 6.0);
  const Vector theta = train(objective, data.weights).theta;
  const DeletionState before(objective, theta, data.weights);
  const Index rows[] = {0, 1, 2};
  DeletionState state = before, wanted = before;
  ASSERT_EQ(wanted.delete_rows(rows), DeletionStatus::kDone);
  ASSERT_GT(wanted.shrinkage(), 0.25);  // so that eigenvalues of what left are looked at
  {
    const InterruptCheck check([] { throw std::runtime_error("stop"); });
    EXPECT_THROW(static_cast<void>(state.delete_rows(rows)), std::runtime_error);
  }
  EXPECT_EQ(state.status(), DeletionStatus::kRebuild);
  EXPECT_EQ(state.weights(), before.weights());
  expect_error<UsageError>([&] { return state.newton_point(); }, {"rebuilt_at"});
  DeletionState again = state.rebuilt_at(theta);
  ASSERT_EQ(again.delete_rows(rows), DeletionStatus::kDone);
  EXPECT_EQ(again.newton_point(), wanted.newton_point());
}

TEST(DeletionState, AsksForANewBaseWhenHalfOfTheCurvatureIsGone) {
  Random random(4);
  const Dataset data = made_up_rows(random, 60, 3, Loss());
  const Objective objective(data, Loss(), true, 1e-3);
  const Vector theta = train(objective, data.weights).theta;
  DeletionState state(objective, theta, data.weights);
  std::vector<Index> rows;
  for (Index i = 0; i < 50; ++i) rows.push_back(i);
  ASSERT_EQ(state.delete_rows(rows), DeletionStatus::kRebuild);
  EXPECT_EQ(state.status(), DeletionStatus::kRebuild);
  EXPECT_EQ((state.weights().array() > 0).count(), 10);
  expect_error<UsageError>([&] { return state.newton_point(); }, {"rebuilt_at"});
  expect_error<UsageError>([&] { return state.frame(); }, {"new base"});
  const DeletionState again = state.rebuilt_at(theta);
  EXPECT_TRUE(same_bytes(again.weights(), state.weights()));
  EXPECT_EQ(again.newton_point().size(), 4);
}

/// Where tier 0 has run out, the last pass goes on bounding for a while.
TEST(DeletionState, APassThatWasKeptBoundsTheModelsAfterIt) {
  Random random(4);
  const Dataset data = made_up_rows(random, 600, 40, Loss());
  const Objective objective(data, Loss(), true, 6.0);
  DeletionState state(objective, train(objective, data.weights).theta, data.weights);
  EXPECT_FALSE(state.keeps_pass());
  expect_error<UsageError>([&] { return state.carried_residual(state.newton_point()); },
                           {"keeps no pass", "measure_and_keep"});
  const auto without_pass = [&](const Vector& theta) {
    return bound_from_step(state.frame(), state.measure_step(theta)).value;
  };
  Index row = 0;
  const auto next = [&] {
    const Index one[] = {row++};
    EXPECT_EQ(state.delete_rows(one), DeletionStatus::kDone);
    return state.newton_point();
  };
  Vector theta = next();
  while (without_pass(theta) < INFINITY) theta = next();
  const ResidualMeasure measured = state.measure_and_keep(theta);
  EXPECT_TRUE(state.keeps_pass());
  EXPECT_EQ(measured.range, state.measure_residual(theta).range);
  EXPECT_LE(state.measure_step(theta).range, measured.range * (1 + 1e-9)) << "what the pass found";
  // Nothing has left since: it is what was measured, but for rounding.
  const ResidualMeasure here = state.carried_residual(theta);
  EXPECT_EQ(here.way_norm, 0);
  EXPECT_NEAR(here.solution_norm, measured.solution_norm, 1e-12);
  for (int k = 0; k < 3; ++k) {
    theta = next();
    const DistanceBound carried = bound_from_residual(state.frame(), state.carried_residual(theta));
    const DistanceBound exact = bound_from_residual(state.frame(), state.measure_residual(theta));
    EXPECT_LT(carried.value, INFINITY) << k;
    EXPECT_GE(carried.value, exact.solution - 1e-12);
    EXPECT_GE(carried.range, exact.range);
  }
  state.settle();
  EXPECT_FALSE(state.keeps_pass());
}

// Changes that a stored weight does not show must not be counted either: 100,000 of them moved the
// gradient away from that of the weights, and the bound with it.
TEST(RepeatedReweighting, CountsWhatTheStoredWeightsChangeBy) {
  Random random(12);
  const Dataset data = made_up_rows(random, 10, 2, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights, {.tolerance = 1e-14}).theta;
  for (const double change : {1e-16, 2e-16, -1e-16, 3e-17}) {
    DeletionState state(objective, theta, data.weights);
    const Index row[] = {4};
    for (int i = 0; i < 20'000; ++i) {
      ASSERT_EQ(state.reweight(row, Vector::Constant(1, change)), DeletionStatus::kDone);
    }
    const auto truth = exact_minimum(data, Loss(), true, 1, state.weights(), theta);
    const Vector moved = state.newton_point();
    const Real distance = (moved.cast<Real>() - truth.theta).norm() - truth.error;
    EXPECT_LE(distance,
              static_cast<Real>(bound_from_step(state.frame(), state.measure_step(moved)).value))
        << change;
  }
}

TEST(DeletionState, RefusesAPenaltyWhoseSquaresVanish) {
  Random random(13);
  const Dataset data = made_up_rows(random, 10, 2, Loss());
  const Objective objective(data, Loss(), true, 1e-101);
  expect_error<DataError>([&] { return DeletionState(objective, Vector::Zero(3), data.weights); },
                          {"l2", "raise"});
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
// Each mistake of src/unlearn/deletion_faults.hpp, made on purpose: the check passes without it and
// fails with it.
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "deletion_faults.hpp"
#include "hostile_deletions.hpp"

namespace recant::test {
namespace {

class DeletionFaultsTest : public testing::Test {
 protected:
  void TearDown() override { deletion_faults = {}; }
};

Dataset rows_of(const RowMatrix& x, const Vector& targets) {
  Dataset data;
  data.features = FeatureMatrix(x);
  data.targets = targets;
  data.weights = Vector::Ones(targets.size());
  return data;
}

/// max |x_i (e_k - e_l)^T|_{H_S^{-1}} over the rows with weight, straight from its definition.
double true_leverage(const Objective& objective, const Vector& theta, const Vector& weights) {
  const Matrix inverse = objective.hessian(theta, weights).inverse();
  const Index p = objective.width(), outputs = objective.loss().outputs();
  double most = 0;
  for (Index i = 0; i < objective.rows(); ++i) {
    if (!(weights(i) > 0)) continue;
    const Vector x = objective.features().row(i).transpose();
    for (Index k = 0; k < outputs; ++k) {
      for (Index l = 0; l < outputs; ++l) {
        Vector difference = Vector::Zero(p * outputs);
        difference.segment(k * p, p) += x;
        if (outputs > 1) difference.segment(l * p, p) -= x;
        most = std::max(most, std::sqrt(difference.dot(inverse * difference)));
      }
    }
  }
  return most;
}

/// c after rows have been deleted is at least what its definition gives.
bool leverage_is_safe(const Dataset& data, const Loss& loss, const std::vector<Index>& rows) {
  const Objective objective(data, loss, false, 1e-2);
  const Vector theta = Vector::Zero(objective.parameters());
  DeletionState state(objective, theta, data.weights);
  if (!rows.empty() && state.delete_rows(rows) != DeletionStatus::kDone) return true;
  return state.frame().leverage >= true_leverage(objective, theta, state.weights()) * (1 - 1e-12);
}

TEST_F(DeletionFaultsTest, StaleLeverage) {
  const Dataset data = rows_of(RowMatrix{{1}, {1}, {1}, {2}}, Vector{{1, 0, 1, 0}});
  const auto check = [&] { return leverage_is_safe(data, Loss(), {0, 1}); };
  EXPECT_TRUE(check());
  deletion_faults.stale_leverage = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, MeanInPlaceOfTheLargestEigenvalue) {
  RowMatrix x = RowMatrix::Zero(20, 2);
  x.col(0).head(10).setOnes();
  x.col(1).tail(10).setOnes();
  const Dataset data = rows_of(x, Vector::Ones(20));
  const auto check = [&] { return leverage_is_safe(data, Loss(), {0, 1, 2, 3}); };
  EXPECT_TRUE(check());
  deletion_faults.mean_shrinkage = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, SpreadOfSoftmaxForgotten) {
  const Dataset data = rows_of(RowMatrix{{3}, {-1}}, Vector{{0, 1}});
  const auto check = [&] { return leverage_is_safe(data, Loss(LossKind::kSoftmax, 2), {}); };
  EXPECT_TRUE(check());
  deletion_faults.spread_forgotten = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, LeftoverDropped) {
  Random random(6);
  const Dataset data = made_up_rows(random, 200, 3, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights).theta + 0.01 * Vector::Ones(4);
  Vector after = data.weights;
  after(7) = 0;
  const auto truth = exact_minimum(data, Loss(), true, 1, after, theta);
  const auto check = [&] {
    DeletionState state(objective, theta, data.weights);
    const Index rows[] = {7};
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    const Vector moved = state.newton_point();
    const Real distance = (moved.cast<Real>() - truth.theta).norm();
    return distance <=
           static_cast<Real>(bound_from_step(state.frame(), state.measure_step(moved)).value);
  };
  EXPECT_TRUE(check());
  deletion_faults.leftover_dropped = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, PullOfUnevenWeightsForgotten) {
  Random random(8);
  const Dataset data = made_up_rows(random, 300, 3, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights).theta;
  const std::vector<Index> rows = {3, 40, 41};
  Vector after = data.weights;
  for (const Index row : rows) after(row) = 0;
  const auto truth = exact_minimum(data, Loss(), true, 1, after, theta);
  const auto check = [&] {
    DeletionState state(objective, theta, data.weights);
    const Vector p = state.row_gradients(rows, Vector{{0.5, -0.25, -0.25}});
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    const Vector moved = state.newton_point(p);
    const Real distance = (moved.cast<Real>() - truth.theta).norm();
    return distance <=
           static_cast<Real>(bound_from_step(state.frame(), state.measure_step(moved)).value);
  };
  EXPECT_TRUE(check());
  deletion_faults.pull_forgotten = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, ThirdDerivativeOfDeletedRowsKept) {
  // phi''' far from 0: nine in ten of class 1.
  Vector targets = Vector::Ones(40);
  targets.head(4).setZero();
  const Dataset data = rows_of(RowMatrix::Ones(40, 1), targets);
  const Objective objective(data, Loss(), false, 1);
  const Vector theta = train(objective, data.weights).theta;
  const std::vector<Index> rows = {36, 37, 38, 39};
  Vector after = data.weights;
  for (const Index row : rows) after(row) = 0;
  const auto truth = exact_minimum(data, Loss(), false, 1, after, theta);
  const auto check = [&] {
    DeletionState state(objective, theta, data.weights, {.third_derivative = true});
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    const Vector moved = state.third_order_point();
    const Real distance = (moved.cast<Real>() - truth.theta).norm();
    const DistanceBound bound = bound_from_residual(state.frame(), state.expanded_residual(moved));
    return distance <= static_cast<Real>(bound.value);
  };
  EXPECT_TRUE(check());
  deletion_faults.third_derivative_kept = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, DirectionsOutsideTakenAsFlat) {
  // Much curvature along the first feature, little along the second.
  RowMatrix x = RowMatrix::Zero(4'000, 2);
  Vector targets(4'000);
  for (Index i = 0; i < 4'000; ++i) {
    x(i, 0) = i % 2 == 0 ? 200 : -200;
    targets(i) = (x(i, 0) > 0) != (i % 20 < 2) ? 1 : 0;
  }
  x(10, 1) = x(12, 1) = 0.3;
  const Dataset data = rows_of(x, targets);
  const Objective objective(data, Loss(), false, 1);
  const Vector theta = train(objective, data.weights).theta;
  Vector after = data.weights;
  after(10) = 0;
  const auto truth = exact_minimum(data, Loss(), false, 1, after, theta);
  const auto check = [&] {
    DeletionState state(objective, theta, data.weights);
    const Index rows[] = {10};
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    EXPECT_GT(state.frame().span_eigenvalue, 1e6);
    const Vector moved = state.newton_point();
    const Real distance = (moved.cast<Real>() - truth.theta).norm();
    return distance <=
           static_cast<Real>(bound_from_step(state.frame(), state.measure_step(moved)).value);
  };
  EXPECT_TRUE(check());
  deletion_faults.outside_forgotten = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, ShareThatLeftForgottenByANormNearby) {
  const Matrix a = Vector{{0.6, 1}}.asDiagonal();
  const Vector at{{0, 1}}, v{{0.1, 1}};
  const NearNorm norm{.at = at, .in_h = at, .in_a = at, .share = 0.6};
  const auto check = [&] { return norm.of(v, a * v, 2).value() >= v.norm(); };
  EXPECT_TRUE(check());
  deletion_faults.share_forgotten = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, ChangeOfCurvatureForgottenByTheSecondLook) {
  const auto failures = [] {
    int count = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const HostileDeletion problem = hostile_deletion(LossKind::kLogistic, seed);
      const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
      const auto [state, after, rebuilt] = delete_hostile(problem, objective, seed);
      const Vector theta = state.newton_point();
      const auto truth =
          exact_minimum(problem.data, problem.loss, problem.intercept, problem.l2, after, theta);
      const DistanceBound bound =
          bound_from_residual(state.frame(), state.measure_residual(theta, always));
      count += distance(theta, truth) > bound.corrected_by_second_look;
    }
    return count;
  };
  EXPECT_EQ(failures(), 0);
  deletion_faults.change_forgotten = true;
  EXPECT_GT(failures(), 0);
}

TEST_F(DeletionFaultsTest, CurvatureOnTheWayFromThePassForgotten) {
  const auto failures = [] {
    int count = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const HostileDeletion problem = hostile_deletion(LossKind::kLogistic, seed);
      const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
      const auto state = delete_past_a_pass(problem, objective, seed);
      if (!state) continue;
      const Vector theta = state->newton_point();
      const auto truth = exact_minimum(problem.data, problem.loss, problem.intercept, problem.l2,
                                       state->weights(), theta);
      count += distance(theta, truth) >
               bound_from_residual(state->frame(), state->carried_residual(theta)).value;
    }
    return count;
  };
  EXPECT_EQ(failures(), 0);
  deletion_faults.way_forgotten = true;
  EXPECT_GT(failures(), 0);
}

TEST_F(DeletionFaultsTest, RowsThatLeftSinceThePassKeptInItsGradient) {
  Random random(6);
  const Dataset data = made_up_rows(random, 200, 3, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights).theta;
  Vector after = data.weights;
  after(7) = 0;
  const auto truth = exact_minimum(data, Loss(), true, 1, after, theta);
  // Where the pass was, the gradient that it found is next to nothing.
  const auto check = [&] {
    DeletionState state(objective, theta, data.weights);
    static_cast<void>(state.measure_and_keep(theta));
    const Index rows[] = {7};
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    return distance(theta, truth) <=
           bound_from_residual(state.frame(), state.carried_residual(theta)).value;
  };
  EXPECT_TRUE(check());
  deletion_faults.kept_pass_stale = true;
  EXPECT_FALSE(check());
}

TEST_F(DeletionFaultsTest, RoundingForgotten) {
  // One step is exact for squared loss: what is left of the distance is rounding alone.
  const auto failures = [] {
    int count = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const HostileDeletion problem = hostile_deletion(LossKind::kSquared, seed);
      const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
      const DeletionState state(objective, problem.theta, problem.weights);
      const Vector theta = state.newton_point();
      const auto truth = exact_minimum(problem.data, problem.loss, problem.intercept, problem.l2,
                                       problem.weights, theta);
      const Real distance = (theta.cast<Real>() - truth.theta).norm() - truth.error;
      count +=
          distance > static_cast<Real>(
                         bound_from_residual(state.frame(), state.measure_residual(theta)).value);
    }
    return count;
  };
  EXPECT_EQ(failures(), 0);
  deletion_faults.rounding_forgotten = true;
  EXPECT_GT(failures(), 0);
}

}  // namespace
}  // namespace recant::test

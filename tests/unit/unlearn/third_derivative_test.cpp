// SPDX-License-Identifier: Apache-2.0
#include "third_derivative.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

/// T[v, v] by its definition, in extended precision.
Vector naive_contraction(const Objective& objective, const Vector& theta, const Vector& weights,
                         const Vector& v) {
  const Index p = objective.parameters(), d = objective.features().columns();
  Eigen::Matrix<long double, Eigen::Dynamic, 1> sum =
      Eigen::Matrix<long double, Eigen::Dynamic, 1>::Zero(p);
  for (Index i = 0; i < objective.rows(); ++i) {
    Eigen::Matrix<long double, Eigen::Dynamic, 1> x(p);
    x.setOnes();
    for (Index j = 0; j < d; ++j) x(j) = objective.features().row(i)(j);
    const long double t = x.dot(theta.cast<long double>()), along = x.dot(v.cast<long double>());
    const long double share = 1 / (1 + expl(-t));
    const long double third =
        objective.loss().kind() == LossKind::kLogistic ? share * (1 - share) * (1 - 2 * share) : 0;
    sum += static_cast<long double>(weights(i)) * third * along * along * x;
  }
  return sum.cast<double>();
}

TEST(ThirdDerivative, IsItsDefinitionForAllSizes) {
  for (const Index n : {1, 2, 7, 300, 1'500}) {
    for (const Index d : {1, 2, 5, 12}) {
      for (const bool intercept : {false, true}) {
        Random random(static_cast<std::uint64_t>(n * 31 + d));
        const Dataset data = made_up_rows(random, n, d, Loss());
        const Objective objective(data, Loss(), intercept, 3);
        const Vector theta = random.normals(objective.parameters());
        const Vector weights = random.weights(n), v = random.normals(theta.size());
        const Vector packed = third_derivative(objective, theta, weights);
        EXPECT_EQ(packed.size(), third_derivative_size(theta.size()));
        const Vector found = contract_twice(packed, v);
        const Vector wanted = naive_contraction(objective, theta, weights, v);
        EXPECT_LE((found - wanted).norm(), 1e-12 * (1 + wanted.norm() + static_cast<double>(n)))
            << n << " rows, " << d;
      }
    }
  }
}

TEST(ThirdDerivative, IsTheChangeOfTheHessian) {
  Random random(4);
  const Dataset data = made_up_rows(random, 200, 4, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = random.normals(5), v = random.normals(5);
  const double step = 1e-5;
  const Vector change = (objective.hessian_times(theta + step * v, data.weights, v) -
                         objective.hessian_times(theta - step * v, data.weights, v)) /
                        (2 * step);
  const Vector found = contract_twice(third_derivative(objective, theta, data.weights), v);
  EXPECT_LE((found - change).norm(), 1e-7 * change.norm());
}

TEST(ThirdDerivative, OfSquaredLossIsNone) {
  Random random(5);
  const Loss squared(LossKind::kSquared);
  const Dataset data = made_up_rows(random, 50, 3, squared);
  const Objective objective(data, squared, true, 1);
  EXPECT_EQ(third_derivative(objective, random.normals(4), data.weights).cwiseAbs().maxCoeff(), 0);
}

TEST(ThirdDerivative, RowsAreTakenAwayAsIfTheyHadNeverBeenThere) {
  Random random(6);
  const Dataset data = made_up_rows(random, 400, 5, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights).theta;
  DeletionState state(objective, theta, data.weights, {.third_derivative = true});
  const std::vector<Index> rows = {0, 9, 133, 399};
  ASSERT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
  const DeletionState without(objective, theta, state.weights(), {.third_derivative = true});
  const Vector at = theta + 0.1 * random.normals(6);
  const ResidualMeasure found = state.expanded_residual(at), wanted = without.expanded_residual(at);
  EXPECT_NEAR(found.residual_norm, wanted.residual_norm, 1e-11 * wanted.residual_norm);
  EXPECT_NEAR(found.solution_norm, wanted.solution_norm, 1e-11 * wanted.solution_norm);
}

TEST(ThirdDerivative, ThirdOrderPointIsCloserByAnOrder) {
  Random random(7);
  const Dataset data = made_up_rows(random, 500, 4, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = train(objective, data.weights).theta;
  double last_ratio = 1;
  for (const double share : {1.0, 0.1, 0.01}) {  // of the weight of ten rows
    DeletionState state(objective, theta, data.weights, {.third_derivative = true});
    std::vector<Index> rows(10);
    for (Index i = 0; i < 10; ++i) rows[static_cast<std::size_t>(i)] = 40 * i;
    ASSERT_EQ(state.reweight(rows, Vector::Constant(10, -share)), DeletionStatus::kDone);
    const Vector truth = train_from(objective, state.weights(), theta, {.tolerance = 1e-14}).theta;
    const double second = (state.newton_point() - truth).norm();
    const double third = (state.third_order_point() - truth).norm();
    EXPECT_LT(third / second, last_ratio / 3) << share;
    last_ratio = third / second;
  }
}

TEST(ThirdDerivative, IsAskedForOrRefused) {
  Random random(8);
  const Loss softmax(LossKind::kSoftmax, 3);
  const Dataset classes = made_up_rows(random, 30, 2, softmax);
  const Objective several(classes, softmax, true, 1);
  expect_error<UsageError>(
      [&] {
        return DeletionState(several, Vector::Zero(9), classes.weights, {.third_derivative = true});
      },
      {"third", "softmax"});
  const Dataset data = made_up_rows(random, 30, 2, Loss());
  const Objective objective(data, Loss(), true, 1);
  const DeletionState plain(objective, Vector::Zero(3), data.weights);
  EXPECT_FALSE(plain.keeps_third_derivative());
  expect_error<UsageError>([&] { return plain.third_order_point(); }, {"third_derivative"});
  expect_error<UsageError>([&] { return plain.expanded_residual(Vector::Zero(3)); },
                           {"third_derivative"});
  const DeletionState kept(objective, Vector::Zero(3), data.weights, {.third_derivative = true});
  EXPECT_TRUE(kept.rebuilt_at(Vector::Zero(3)).keeps_third_derivative());
}

}  // namespace
}  // namespace recant::test

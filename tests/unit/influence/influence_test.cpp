// SPDX-License-Identifier: Apache-2.0
#include "recant/influence/influence.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

class InfluenceByKind : public testing::TestWithParam<std::tuple<LossKind, bool>> {
 protected:
  const Loss loss_{std::get<0>(GetParam()), 3};
  const bool intercept_ = std::get<1>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Kinds, InfluenceByKind,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool()));

TEST_P(InfluenceByKind, TheFactorSolvesTheHessian) {
  test::Random random(1);
  const Dataset data = test::made_up_rows(random, 300, 5, loss_);
  const Objective objective(data, loss_, intercept_, 0.2);
  const Vector theta = random.normals(objective.parameters()), w = random.weights(300);
  const auto factor = factor_hessian(objective, theta, w);
  ASSERT_TRUE(factor.has_value());
  const Vector b = random.normals(theta.size());
  test::expect_close(objective.hessian_times(theta, w, factor->solve(b)), b, 1e-11, 0, "H x = b");
}

TEST_P(InfluenceByKind, IsTheFormulaInStraightLoops) {
  for (const Index n : {1, 40, 1023, 1024, 1025}) {
    for (const Index d : {1, 4}) {
      test::Random random(static_cast<std::uint64_t>(n + d));
      const Dataset data = test::made_up_rows(random, n, d, loss_);
      const Objective objective(data, loss_, intercept_, 0.5);
      const Vector theta = random.normals(objective.parameters()), w = random.weights(n);
      const Matrix gradients = random.normal_matrix(theta.size(), 2);
      const auto factor = factor_hessian(objective, theta, w);
      ASSERT_TRUE(factor.has_value());
      const Matrix found = influences(objective, theta, *factor, gradients);
      const Matrix hessian = test::naive_objective(data, loss_, intercept_, 0.5, theta, w).hessian;
      const Matrix solved = hessian.fullPivLu().solve(gradients);
      Matrix wanted(n, 2);
      for (Index i = 0; i < n; ++i) {
        wanted.row(i) =
            (solved.transpose() * test::naive_row_gradient(data, loss_, intercept_, i, theta))
                .transpose();
      }
      test::expect_close(found, wanted, 1e-11, 1e-13, "n " + std::to_string(n));
    }
  }
}

/// d m / d w_j = -I_m(j): every row's weight moved, the model trained anew.
TEST_P(InfluenceByKind, IsTheChangeOfTheMetricByAChangeOfARowsWeight) {
  test::Random random(2);
  const Index n = 40;
  const Dataset data = test::made_up_rows(random, n, 3, loss_);
  const Dataset validation = test::made_up_rows(random, 25, 3, loss_);
  const Objective objective(data, loss_, intercept_, 0.5),
      measure(validation, loss_, intercept_, 1);
  const Vector w = Vector::Ones(n) + random.weights(n), ones = Vector::Ones(25);
  const Vector theta = train(objective, w).theta;
  const Matrix gradient = measure.weighted_gradients(theta, ones);
  const auto factor = factor_hessian(objective, theta, w);
  const Vector influence = influences(objective, theta, *factor, gradient).col(0);
  for (Index j = 0; j < n; j += 3) {
    const double wanted = test::derivative(
        [&](double step) {
          Vector moved = w;
          moved(j) += step;
          return measure.evaluate(train_from(objective, moved, theta).theta, ones).data_loss;
        },
        1e-2);
    EXPECT_NEAR(-influence(j), wanted, 1e-6 * test::largest(influence)) << "row " << j;
  }
  // The same for all rows at once, along any direction.
  const Vector delta = random.normals(n);
  const double along = test::derivative(
      [&](double step) {
        return measure.evaluate(train_from(objective, w + step * delta, theta).theta, ones)
            .data_loss;
      },
      1e-2);
  EXPECT_NEAR(-influence.dot(delta), along, 1e-5 * influence.norm() * delta.norm());
}

TEST_P(InfluenceByKind, SameBytesForAnyThreads) {
  test::Random random(3);
  const Dataset data = test::made_up_rows(random, 20000, 6, loss_);
  const Vector w = random.weights(20000);
  Matrix one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    test::Random again(4);
    const Objective objective(data, loss_, intercept_, 0.5);
    const Vector theta = again.normals(objective.parameters());
    const Matrix gradients = again.normal_matrix(theta.size(), 3);
    const auto factor = factor_hessian(objective, theta, w);
    const Matrix now = influences(objective, theta, *factor, gradients);
    if (count == 1) one = now;
    EXPECT_TRUE(test::same_bytes(now, one)) << count;
  }
}

TEST_P(InfluenceByKind, FollowsTheRowsWhenTheyAreReordered) {
  test::Random random(5);
  const Index n = 1500;
  const Dataset data = test::made_up_rows(random, n, 4, loss_);
  const std::vector<Index> order = random.permutation(n);
  const Dataset shuffled = test::pick_rows(data, order);
  const Vector w = random.weights(n), shuffled_w = test::pick(w, order);
  const Objective a(data, loss_, intercept_, 0.5), b(shuffled, loss_, intercept_, 0.5);
  const Vector theta = random.normals(a.parameters());
  const Matrix gradient = random.normal_matrix(theta.size(), 1);
  const Vector here = influences(a, theta, *factor_hessian(a, theta, w), gradient).col(0);
  const Vector there = influences(b, theta, *factor_hessian(b, theta, shuffled_w), gradient).col(0);
  test::expect_close(there, test::pick(here, order), 1e-10, 0, "influence");
}

TEST(InfluenceTest, ManyRepetitionsOnFourThreadsGiveTheSameBytes) {
  test::Random random(6);
  const Dataset data = test::made_up_rows(random, 20000, 8, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector w = random.weights(20000), theta = random.normals(9);
  const Matrix gradients = random.normal_matrix(9, 2);
  const test::WithThreads threads(4);
  Matrix first;
  for (int repetition = 0; repetition < 20; ++repetition) {
    const Matrix now =
        influences(objective, theta, *factor_hessian(objective, theta, w), gradients);
    if (repetition == 0) first = now;
    ASSERT_TRUE(test::same_bytes(now, first)) << repetition;
  }
}

TEST(InfluenceTest, AnIndefiniteHessianHasNoFactor) {
  test::Random random(7);
  const Dataset data = test::made_up_rows(random, 200, 3, Loss());
  const Objective objective(data, Loss(), true, 0.1);
  EXPECT_FALSE(factor_hessian(objective, Vector::Zero(4), Vector::Constant(200, -1)).has_value());
  Vector w = Vector::Ones(200);
  w(3) = -0.5;  // negative, yet the sum is definite
  EXPECT_TRUE(factor_hessian(objective, Vector::Zero(4), w).has_value());
}

TEST(InfluenceTest, SummaryIsCountedByHand) {
  Vector v(6);
  v << 0.5, -2, 3, -2, 3, 0.25;
  const InfluenceSummary s = summarize(v);
  EXPECT_EQ(s.count, 6);
  EXPECT_DOUBLE_EQ(s.sum, 2.75);
  EXPECT_DOUBLE_EQ(s.norm2, std::sqrt(0.25 + 4 + 9 + 4 + 9 + 0.0625));
  EXPECT_EQ(s.min, -2);
  EXPECT_EQ(s.max, 3);
  EXPECT_EQ(s.argmin, 1) << "the first row that has it";
  EXPECT_EQ(s.argmax, 2);
  const InfluenceSummary one = summarize(Vector::Constant(1, -4.0));
  EXPECT_EQ(one.min, -4);
  EXPECT_EQ(one.max, -4);
  test::expect_error<UsageError>([&] { return summarize(Vector()); }, {"influences", "0"});
}

}  // namespace
}  // namespace recant

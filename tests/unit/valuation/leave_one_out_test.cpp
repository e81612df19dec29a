// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/leave_one_out.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "left_out_cases.hpp"
#include "recant/core/error.hpp"
#include "recant/influence/influence.hpp"

namespace recant {
namespace {

class LeaveOneOutByKind : public testing::TestWithParam<std::tuple<LossKind, bool>> {
 protected:
  const Loss loss_{std::get<0>(GetParam()), 3};
  const bool intercept_ = std::get<1>(GetParam());

  [[nodiscard]] Measures measures(std::uint64_t seed, Index d) const {
    test::Random random(seed);
    return test::loss_and_entries(test::made_up_rows(random, 30, d, loss_), loss_, intercept_);
  }
  /// Against a refit of every row.
  void expect_exact(const Dataset& data, const Vector& weights, double l2, const Measures& figures,
                    const std::string& what) const {
    const Objective objective(data, loss_, intercept_, l2);
    const LeaveOneOut found = leave_one_out(objective, train(objective, weights).theta, weights,
                                            figures, {.tolerance = 1e-9});
    EXPECT_TRUE(found.not_converged.empty()) << what;
    test::expect_close(found.changes, test::refitted_changes(objective, weights, figures), 1e-7,
                       1e-9, what);
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, LeaveOneOutByKind,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool()));

TEST_P(LeaveOneOutByKind, IsARefitOfEveryRow) {
  for (const Index n : {2, 3, 30, 150}) {
    for (const Index d : {1, 4}) {
      test::Random random(static_cast<std::uint64_t>(10 * n + d));
      const Dataset data = test::made_up_rows(random, n, d, loss_);
      expect_exact(data, Vector::Ones(n), 0.5, measures(1, d), "n " + std::to_string(n));
    }
  }
}

TEST_P(LeaveOneOutByKind, OfWeightedRowsIsARefit) {
  test::Random random(2);
  const Dataset data = test::made_up_rows(random, 80, 3, loss_);
  Vector weights = random.weights(80);
  weights(5) = 50;  // one that outweighs all others
  expect_exact(data, weights, 0.3, measures(2, 3), "weights");
}

TEST_P(LeaveOneOutByKind, OfAnObjectiveWithALinearTermIsARefit) {
  test::Random random(15);
  const Dataset data = test::made_up_rows(random, 60, 3, loss_);
  const Objective plain(data, loss_, intercept_, 1);
  const Objective objective = plain.with_linear_term(3 * random.normals(plain.parameters()));
  Vector weights = random.weights(60);
  weights(7) = 40;  // far enough from the others for a training of its own
  const Measures figures = measures(15, 3);
  const LeaveOneOut found = leave_one_out(objective, train(objective, weights).theta, weights,
                                          figures, {.tolerance = 1e-9});
  EXPECT_TRUE(found.not_converged.empty());
  test::expect_close(found.changes, test::refitted_changes(objective, weights, figures), 1e-7, 1e-9,
                     "linear term");
}

TEST_P(LeaveOneOutByKind, OfARowThatCarriesAFeatureAloneIsARefit) {
  test::Random random(3);
  const Dataset plain = test::made_up_rows(random, 60, 3, loss_);
  RowMatrix x = plain.features.view();
  x.col(2).setZero();
  x(7, 2) = 200;
  Dataset data = plain;
  data.features = FeatureMatrix(std::move(x));
  expect_exact(data, Vector::Ones(60), 0.01, measures(3, 3), "leverage");
}

TEST_P(LeaveOneOutByKind, WithMoreFeaturesThanRowsAndLittlePenaltyIsARefit) {
  test::Random random(4);
  const Dataset data = test::made_up_rows(random, 20, 30, loss_);  // separable
  const Vector ones = Vector::Ones(20);
  expect_exact(data, ones, 1e-3, measures(4, 30), "separable");
  // Curvatures change too much for the factor of the start: some rows are trained alone.
  const Objective objective(data, loss_, intercept_, 1e-3);
  const LeaveOneOut found =
      leave_one_out(objective, train(objective, ones).theta, ones, measures(4, 30));
  EXPECT_EQ(found.refits > 0, loss_.kind() != LossKind::kSquared);
}

TEST_P(LeaveOneOutByKind, OfDuplicatesIsTheSameForEach) {
  test::Random random(5);
  const Dataset some = test::made_up_rows(random, 25, 3, loss_);
  std::vector<Index> twice;
  for (Index i = 0; i < 25; ++i) twice.insert(twice.end(), {i, i});
  const Dataset data = test::pick_rows(some, twice);
  const Measures figures = measures(5, 3);
  expect_exact(data, Vector::Ones(50), 0.5, figures, "duplicates");
  const Objective objective(data, loss_, intercept_, 0.5);
  const Vector ones = Vector::Ones(50);
  const LeaveOneOut found =
      leave_one_out(objective, train(objective, ones).theta, ones, figures, {.tolerance = 1e-10});
  for (Index i = 0; i < 50; i += 2) {
    test::expect_close(found.changes.row(i), found.changes.row(i + 1), 1e-7, 1e-10, "pair");
  }
}

TEST_P(LeaveOneOutByKind, ItsCertificateIsWhatIsLeftOfTheGradient) {
  test::Random random(6);
  const Dataset data = test::made_up_rows(random, 120, 3, loss_);
  const Objective objective(data, loss_, intercept_, 0.5);
  const Vector weights = random.weights(120);
  const Vector theta = train(objective, weights).theta;
  // The measures see every model: all of theta, row after row of positive weight.
  std::vector<Vector> models;
  const Measures keep = [&](ConstMatrixRef thetas) {
    for (Index k = 0; k < thetas.cols(); ++k) models.emplace_back(thetas.col(k));
    return Matrix(thetas);
  };
  const double tolerance = 1e-6;
  const LeaveOneOut found =
      leave_one_out(objective, theta, weights, keep, {.tolerance = tolerance});
  std::size_t next = 1;  // the first is the model with all rows
  for (Index j = 0; j < 120; ++j) {
    if (weights(j) == 0) {
      EXPECT_EQ(found.changes.row(j).cwiseAbs().maxCoeff(), 0);
      continue;
    }
    Vector without = weights;
    without(j) = 0;
    const Vector gradient = objective.evaluate(models.at(next++), without).gradient;
    EXPECT_NEAR(gradient.norm(), found.gradient_norms(j), 1e-11 + 1e-6 * gradient.norm());
    EXPECT_LE(found.left(j), tolerance * found.moved(j) + 1e-12);
  }
  EXPECT_EQ(next, models.size());
}

TEST_P(LeaveOneOutByKind, FollowsTheRowsWhenTheyAreReordered) {
  test::Random random(7);
  const Index n = 700;  // more than one batch
  const Dataset data = test::made_up_rows(random, n, 4, loss_);
  const std::vector<Index> order = random.permutation(n);
  const Dataset shuffled = test::pick_rows(data, order);
  const Objective a(data, loss_, intercept_, 1), b(shuffled, loss_, intercept_, 1);
  const Vector ones = Vector::Ones(n);
  const Measures figures = measures(7, 4);
  const LeaveOneOutOptions options{.tolerance = 1e-10};
  const LeaveOneOut here = leave_one_out(a, train(a, ones).theta, ones, figures, options);
  const LeaveOneOut there = leave_one_out(b, train(b, ones).theta, ones, figures, options);
  for (Index m = 0; m < here.changes.cols(); ++m) {
    test::expect_close(there.changes.col(m), test::pick(here.changes.col(m), order), 1e-8, 1e-11,
                       "figure " + std::to_string(m));
  }
}

TEST_P(LeaveOneOutByKind, IsTheSameForAnyNumberOfThreads) {
  test::Random random(8);
  const Index n = 1300;
  const Dataset data = test::made_up_rows(random, n, 3, loss_);
  const Objective objective(data, loss_, intercept_, 1);
  const Vector weights = random.weights(n);
  const Measures figures = measures(8, 3);
  LeaveOneOut one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const LeaveOneOut now =
        leave_one_out(objective, train(objective, weights).theta, weights, figures);
    if (count == 1) one = now;
    EXPECT_TRUE(test::same_bytes(now.changes, one.changes)) << count;
    EXPECT_TRUE(test::same_bytes(now.left, one.left)) << count;
    EXPECT_EQ(now.passes, one.passes);
  }
}

TEST_P(LeaveOneOutByKind, TendsToTheInfluenceAsTheRowsWeighLess) {
  test::Random random(9);
  const Index n = 60;
  const Dataset data = test::made_up_rows(random, n, 3, loss_);
  const Objective objective(data, loss_, intercept_, 1);
  const Dataset validation = test::made_up_rows(random, 30, 3, loss_);
  const Objective measure(validation, loss_, intercept_, 1);
  for (const double small : {1e-2, 1e-3}) {
    Vector weights = Vector::Ones(n);
    weights.head(10).setConstant(small);
    const Vector theta = train(objective, weights).theta;
    const LeaveOneOut found =
        leave_one_out(objective, theta, weights,
                      test::loss_and_entries(validation, loss_, intercept_), {.tolerance = 1e-11});
    const Vector slope = measure.weighted_gradients(theta, Vector::Ones(30));
    const Vector predicted =
        small * influences(objective, theta, *factor_hessian(objective, theta, weights), slope)
                    .col(0)
                    .head(10);
    // What the first order misses is of the second.
    test::expect_close(Vector(found.changes.col(0).head(10)), predicted, 10 * small, 0,
                       "influence");
  }
}

TEST(LeaveOneOutTest, TheOnlyRowOfAClassIsNamedAndTrainedWithout) {
  test::Random random(10);
  Dataset data = test::made_up_rows(random, 40, 2, Loss());
  data.targets.setZero();
  data.targets(17) = 1;
  const Objective objective(data, Loss(), true, 0.5);
  const Measures figures =
      test::loss_and_entries(test::made_up_rows(random, 30, 2, Loss()), Loss(), true);
  const Vector ones = Vector::Ones(40);
  const LeaveOneOut found =
      leave_one_out(objective, train(objective, ones).theta, ones, figures, {.tolerance = 1e-9});
  EXPECT_EQ(found.last_of_class, std::vector<Index>{17});
  test::expect_close(found.changes, test::refitted_changes(objective, ones, figures), 1e-7, 1e-9,
                     "changes");
}

TEST(LeaveOneOutTest, WithoutTheOnlyRowThePenaltyIsLeft) {
  for (const double l2 : {1.0, 1e-9}) {
    test::Random random(11);
    const Dataset data = test::made_up_rows(random, 3, 2, Loss());
    const Objective objective(data, Loss(), true, l2);
    Vector weights = Vector::Zero(3);
    weights(1) = 2;
    const Measures theta_itself = [](ConstMatrixRef thetas) { return Matrix(thetas); };
    const Vector theta = train(objective, weights).theta;
    const LeaveOneOut found = leave_one_out(objective, theta, weights, theta_itself);
    EXPECT_TRUE(found.not_converged.empty());
    test::expect_close(Vector(found.changes.row(1).transpose()), Vector(-found.theta), 1e-6, 0,
                       "theta is 0 without the row");
  }
}

TEST(LeaveOneOutTest, WithoutTheOnlyRowThePenaltyAndTheLinearTermAreLeft) {
  test::Random random(16);
  const Dataset data = test::made_up_rows(random, 3, 2, Loss());
  const Vector b = random.normals(3);
  const Objective objective = Objective(data, Loss(), true, 0.25).with_linear_term(b);
  Vector weights = Vector::Zero(3);
  weights(1) = 2;
  const Measures theta_itself = [](ConstMatrixRef thetas) { return Matrix(thetas); };
  const LeaveOneOut found =
      leave_one_out(objective, train(objective, weights).theta, weights, theta_itself);
  EXPECT_TRUE(found.not_converged.empty());
  test::expect_close(Vector(found.theta + found.changes.row(1).transpose()), Vector(-4 * b), 1e-6,
                     0, "theta is -b / l2 without the row");
}

/// With next to no penalty, rounding in the gradient moves the model of separable rows further than
/// most rows do. Those rows are named, and no others are off by more than they should.
TEST(LeaveOneOutTest, RowsThatMoveTheModelLessThanRoundingAreNamed) {
  test::Random random(14);
  Dataset data = test::made_up_rows(random, 40, 3, Loss());
  for (Index i = 0; i < 40; ++i) data.targets(i) = data.features.row(i)(0, 0) > 0;
  const Objective objective(data, Loss(), true, 1e-12);
  const Vector ones = Vector::Ones(40);
  const Measures figures = [](ConstMatrixRef thetas) { return Matrix(thetas); };
  const LeaveOneOut found = leave_one_out(objective, train(objective, ones).theta, ones, figures);
  EXPECT_FALSE(found.not_converged.empty());
  EXPECT_LT(std::ssize(found.not_converged), 40);
  for (Index j = 0; j < 40; ++j) {
    const bool named = std::find(found.not_converged.begin(), found.not_converged.end(), j) !=
                       found.not_converged.end();
    EXPECT_TRUE(named || found.left(j) <= 1e-2 * found.moved(j)) << j;
  }
}

TEST(LeaveOneOutTest, ReportsProgressAndStopsWhenToldTo) {
  test::Random random(12);
  const Dataset data = test::made_up_rows(random, 50, 2, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector ones = Vector::Ones(50), theta = train(objective, ones).theta;
  const Measures figures = [](ConstMatrixRef thetas) { return Matrix(thetas.topRows(1)); };
  double done = 0;
  static_cast<void>(leave_one_out(objective, theta, ones, figures, {},
                                  [&](const Progress& progress) { done = progress.done; }));
  EXPECT_EQ(done, 50);
  EXPECT_THROW(
      static_cast<void>(leave_one_out(objective, theta, ones, figures, {},
                                      [](const Progress&) { throw std::runtime_error("stop"); })),
      std::runtime_error);
}

TEST(LeaveOneOutTest, RefusesWhatItCannotUse) {
  test::Random random(13);
  const Dataset data = test::made_up_rows(random, 20, 2, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector ones = Vector::Ones(20), theta = Vector::Zero(3);
  const Measures figures = [](ConstMatrixRef thetas) { return Matrix(thetas.topRows(1)); };
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    test::expect_error<UsageError>(
        [&] { return leave_one_out(objective, theta, ones, figures, {.tolerance = bad}); },
        {"tolerance"});
  }
  test::expect_error<UsageError>(
      [&] { return leave_one_out(objective, Vector::Zero(2), ones, figures); }, {"theta", "3"});
  test::expect_error<UsageError>(
      [&] { return leave_one_out(objective, theta, Vector::Ones(19), figures); },
      {"row weights", "20"});
  Vector negative = ones;
  negative(3) = -0.1;
  test::expect_error<UsageError>([&] { return leave_one_out(objective, theta, negative, figures); },
                                 {"row weights"});
  const Measures one_model = [](ConstMatrixRef thetas) {
    return Matrix(thetas.topLeftCorner(1, 1));
  };
  test::expect_error<UsageError>([&] { return leave_one_out(objective, theta, ones, one_model); },
                                 {"models"});
}

}  // namespace
}  // namespace recant

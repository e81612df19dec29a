// SPDX-License-Identifier: Apache-2.0
#include "recant/model/trainer.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

struct Fit {
  Dataset data;
  Objective objective;
  Vector weights;
  TrainerResult result;
};

Fit fit(std::uint64_t seed, Index n, Index d, Loss loss, bool intercept, double l2,
        const TrainerOptions& options = {}) {
  test::Random random(seed);
  Dataset data = test::made_up_rows(random, n, d, loss);
  Objective objective(data, loss, intercept, l2);
  Vector weights = random.weights(n);
  if (!(weights.maxCoeff() > 0)) weights(0) = 1;
  TrainerResult result = train(objective, weights, options);
  return {std::move(data), std::move(objective), std::move(weights), std::move(result)};
}

/// The gradient at the result in extended precision, and the tolerance in its own terms.
void expect_optimal(const Fit& f, double tolerance = 1e-10) {
  const TrainerResult& r = f.result;
  ASSERT_TRUE(r.converged);
  const test::NaiveObjective there = test::naive_objective(
      f.data, f.objective.loss(), f.objective.intercept(), f.objective.l2(), r.theta, f.weights);
  const double gross = static_cast<double>(there.gross), allowed = tolerance * std::max(1.0, gross);
  EXPECT_LE(there.gradient.norm(), allowed + 1e-14 * gross);
  EXPECT_LE(r.gradient_norm, r.gradient_tolerance);
  test::expect_close(r.gradient_tolerance, allowed, 1e-12, 0, "tolerance");
  test::expect_close(r.gradient, there.gradient, 0, 1e-14 * std::max(1.0, gross), "leftover");
  EXPECT_EQ(r.gradient_norm, r.gradient.norm());
  test::expect_close(r.value, static_cast<double>(there.value), 1e-12, 1e-14 * f.weights.sum(),
                     "F");
  test::expect_close(r.data_loss, static_cast<double>(there.data_loss), 1e-12,
                     1e-14 * f.weights.sum(), "data loss");
}

class TrainerByKind : public testing::TestWithParam<std::tuple<LossKind, bool, double>> {
 protected:
  const Loss loss_{std::get<0>(GetParam()), 4};
  const bool intercept_ = std::get<1>(GetParam());
  const double l2_ = std::get<2>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Kinds, TrainerByKind,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool(), testing::Values(1e-3, 1.0, 1e4)));

TEST_P(TrainerByKind, TheGradientVanishesAtTheResult) {
  for (const auto& [n, d] : {std::pair<Index, Index>{1, 1}, {1, 4}, {9, 30}, {60, 3}, {1300, 6}}) {
    SCOPED_TRACE(testing::Message() << "n " << n << ", d " << d);
    expect_optimal(fit(static_cast<std::uint64_t>(n + d), n, d, loss_, intercept_, l2_));
  }
}

TEST_P(TrainerByKind, OneParameterIsEnough) {
  if (intercept_) expect_optimal(fit(3, 200, 0, loss_, true, l2_));
  expect_optimal(fit(4, 200, 1, loss_, intercept_, l2_));
}

TEST_P(TrainerByKind, StartingAtTheOptimumDoesNoHarm) {
  const Fit f = fit(5, 400, 5, loss_, intercept_, l2_);
  const TrainerResult again = train_from(f.objective, f.weights, f.result.theta);
  EXPECT_TRUE(again.converged);
  EXPECT_LE(again.gradient_norm, f.result.gradient_norm);
  EXPECT_LE((again.theta - f.result.theta).norm(), 2 * f.result.gradient_norm / l2_);
  TrainerOptions once;
  once.refine = false;
  const TrainerResult still = train_from(f.objective, f.weights, f.result.theta, once);
  EXPECT_TRUE(still.converged);
  EXPECT_EQ(still.iterations, 0);
  EXPECT_TRUE(test::same_bytes(still.theta, f.result.theta));
}

/// The factor of another Hessian makes the way shorter or longer, and ends where it ends without.
TEST_P(TrainerByKind, AFactorFromElsewhereLeadsToTheSamePlace) {
  const Fit before = fit(3, 400, 5, loss_, intercept_, l2_);
  Fit f = fit(3, 400, 5, loss_, intercept_, l2_);
  for (Index i = 0; i < 400; i += 3) f.weights(i) *= 0.8;
  const Matrix hessian = f.objective.hessian(before.result.theta, before.weights);
  const TrainerResult without = train_from(f.objective, f.weights, before.result.theta);
  for (const double scale : {1.0, 1e-3, 1e6}) {
    const Cholesky near = Cholesky::factor(scale * hessian).value();
    f.result = train_from(f.objective, f.weights, before.result.theta, {}, {}, &near);
    expect_optimal(f);
    if (scale == 1) {
      EXPECT_LE(f.result.hessians, without.hessians);
    }
  }
  const Cholesky small = Cholesky::factor(Matrix::Identity(2, 2)).value();
  test::expect_error<UsageError>(
      [&] { return train_from(f.objective, f.weights, before.result.theta, {}, {}, &small); },
      {"factor"});
}

TEST_P(TrainerByKind, EveryStartEndsInTheSamePlace) {
  const Fit f = fit(6, 300, 4, loss_, intercept_, l2_);
  test::Random random(7);
  for (const double scale : {0.1, 3.0, 60.0}) {
    const TrainerResult other =
        train_from(f.objective, f.weights, scale * random.normals(f.result.theta.size()));
    EXPECT_TRUE(other.converged);
    test::expect_close(other.theta, f.result.theta, 1e-8,
                       2 * (other.gradient_norm + f.result.gradient_norm) / l2_, "theta");
  }
}

TEST_P(TrainerByKind, AWeightOfZeroIsADeletedRowAndOfTwoARowTwice) {
  test::Random random(8);
  const Index n = 250;
  const Dataset data = test::made_up_rows(random, n, 4, loss_);
  Vector w(n);
  std::vector<Index> kept;
  for (Index i = 0; i < n; ++i) {
    w(i) = static_cast<double>(random.below(3));
    for (int times = 0; times < static_cast<int>(w(i)); ++times) kept.push_back(i);
  }
  const Dataset repeated = test::pick_rows(data, kept);
  const Objective a(data, loss_, intercept_, l2_), b(repeated, loss_, intercept_, l2_);
  const TrainerResult weighted = train(a, w), plain = train(b, Vector::Ones(b.rows()));
  test::expect_close(weighted.value, plain.value, 1e-11, 0, "F");
  test::expect_close(weighted.theta, plain.theta, 1e-9,
                     2 * (weighted.gradient_norm + plain.gradient_norm) / l2_, "theta");
}

TEST_P(TrainerByKind, TheOrderOfTheRowsDoesNotMatter) {
  test::Random random(9);
  const Index n = 2500;
  const Dataset data = test::made_up_rows(random, n, 5, loss_);
  const std::vector<Index> order = random.permutation(n);
  const Vector w = random.weights(n);
  const Objective a(data, loss_, intercept_, l2_);
  const Objective b(test::pick_rows(data, order), loss_, intercept_, l2_);
  const TrainerResult one = train(a, w), other = train(b, test::pick(w, order));
  test::expect_close(other.theta, one.theta, 1e-10, (one.gradient_norm + other.gradient_norm) / l2_,
                     "theta");
}

TEST_P(TrainerByKind, ThetaHasTheSameBytesForAnyThreads) {
  test::Random random(10);
  const Dataset data = test::made_up_rows(random, 5000, 6, loss_);
  const Vector w = random.weights(5000);
  TrainerResult one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const Objective objective(data, loss_, intercept_, l2_);
    TrainerResult now = train(objective, w);
    if (count == 1) one = now;
    EXPECT_TRUE(test::same_bytes(now.theta, one.theta)) << count;
    EXPECT_TRUE(test::same_bytes(now.gradient, one.gradient)) << count;
    EXPECT_EQ(now.passes, one.passes) << count;
  }
}

TEST(TrainerTest, ManyRepetitionsOnFourThreadsGiveTheSameBytes) {
  test::Random random(11);
  const Dataset data = test::made_up_rows(random, 20000, 8, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector w = random.weights(20000);
  const test::WithThreads threads(4);
  TrainerResult first;
  Matrix hessian;
  for (int repetition = 0; repetition < 20; ++repetition) {
    TrainerResult now = train(objective, w);
    Matrix h = objective.hessian(now.theta, w);
    if (repetition == 0) {
      first = now;
      hessian = h;
    }
    ASSERT_TRUE(test::same_bytes(now.theta, first.theta)) << repetition;
    ASSERT_TRUE(test::same_bytes(h, hessian)) << repetition;
  }
}

TEST(TrainerTest, SquaredLossSolvesTheNormalEquations) {
  const Fit f = fit(12, 300, 6, Loss(LossKind::kSquared), true, 0.4);
  Matrix x(300, 7);
  x.leftCols(6) = f.data.features.view();
  x.col(6).setOnes();
  const Matrix h = x.transpose() * f.weights.asDiagonal() * x + 0.4 * Matrix::Identity(7, 7);
  const Vector b = x.transpose() * (f.weights.asDiagonal() * f.data.targets);
  test::expect_close(f.result.theta, Vector(h.ldlt().solve(b)), 1e-11, 0, "theta");
  EXPECT_LE(f.result.hessians, 1) << "a quadratic needs one Hessian";
}

TEST(TrainerTest, AnInterceptAloneSolvesItsEquation) {
  // n (p - share) + l2 c = 0, by bisection.
  const Fit f = fit(13, 77, 0, Loss(), true, 2.5);
  const double total = f.weights.sum(), positive = f.weights.dot(f.data.targets);
  double low = -50, high = 50;
  for (int i = 0; i < 200; ++i) {
    const double c = (low + high) / 2;
    (total / (1 + std::exp(-c)) - positive + 2.5 * c > 0 ? high : low) = c;
  }
  test::expect_close(f.result.theta(0), low, 1e-11, 0, "intercept");
}

TEST(TrainerTest, TwoClassesOfSoftmaxAreLogisticWithHalfThePenalty) {
  // theta = -+ b/2: the penalty of the two halves is l2 |b|^2 / 4.
  test::Random random(14);
  Dataset data = test::made_up_rows(random, 500, 5, Loss());
  const Vector w = random.weights(500);
  for (const double l2 : {0.01, 1.0, 100.0}) {
    const Objective two(data, Loss(LossKind::kSoftmax, 2), true, l2);
    const Objective one(data, Loss(), true, l2 / 2);
    const TrainerResult softmax = train(two, w), logistic = train(one, w);
    const double allowed = 2 * (softmax.gradient_norm + 2 * logistic.gradient_norm) / l2;
    test::expect_close(softmax.theta.tail(6), logistic.theta / 2, 1e-9, allowed, "class 1");
    test::expect_close(softmax.theta.head(6), -logistic.theta / 2, 1e-9, allowed, "class 0");
    test::expect_close(softmax.data_loss, logistic.data_loss, 1e-10, 0, "loss");
    test::expect_close(softmax.value, logistic.value, 1e-10, 0, "F");
  }
}

/// Two classes with a gap between them: without the penalty theta would run away.
class Separable : public testing::TestWithParam<std::tuple<double, double>> {};

TEST_P(Separable, Converges) {
  const auto [l2, spread] = GetParam();
  test::Random random(15);
  const Index n = 400;
  RowMatrix x(n, 3);
  Dataset data;
  data.targets.resize(n);
  for (Index i = 0; i < n; ++i) {
    data.targets(i) = i % 3 == 0 ? 1 : 0;
    for (Index j = 0; j < 3; ++j) x(i, j) = spread * random.normal();
    x(i, 0) = (data.targets(i) == 1 ? 1 : -1) * spread * (0.1 + std::abs(x(i, 0) / spread));
  }
  data.features = FeatureMatrix(std::move(x));
  for (const Loss& loss : {Loss(), Loss(LossKind::kSoftmax, 2)}) {
    Fit f{data, Objective(data, loss, true, l2), Vector::Ones(n), {}};
    f.result = train(f.objective, f.weights);
    expect_optimal(f);
    EXPECT_LT(f.result.data_loss, 0.1 * 400 * std::log(2.0));
  }
}
INSTANTIATE_TEST_SUITE_P(Penalties, Separable,
                         testing::Combine(testing::Values(1e-3, 1e-6), testing::Values(1.0, 30.0)));

TEST(TrainerTest, ATighterToleranceIsReallyMet) {
  for (const double tolerance : {1e-4, 1e-8, 1e-12}) {
    TrainerOptions options;
    options.tolerance = tolerance;
    for (const bool refine : {false, true}) {
      options.refine = refine;
      expect_optimal(fit(16, 500, 8, Loss(), true, 1, options), tolerance);
    }
  }
}

TEST(TrainerTest, RefiningNeverEndsFurtherAway) {
  TrainerOptions plain;
  plain.refine = false;
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax}) {
    const Fit refined = fit(17, 900, 6, Loss(kind, 3), true, 0.1);
    const Fit stopped = fit(17, 900, 6, Loss(kind, 3), true, 0.1, plain);
    EXPECT_LE(refined.result.gradient_norm, stopped.result.gradient_norm);
  }
}

TEST(TrainerTest, TellsWhenItRanOutOfSteps) {
  TrainerOptions options;
  options.max_iterations = 2;
  const Fit f = fit(18, 500, 8, Loss(), true, 1e-3, options);
  EXPECT_FALSE(f.result.converged);
  EXPECT_EQ(f.result.iterations, 2);
  EXPECT_GT(f.result.gradient_norm, f.result.gradient_tolerance);
  EXPECT_LT(f.result.value, f.weights.sum() * std::log(2.0)) << "the best point found, not 0";
  options.max_iterations = 0;
  const Fit none = fit(18, 500, 8, Loss(), true, 1e-3, options);
  EXPECT_FALSE(none.result.converged);
  EXPECT_EQ(none.result.theta.norm(), 0);
  options.tolerance = 1e-300;  // cannot be met: rounding
  options.max_iterations = 200;
  const Fit never = fit(18, 500, 8, Loss(), true, 1e-3, options);
  EXPECT_FALSE(never.result.converged);
  EXPECT_LE(never.result.gradient_norm, 1e-9);
}

TEST(TrainerTest, HistoryIsWhatHappened) {
  const Fit f = fit(19, 700, 6, Loss(), true, 0.01);
  const TrainerResult& r = f.result;
  ASSERT_EQ(static_cast<int>(r.history.size()), r.iterations);
  ASSERT_GT(r.iterations, 1);
  double before = f.weights.sum() * std::log(2.0);
  for (std::size_t i = 0; i < r.history.size(); ++i) {
    EXPECT_EQ(r.history[i].iteration, static_cast<int>(i) + 1);
    EXPECT_LE(r.history[i].value, before * (1 + 1e-12)) << "F never rises";
    EXPECT_GT(r.history[i].step_size, 0);
    before = r.history[i].value;
  }
  EXPECT_EQ(r.history.back().gradient_norm, r.gradient_norm);
  EXPECT_EQ(r.history.back().value, r.value);
  EXPECT_TRUE(r.history.front().new_hessian);
  EXPECT_GE(r.passes, r.iterations + 1);
  EXPECT_GE(r.seconds, 0);
}

TEST(TrainerTest, ReportsProgressAndStopsWhenToldTo) {
  const Fit f = fit(20, 300, 4, Loss(), true, 1);
  int calls = 0;
  static_cast<void>(train(f.objective, f.weights, {}, [&](const Progress& p) {
    ++calls;
    EXPECT_EQ(p.phase, "fit");
  }));
  EXPECT_EQ(calls, f.result.iterations);
  EXPECT_THROW(static_cast<void>(train(f.objective, f.weights, {},
                                       [](const Progress&) { throw std::runtime_error("stop"); })),
               std::runtime_error);
}

TEST(TrainerTest, RefusesWhatMakesNoSense) {
  const Fit f = fit(21, 30, 2, Loss(), true, 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1e-10, nan, infinity}) {
    TrainerOptions options;
    options.tolerance = bad;
    test::expect_error<UsageError>([&] { return train(f.objective, f.weights, options); },
                                   {"tolerance"});
  }
  TrainerOptions options;
  options.max_iterations = -1;
  test::expect_error<UsageError>([&] { return train(f.objective, f.weights, options); },
                                 {"max_iterations", "-1"});
  for (const double bad : {-1e-300, -1.0, nan}) {
    Vector w = f.weights;
    w(7) = bad;
    test::expect_error<UsageError>([&] { return train(f.objective, w); }, {"row weights"});
  }
  Vector w = f.weights;
  w(7) = infinity;
  test::expect_error<UsageError>([&] { return train(f.objective, w); }, {"row weights", "finite"});
  test::expect_error<UsageError>([&] { return train(f.objective, Vector::Zero(30)); },
                                 {"not all zero"});
  test::expect_error<UsageError>([&] { return train(f.objective, Vector::Ones(29)); },
                                 {"row weights", "29", "30"});
  test::expect_error<UsageError>(
      [&] { return train_from(f.objective, f.weights, Vector::Zero(2)); }, {"start", "2", "3"});
}

/// From 300 parameters on the first steps do without a Hessian.
struct Wide {
  const char* name;
  LossKind kind;
  Index columns;
  double l2, scale;
};
class WideTrainer : public testing::TestWithParam<Wide> {
 protected:
  [[nodiscard]] static Dataset rows() {
    test::Random random(31);
    Dataset data = test::made_up_rows(random, 260, GetParam().columns, loss());
    RowMatrix x = GetParam().scale * data.features.view();
    data.features = FeatureMatrix(std::move(x));
    return data;
  }
  [[nodiscard]] static Loss loss() { return Loss(GetParam().kind, 3); }
};
INSTANTIATE_TEST_SUITE_P(Problems, WideTrainer,
                         testing::Values(Wide{"easy", LossKind::kLogistic, 320, 50, 1},
                                         Wide{"separable", LossKind::kLogistic, 320, 1e-3, 1},
                                         Wide{"huge", LossKind::kLogistic, 310, 1, 1e4},
                                         Wide{"tiny", LossKind::kLogistic, 310, 1e-6, 1e-4},
                                         Wide{"squared", LossKind::kSquared, 330, 1, 1},
                                         Wide{"softmax", LossKind::kSoftmax, 160, 2, 1}),
                         [](const auto& problem) { return std::string(problem.param.name); });

TEST_P(WideTrainer, TheGradientVanishesFromAnyStartAndTheBytesAreThoseOfAnyThreads) {
  const Dataset data = rows();
  const Objective objective(data, loss(), true, GetParam().l2);
  set_threads(1);
  const TrainerResult one = train(objective, data.weights);
  set_threads(3);
  const TrainerResult three = train(objective, data.weights);
  set_threads(0);
  EXPECT_TRUE(test::same_bytes(one.theta, three.theta));
  EXPECT_TRUE(one.converged);
  EXPECT_LE(objective.evaluate(one.theta, data.weights).gradient.norm(), one.gradient_tolerance);
  test::Random random(8);
  const Vector far =
      one.theta + (1 + one.theta.norm()) * random.normal_matrix(objective.parameters(), 1).col(0);
  const TrainerResult warm = train_from(objective, data.weights, far);
  EXPECT_TRUE(warm.converged);
  // Both are within gradient_norm / l2 of the optimum.
  EXPECT_LE((warm.theta - one.theta).norm(),
            (one.gradient_norm + warm.gradient_norm) / GetParam().l2 + 1e-12);
  const TrainerResult stopped = train(objective, data.weights, {.max_iterations = 3});
  EXPECT_LE(stopped.iterations, 3);
}

/// The norm of such a gradient is no number: no step could be measured by it.
TEST(TrainerTest, SaysThatWeightsAreBeyondDoublePrecision) {
  Fit f = fit(5, 40, 3, Loss(LossKind::kLogistic), true, 1);
  EXPECT_TRUE(train(f.objective, Vector::Constant(40, 1e100)).converged);
  for (const double weight : {1e200, 1e300, std::numeric_limits<double>::max()}) {
    test::expect_error<DataError>(
        [&] { return train(f.objective, Vector::Constant(40, weight)); },
        {"training rows: the gradient is beyond double precision", "row weights", "scale them"});
  }
}

TEST(TrainerTest, NoHessianIsFormedWhereStepsWithoutOneGetThere) {
  test::Random random(33);
  const Dataset data = test::made_up_rows(random, 400, 310, Loss(LossKind::kLogistic));
  const Objective objective(data, Loss(LossKind::kLogistic), true, 5000);
  const TrainerResult result = train(objective, data.weights, {.tolerance = 1e-4});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.hessians, 0);
  EXPECT_GT(result.iterations, 3);
}

}  // namespace
}  // namespace recant

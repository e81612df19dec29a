// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/gradient_ascent.hpp"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/unlearn/value_weighted_step.hpp"

namespace recant {
namespace {

/// Rows to forget that the model fits too well: few rows, many features, little penalty.
class Forgetting : public testing::TestWithParam<LossKind> {
 protected:
  void make(std::uint64_t seed, Index n = 60, Index d = 20) {
    test::Random random(seed);
    const Dataset all = test::made_up_rows(random, n + 200, d, loss_);
    data_ = slice(all, {0, n});
    holdout_ = slice(all, {n, n + 200});
    holdout_.weights = random.weights(200);
    weights_ = Vector::Ones(n) + random.weights(n);
    objective_.emplace(data_, loss_, true, 0.1);
    theta_ = train(*objective_, weights_).theta;
    values_ = random.normals(n);
    rows_.clear();
    for (Index j = 2; j < n; j += 5) rows_.push_back(j);
  }
  [[nodiscard]] GradientAscentResult ascend(const ValueWeights& values,
                                            const GradientAscentOptions& options = {}) const {
    return gradient_ascent(*objective_, theta_, weights_, values, holdout_, options);
  }
  [[nodiscard]] double mean_loss(const Dataset& data, const Vector& w, const Vector& theta) const {
    return static_cast<double>(
        test::naive_objective(data, loss_, true, 0.1, theta, Vector(w / w.sum())).data_loss);
  }

  const Loss loss_{GetParam(), 3};
  Dataset data_, holdout_;
  Vector weights_, theta_, values_;
  std::optional<Objective> objective_;
  std::vector<Index> rows_;
};
INSTANTIATE_TEST_SUITE_P(Losses, Forgetting,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(Forgetting, OneStepIsAlongTheDerivativeOfTheWeightedLoss) {
  make(11);
  const ValueWeights values = value_weights(values_, rows_, weights_);
  const double size = 1e-3;
  const GradientAscentResult found =
      ascend(values, {.max_steps = 1, .step_size = size, .clip = std::nullopt});
  ASSERT_EQ(found.stop, AscentStop::kSteps);
  const Vector force = -values.change.delta / -values.change.delta.sum();
  const Vector gradient = test::gradient_by_differences(
      [&](const Vector& there) {
        return static_cast<double>(
            test::naive_objective(data_, loss_, true, 0.1, there, force).data_loss);
      },
      theta_);
  test::expect_close(Vector((found.update.theta - theta_) / size), gradient, 1e-8, 1e-10, "step");
  EXPECT_NEAR(found.path[0].gradient_norm, gradient.norm(), 1e-8 * gradient.norm());
  EXPECT_NEAR(found.path[1].step_norm, size * gradient.norm(), 1e-10);
}

TEST_P(Forgetting, StopsWhereTheLossesMeet) {
  make(12);
  for (const auto& values :
       {uniform_weights(rows_, weights_), value_weights(values_, rows_, weights_)}) {
    const GradientAscentResult found = ascend(values, {.max_steps = 5000, .step_size = 0.02});
    ASSERT_EQ(found.stop, AscentStop::kReached);
    Vector forget = Vector::Zero(data_.rows());
    for (const Index j : rows_) forget(j) = weights_(j);
    const double forgotten = mean_loss(data_, forget, found.update.theta);
    const double unseen = mean_loss(holdout_, holdout_.weights, found.update.theta);
    EXPECT_NEAR(forgotten, unseen, 2e-9 * unseen);
    EXPECT_NEAR(found.path.back().forget_loss, forgotten, 1e-12 * forgotten);
    EXPECT_NEAR(found.path.back().holdout_loss, unseen, 1e-12 * unseen);
    for (std::size_t t = 0; t + 1 < found.path.size(); ++t) {
      EXPECT_LT(found.path[t].forget_loss, found.path[t].holdout_loss);
    }
    // Measured against training without the rows.
    const Vector left = weights_ - forget;
    const double gradient =
        test::naive_objective(data_, loss_, true, 0.1, found.update.theta, left).gradient.norm();
    EXPECT_NEAR(found.update.gradient_norm, gradient, 1e-10 * (1 + gradient));
    EXPECT_GE(found.update.distance_bound, found.update.gradient_norm / 0.1);
    EXPECT_LE(found.update.distance_bound, found.update.gradient_norm / 0.1 * (1 + 1e-9));
  }
}

/// However far the step would have led: to the same place as steps that are only too long.
TEST_P(Forgetting, TheLastStepIsCutWhereTheLossesMeet) {
  for (const std::uint64_t seed : {12, 21, 22, 23}) {
    make(seed);
    const ValueWeights values = uniform_weights(rows_, weights_);
    const GradientAscentResult near = ascend(values, {.step_size = 1e6});
    ASSERT_EQ(near.stop, AscentStop::kReached) << seed;
    for (const double size : {1e20, 1e100, 1e150, 1e300, 1e308}) {
      const GradientAscentResult found = ascend(values, {.step_size = size});
      // Where the far end is no number nothing is known of it.
      const double largest = GetParam() == LossKind::kSquared ? 1e150 : 1e300;
      if (found.stop == AscentStop::kNotFinite && size > largest) continue;
      ASSERT_EQ(found.stop, AscentStop::kReached) << seed << " " << size;
      const AscentPoint& end = found.path.back();
      EXPECT_NEAR(end.forget_loss, end.holdout_loss, 1e-9 * end.holdout_loss) << size;
      EXPECT_NEAR(end.step_norm, (found.update.theta - theta_).norm(), 1e-9 * end.step_norm);
      EXPECT_LE((found.update.theta - near.update.theta).norm(), 1e-5 * end.step_norm) << size;
    }
  }
}

/// A hold-out that loses even more on the way: the losses never meet, and the model is lost.
TEST_P(Forgetting, AStepThatOvershootsLeavesThePointBefore) {
  make(24);
  const ValueWeights values = uniform_weights(rows_, weights_);
  // The same rows, so long that their loss grows faster, and one that is not fitted.
  holdout_ = data_;
  holdout_.weights = Vector::Zero(data_.rows());
  for (const Index j : rows_) holdout_.weights(j) = weights_(j);
  holdout_.weights(0) = holdout_.weights.sum();
  RowMatrix longer = 10 * holdout_.features.view();
  longer.row(0) *= 0;
  holdout_.features = FeatureMatrix(std::move(longer));
  const double start = mean_loss(holdout_, holdout_.weights, theta_);
  const double zeros = mean_loss(holdout_, holdout_.weights, Vector::Zero(theta_.size()));
  const double limit = 1000 * std::max(start, zeros);
  int far = 0;
  for (double size = 1e-2; size < 1e140; size *= 10) {
    const GradientAscentResult found =
        ascend(values, {.max_steps = 1, .step_size = size, .clip = std::nullopt});
    if (found.stop == AscentStop::kSteps) {
      EXPECT_LE(found.path.back().holdout_loss, limit);
    } else if (found.stop == AscentStop::kOvershot) {
      ++far;
      EXPECT_TRUE(test::same_bytes(found.update.theta, theta_));
      EXPECT_EQ(found.path.size(), 1u);
      EXPECT_GT(mean_loss(holdout_, holdout_.weights,
                          Vector(theta_ + size * objective_->weighted_gradients(
                                                     theta_, Vector(-values.change.delta /
                                                                    -values.change.delta.sum())))),
                limit);
    }
    EXPECT_EQ(step_too_large(found.stop), found.stop == AscentStop::kOvershot) << size;
  }
  EXPECT_GT(far, 100);
}

TEST_P(Forgetting, TheUniformClimbNeverFalls) {
  make(13);
  const GradientAscentResult found =
      ascend(uniform_weights(rows_, weights_), {.max_steps = 30, .step_size = 0.01});
  for (std::size_t t = 1; t < found.path.size(); ++t) {
    EXPECT_GE(found.path[t].forget_loss, found.path[t - 1].forget_loss * (1 - 1e-12));
  }
}

TEST_P(Forgetting, StepRuleAndClipping) {
  make(14);
  const ValueWeights values = uniform_weights(rows_, weights_);
  const GradientAscentResult found = ascend(
      values, {.max_steps = 4, .step_size = 1e-3, .rule = StepRule::kDecaying, .clip = 1e-4});
  ASSERT_EQ(found.path.size(), 5u);
  EXPECT_EQ(found.clipped, 4);
  for (std::size_t t = 1; t < 5; ++t) {
    EXPECT_NEAR(found.path[t].step_norm, 1e-7 / std::sqrt(static_cast<double>(t)), 1e-18);
  }
  const GradientAscentResult constant =
      ascend(values, {.max_steps = 2, .step_size = 1e-3, .clip = 1e9});
  EXPECT_EQ(constant.clipped, 0);
  EXPECT_NEAR(constant.path[2].step_norm, 1e-3 * constant.path[1].gradient_norm, 1e-15);
}

TEST_P(Forgetting, SameBytesForAnyNumberOfThreads) {
  make(15, 2100, 5);
  const ValueWeights values = value_weights(values_, rows_, weights_);
  Vector first;
  for (const int threads : {1, 3}) {
    const test::WithThreads scope(threads);
    const Vector theta = ascend(values, {.max_steps = 5, .step_size = 0.5}).update.theta;
    if (first.size() == 0) first = theta;
    EXPECT_TRUE(test::same_bytes(first, theta));
  }
}

TEST_P(Forgetting, NothingToDo) {
  make(16);
  holdout_ = data_;  // hold-out rows are fitted as well as those to forget, or better
  holdout_.weights = Vector::Zero(data_.rows());
  const ValueWeights values = uniform_weights(rows_, weights_);
  for (const Index j : rows_) holdout_.weights(j) = weights_(j);
  const GradientAscentResult found = ascend(values);
  EXPECT_EQ(found.stop, AscentStop::kAlreadyReached);
  EXPECT_EQ(found.update.theta, theta_);
  EXPECT_EQ(found.path.size(), 1u);
}

TEST_P(Forgetting, RefusesBadArguments) {
  make(17);
  const ValueWeights values = uniform_weights(rows_, weights_);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  test::expect_error<UsageError>([&] { return ascend(values, {.step_size = nan}); }, {"step_size"});
  test::expect_error<UsageError>([&] { return ascend(values, {.max_steps = 0}); }, {"max_steps"});
  test::expect_error<UsageError>([&] { return ascend(values, {.clip = -1.0}); }, {"clip"});
  const ValueWeights retained = retained_value_weights({values_, ValueMethod::kKnnShapley, true},
                                                       rows_, weights_, {.alpha = 1});
  test::expect_error<UsageError>([&] { return ascend(retained); }, {"rows that are deleted"});
  holdout_.weights.setZero();
  test::expect_error<DataError>([&] { return ascend(values); }, {"no row with weight"});
  test::Random random(1);
  holdout_ = test::made_up_rows(random, 10, 3, loss_);
  test::expect_error<DataError>([&] { return ascend(values); }, {"features"});
}

TEST(GradientAscent, ReportsOverflowAndFlatLosses) {
  test::Random random(18);
  const Loss squared(LossKind::kSquared);
  Dataset data = test::made_up_rows(random, 30, 3, squared), unseen = data;
  const Objective objective(data, squared, true, 1);
  const Vector theta = Vector::Zero(4), weights = Vector::Ones(30);
  unseen.targets = 1e3 * data.targets;
  const ValueWeights values = uniform_weights(std::vector<Index>{4, 7}, weights);
  const GradientAscentResult large = gradient_ascent(objective, theta, weights, values, unseen,
                                                     {.step_size = 1e200, .clip = std::nullopt});
  EXPECT_EQ(large.stop, AscentStop::kNotFinite);
  EXPECT_EQ(large.update.theta, theta);

  data.targets(4) = data.targets(7) = 0;  // fitted exactly by theta = 0
  const Objective flat(data, squared, true, 1);
  const GradientAscentResult none = gradient_ascent(flat, theta, weights, values, unseen);
  EXPECT_EQ(none.stop, AscentStop::kStationary);
  EXPECT_EQ(none.update.theta, theta);
}

/// One column; a row with x and y to be forgotten, and unseen rows with x = 1, y = 1 and -1.
class OneColumn {
 public:
  OneColumn(double x, double y) {
    data_.features = FeatureMatrix(RowMatrix::Constant(30, 1, 1));
    data_.targets = Vector::Zero(30);
    data_.weights = Vector::Ones(30);
    unseen_ = slice(data_, {0, 2});
    unseen_.targets << 1, -1;
    RowMatrix features = data_.features.view();
    features(4, 0) = x;
    data_.features = FeatureMatrix(std::move(features));
    data_.targets(4) = y;
    objective_.emplace(data_, Loss(LossKind::kSquared), false, 1);
  }
  [[nodiscard]] GradientAscentResult ascend(const GradientAscentOptions& options) const {
    return gradient_ascent(*objective_, Vector::Zero(1), data_.weights,
                           uniform_weights(std::vector<Index>{4}, data_.weights), unseen_, options);
  }

 private:
  Dataset data_, unseen_;
  std::optional<Objective> objective_;
};

/// Where they meet, unseen rows have 2500 times the loss that they had. Short steps come by points
/// that have lost as much and where the losses differ; the end is the same.
TEST(GradientAscent, LossesThatMeetLateHaveMetWhateverTheStepSize) {
  const OneColumn rows(1.0002, -0.001);
  std::vector<double> ends;
  for (const double size : {0.01, 0.1, 1.0, 100.0, 1e6}) {
    const GradientAscentResult found = rows.ascend({.max_steps = 100000, .step_size = size});
    ASSERT_EQ(found.stop, AscentStop::kReached) << size;
    const AscentPoint& end = found.path.back();
    EXPECT_NEAR(end.forget_loss, end.holdout_loss, 1e-9 * end.holdout_loss);
    EXPECT_GT(end.holdout_loss, 1000 * found.path.front().holdout_loss);
    EXPECT_TRUE(found.holdout_lost);
    ends.push_back(found.update.theta(0));
  }
  for (const double end : ends) EXPECT_NEAR(end, ends[0], 1e-3 * ends[0]);
  const GradientAscentResult few = rows.ascend({.max_steps = 60, .step_size = 0.01});
  EXPECT_EQ(few.stop, AscentStop::kSteps);
  EXPECT_FALSE(few.holdout_lost);
  // On the way, at 1000 times the loss and beyond, an end is none.
  const GradientAscentResult between = rows.ascend({.max_steps = 4000, .step_size = 0.01});
  EXPECT_EQ(between.stop, AscentStop::kOvershot);
  EXPECT_LE(between.path.back().holdout_loss, 1000 * between.path.front().holdout_loss);
  EXPECT_FALSE(between.holdout_lost);
}

/// Losses that differ by the same from here to infinity: so far out that is nothing beside them.
TEST(GradientAscent, LossesThatSeemEqualForTheirSizeHaveNotMet) {
  const OneColumn rows(1, -1e-9);
  for (const double size : {1e5, 1e10, 1e20, 1e100}) {
    const GradientAscentResult found = rows.ascend({.max_steps = 3, .step_size = size});
    EXPECT_EQ(found.stop, AscentStop::kOvershot) << size;
    EXPECT_LE(std::abs(found.update.theta(0)), 50) << size;
  }
}

TEST(GradientAscent, NamesAreUnderstood) {
  for (const StepRule rule : {StepRule::kConstant, StepRule::kDecaying}) {
    EXPECT_EQ(step_rule(name(rule)), rule);
  }
  test::expect_error<UsageError>([] { return step_rule("fast"); }, {"constant or decaying"});
  for (const AscentStop stop :
       {AscentStop::kReached, AscentStop::kAlreadyReached, AscentStop::kSteps,
        AscentStop::kStationary, AscentStop::kNotFinite, AscentStop::kOvershot}) {
    EXPECT_EQ(ascent_stop(name(stop)), stop);
  }
  test::expect_error<UsageError>([] { return ascent_stop("tired"); }, {"tired"});
}

TEST_P(Forgetting, ValueWeightedStepSolvesItsEquation) {
  make(19);
  for (const double alpha : {0.0, 0.5, 3.0}) {
    const ValueWeights values = value_weights(values_, rows_, weights_, {.alpha = alpha});
    const ValueWeightedStep found = value_weighted_step(*objective_, theta_, weights_, values);
    const Vector total = weights_ + values.target.delta;
    const auto now = test::naive_objective(data_, loss_, true, 0.1, theta_, total);
    Vector p = Vector::Zero(theta_.size());
    for (const Index j : rows_) {
      p += values.p(j) * test::naive_row_gradient(data_, loss_, true, j, theta_);
    }
    const double scale = 1e-12 * (static_cast<double>(now.gross) + 1);
    const Vector residual = now.hessian * (found.update.theta - theta_) + now.gradient + p;
    EXPECT_LE(residual.norm(), 10 * scale);
    EXPECT_NEAR(found.p_norm, p.norm(), scale);
    // Where the step goes, and what it is measured against: no deleted row at all.
    const UpdateResult uniform = newton_step(*objective_, theta_, weights_, values.target);
    EXPECT_NEAR((found.update.theta - uniform.theta).norm(), found.distance_from_uniform,
                1e-10 * (1 + found.distance_from_uniform));
    EXPECT_NEAR(found.p_inverse_norm * found.p_inverse_norm, p.dot(now.hessian.ldlt().solve(p)),
                1e-9 * (1 + p.norm()));
    if (alpha == 0) {
      EXPECT_TRUE(test::same_bytes(found.update.theta, uniform.theta));
      EXPECT_EQ(found.update.gradient_norm, uniform.gradient_norm);
    }
    const Vector exact = polish(*objective_, theta_, weights_, values.target).theta;
    EXPECT_LE((found.update.theta - exact).norm(), found.update.distance_bound + 1e-7);
  }
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// Weights of rows, and the single steps by which a model follows them.
#include "peak_memory.hpp"
#include "recant/influence/influence.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/unlearn/value_weighted_step.hpp"
#include "recant/weighting/hard.hpp"
#include "recant/weighting/soft.hpp"
#include "recant/weighting/soft_bounded.hpp"
#include "recant/weighting/value_weighted.hpp"

namespace recant {
namespace {

class PeakMemoryOfSteps : public PeakMemory {
 protected:
  PeakMemoryOfSteps()
      : hessian_(factor_hessian(objective_, model_.theta, data_.weights).value()),
        gap_(metric_values(metrics_, data_, model_, {})[1]),
        influences_(influences(objective_, model_.theta, hessian_,
                               metric_gradients(metrics_, data_, model_, {}))) {
    for (Index row = 100; row < 200; ++row) leaving_.push_back(row);
  }

  [[nodiscard]] Reweighting deletion() const { return delete_rows(leaving_, data_.weights); }

  Cholesky hessian_;
  double gap_;
  Matrix influences_;  ///< on utility and on the gap
  std::vector<Index> leaving_;
};

TEST_F(PeakMemoryOfSteps, GradientsOfRobustLosses) {
  for (const char* name : {"robust_loss", "transferred_robust_loss", "equalized_odds"}) {
    for (const Metric& metric : resolve_metric(name, data_, model_, {})) metrics_.push_back(metric);
  }
  std::size_t found = peak_of(
      [&] { EXPECT_TRUE(metric_gradients(metrics_, data_, model_, {}).array().isFinite().all()); });
  expect_at_most(found, 4, "gradients of metrics");
  found = peak_of([&] {
    const Matrix thetas = model_.theta.replicate(1, 20);
    EXPECT_EQ(metric_values_of_models(metrics_, data_, model_, thetas, {}).cols(), 20);
  });
  expect_at_most(found, 40, "metrics of models");  // the scores of 20 side by side
}

TEST_F(PeakMemoryOfSteps, Scores) {
  const std::size_t found =
      peak_of([&] { EXPECT_EQ(probabilities(model_, data_.features).rows(), kRows); });
  expect_at_most(found, 4, "probabilities");
}

TEST_F(PeakMemoryOfSteps, HardWeights) {
  const std::size_t found = peak_of([&] {
    HardOptions options;
    options.share = 0.5;
    const HardWeights hard = hard_weights(influences_.col(1), gap_, data_.weights, options);
    EXPECT_EQ(std::ssize(hard.rows), kRows / 2);
    EXPECT_GT(summarize(hard.change, data_.weights).nonzero, 0);
  });
  expect_at_most(found, 8, "hard weights");
}

TEST_F(PeakMemoryOfSteps, SoftWeights) {
  std::size_t found = peak_of([&] {
    EXPECT_EQ(soft_weights(influences_.col(1), influences_.col(0), gap_).change.delta.size(),
              kRows);
  });
  expect_at_most(found, 4, "soft weights");
  found = peak_of([&] {
    const Vector gap_influence = influences_.col(1);
    const std::vector<SoftGoal> goals = {{view(gap_influence), gap_}};
    EXPECT_EQ(soft_weights_bounded(goals, influences_.col(0), data_.weights).status,
              QpStatus::kSolved);
  });
  expect_at_most(found, 24, "bounded soft weights");
}

TEST_F(PeakMemoryOfSteps, ValueWeights) {
  const Vector values = influences_.col(0);
  std::size_t found = peak_of([&] {
    EXPECT_EQ(value_weights(values, leaving_, data_.weights).change.delta.size(), kRows);
  });
  expect_at_most(found, 8, "value weights");
  found = peak_of([&] {
    const RetainedValues retained{values, ValueMethod::kKnnShapley, true};
    ValueWeightOptions options;
    options.form = ValueForm::kRank;
    EXPECT_GT(retained_value_weights(retained, leaving_, data_.weights, options).retained_changed,
              0);
  });
  expect_at_most(found, 16, "value weights of retained rows");
}

TEST_F(PeakMemoryOfSteps, InfluenceStep) {
  const std::size_t found = peak_of([&] {
    EXPECT_EQ(influence_step(objective_, model_.theta, hessian_, data_.weights, deletion()).status,
              UpdateStatus::kDone);
  });
  expect_at_most(found, 8, "influence step");
}

TEST_F(PeakMemoryOfSteps, NewtonStep) {
  const std::size_t found = peak_of([&] {
    EXPECT_EQ(newton_step(objective_, model_.theta, data_.weights, deletion()).status,
              UpdateStatus::kDone);
  });
  expect_at_most(found, 8, "Newton step");
}

TEST_F(PeakMemoryOfSteps, Polish) {
  const std::size_t found = peak_of([&] {
    EXPECT_EQ(polish(objective_, model_.theta, data_.weights, deletion()).status,
              UpdateStatus::kDone);
  });
  expect_at_most(found, 8, "polish");
}

TEST_F(PeakMemoryOfSteps, ValueWeightedStep) {
  const ValueWeights weights = value_weights(influences_.col(0), leaving_, data_.weights);
  const std::size_t found = peak_of([&] {
    EXPECT_GT(
        value_weighted_step(objective_, model_.theta, data_.weights, weights).distance_from_uniform,
        0);
  });
  expect_at_most(found, 8, "step by value weights");
}

}  // namespace
}  // namespace recant

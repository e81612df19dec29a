// SPDX-License-Identifier: Apache-2.0
#include "deletion_step.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "recant/model/trainer.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

constexpr double kWide = 1e3, kNarrow = 1e-12;

/// What a step names: tier, next cheaper, next dearer, and everything that was looked at.
struct Named {
  std::optional<std::string> tier, cheaper, dearer;
  std::vector<std::string> tried;
  bool operator==(const Named&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Named& named) {
  for (const auto& one : {named.tier, named.cheaper, named.dearer}) out << one.value_or("-") << ' ';
  for (const std::string& tier : named.tried) out << tier << ' ';
  return out;
}

class DeletionStepTest : public testing::Test {
 protected:
  [[nodiscard]] DeletionStep move_within(double allowance, const ForgetRequest& request) const {
    ModelMover mover(fitted_, objective_);
    return mover.move_within(allowance, Tier::kStep, rows_, request);
  }
  [[nodiscard]] DeletionStep move_freely(const ForgetRequest& request) const {
    ModelMover mover(fitted_, objective_);
    return mover.move(rows_, request, {}, false, {});
  }
  [[nodiscard]] ForgetRequest by_value(std::optional<double> alpha) const {
    ForgetRequest request;
    request.weighting = {.by_value = true, .alpha = alpha, .values = values_};
    return request;
  }
  [[nodiscard]] ForgetRequest ascent() const {
    ForgetRequest request;
    request.method = ForgetMethod::kAscent;
    request.holdout = &unseen_;
    request.ascent = {.max_steps = 3, .step_size = 1e-3};
    return request;
  }
  [[nodiscard]] double truth(const Vector& theta) const {
    Vector left = fitted_.rows.weights;
    for (const Index row : rows_) left[row] = 0;
    return (theta - train(objective_, left, {.tolerance = 1e-13}).theta).norm();
  }
  static Named named(const DeletionStep& step) {
    Named out{step.record.tier, step.record.cheaper, step.record.dearer, {}};
    for (const TierBound& tried : step.record.tried) out.tried.push_back(tried.tier);
    return out;
  }

  test::TemporaryFolder folder_;
  FittedModel fitted_ = test::small_model(folder_, 150);
  Objective objective_ = fitted_.objective();
  std::vector<Index> rows_ = {3, 20, 77, 140};
  Vector values_ = Vector::LinSpaced(150, -1, 2);
  Dataset unseen_ = [this] {  // fitted so badly that the ascent makes all of its steps
    Dataset data = fitted_.rows;
    data.targets = 1 - data.targets.array();
    return data;
  }();
};

TEST_F(DeletionStepTest, OfAPlainStepEveryTierIsOffered) {
  const ForgetRequest plain;
  EXPECT_EQ(named(move_within(kWide, plain)), (Named{"0", {}, "1", {"0"}}));
  ForgetRequest half;
  half.third_derivative = true;
  EXPECT_EQ(named(move_within(kWide, half)), (Named{"0", {}, "half", {"0"}}));
  const DeletionStep close = move_within(kNarrow, plain);
  EXPECT_EQ(named(close).cheaper, "2");
  EXPECT_FALSE(named(close).dearer);
}

TEST_F(DeletionStepTest, OfAModelThatIsLedElsewhereOnlyWhatMeasuresItIsOffered) {
  ForgetRequest both = by_value(1);
  both.method = ForgetMethod::kAscent;
  both.holdout = &unseen_;
  int halves = 0;
  for (const ForgetRequest& request : {by_value(1), ascent(), both}) {
    const DeletionStep step = move_within(kWide, request);
    EXPECT_EQ(named(step), (Named{"1", {}, {}, {"1"}}));
    EXPECT_EQ(step.refusal, "");
    EXPECT_LE(truth(step.theta), step.record.bound.value());

    ForgetRequest half = request;
    half.third_derivative = true;
    // Finite where the model is not led too far.
    const Named found = named(move_within(kWide, half));
    const bool enough = found == Named{"half", {}, "1", {"half"}};
    EXPECT_TRUE(enough || (found == Named{"1", "half", {}, {"half", "1"}})) << found;
    halves += enough;
    const DeletionStep no = move_within(kNarrow, half);
    EXPECT_EQ(no.refusal, "above_allowance");
    EXPECT_EQ(named(no).tried, (std::vector<std::string>{"half", "1"}));
  }
  EXPECT_GT(halves, 0);
  EXPECT_EQ(named(move_within(kWide, by_value(0))), (Named{"0", {}, "1", {"0"}})) << "plain";
}

TEST_F(DeletionStepTest, ALimitNamesWhatItLeavesOutAndTriesNone) {
  ForgetRequest limited;
  limited.tier_at_most = Tier::kStep;
  EXPECT_EQ(named(move_within(kWide, limited)), (Named{"0", {}, "1", {"0"}}));
  const DeletionStep no = move_within(kNarrow, limited);
  EXPECT_EQ(no.refusal, "tier_limit");
  EXPECT_EQ(named(no).tried, std::vector<std::string>{"0"});
  ForgetRequest valued = by_value(1);
  valued.tier_at_most = Tier::kHalf;
  const DeletionStep none = move_within(kWide, valued);
  EXPECT_EQ(none.refusal, "tier_limit");
  EXPECT_EQ(named(none), (Named{{}, {}, {}, {}}));
}

TEST_F(DeletionStepTest, ThePriceOfAlphaIsThatOfTheMethod) {
  for (const bool climbs : {false, true}) {
    ForgetRequest request = by_value({});
    if (climbs) {
      request.method = ForgetMethod::kAscent;
      request.holdout = &unseen_;
      request.ascent = ascent().ascent;
    }
    const double reach = move_within(kWide, request).record.bound.value();
    const double allowance = 2 * reach;
    const DeletionStep step = move_within(allowance, request);
    EXPECT_EQ(step.refusal, "");
    EXPECT_LE(step.record.bound.value(), allowance);
    EXPECT_TRUE(step.record.alpha);
    // What is beside it is a Newton step's, whatever the method.
    EXPECT_EQ(step.record.uniform_bound, move_within(allowance, by_value(0)).record.uniform_bound);
    EXPECT_LT(step.record.uniform_bound.value(), step.record.bound.value());
  }
}

TEST_F(DeletionStepTest, WithoutABudgetThePriceOfUniformWeightsIsThereToo) {
  ForgetRequest both = by_value(1);
  both.method = ForgetMethod::kAscent;
  both.holdout = &unseen_;
  const Vector plain = move_within(kWide, {}).theta;
  for (const ForgetRequest& request : {by_value(1), both}) {
    const DeletionStep step = move_freely(request);
    EXPECT_EQ(step.record.level, CertificateLevel::kHeuristic);
    EXPECT_LE(truth(step.theta), step.record.bound.value());
    EXPECT_LE(truth(plain), step.record.uniform_bound.value());
    EXPECT_LT(10 * step.record.uniform_bound.value(), step.record.bound.value());
  }
  EXPECT_FALSE(move_freely(ascent()).record.uniform_bound) << "nothing was weighted";
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "deletion_step.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "batch_record.hpp"
#include "bound_from_terms.hpp"
#include "recant/engine/forget_rows.hpp"
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

TEST_F(DeletionStepTest, WithoutABudgetTheTierAndEveryTermOfTheBoundAreThereToo) {
  ForgetRequest both = by_value(1), stay;
  both.method = ForgetMethod::kAscent;
  both.holdout = &unseen_;
  stay.weighting = {.retained = true, .alpha = 0.5};
  stay.holdout = &unseen_;
  for (const ForgetRequest& request :
       {ForgetRequest{}, by_value(0), by_value(1), ascent(), both, stay}) {
    const DeletionStep step = move_freely(request);
    const BatchRecord& record = step.record;
    const bool led = request.method == ForgetMethod::kAscent ||
                     (request.weighting.by_value && *request.weighting.alpha > 0);
    const std::string tier = led ? "1" : "retrain";
    EXPECT_EQ(named(step), (Named{tier, {}, {}, {tier}}));
    EXPECT_EQ(record.tried.at(0).bound, record.bound);

    std::map<std::string, double> terms;
    for (const BoundTerm& term : record.terms) terms[term.name] = term.value;
    const test::BoundFromTerms again(terms);
    EXPECT_LE(std::abs(again.distance() - *record.bound), 1e-12L * *record.bound);
    EXPECT_EQ(terms.at("r_norm"), *record.residual_norm);
    if (request.weighting.retained) continue;  // compared with other weights
    EXPECT_LE(truth(step.theta), *record.bound);
    // The documented formula, by hand.
    const double r = terms.at("r_norm") + terms.at("r_sum_rounding") + terms.at("r_score_rounding");
    EXPECT_NEAR(*record.bound, r / terms.at("lambda") * (1 + 1e-9), 1e-12 * *record.bound);
    EXPECT_EQ(terms.at("lambda"), fitted_.l2);
    EXPECT_EQ(terms.at("statement"), 4);
    EXPECT_GT(terms.at("r_sum_rounding"), 0);

    const BatchRecord kept = read_batch_record(to_text(record), "plan");
    EXPECT_EQ(kept.tier, tier);
    ASSERT_EQ(kept.terms.size(), terms.size());
    for (const BoundTerm& term : kept.terms) EXPECT_EQ(term.value, terms.at(term.name));
  }
}

/// A hold-out that the climb loses, so that the losses never meet.
TEST_F(DeletionStepTest, AnAscentThatOvershootsIsNoDeletion) {
  ForgetRequest far = ascent();
  far.ascent = {.max_steps = 3, .step_size = 1e300};
  Dataset longer = fitted_.rows;
  longer.weights.setZero();
  for (const Index row : rows_) longer.weights[row] = 1;
  longer.weights[0] = 4;
  RowMatrix features = 10 * longer.features.view();
  features.row(0).setZero();
  longer.features = FeatureMatrix(std::move(features));
  longer.targets[0] = fitted_.model.theta[fitted_.model.theta.size() - 1] > 0 ? 0 : 1;
  ForgetRequest valued = far, chosen = far;
  valued.weighting = by_value(1).weighting;
  chosen.weighting = by_value({}).weighting;
  for (ForgetRequest request : {far, valued, chosen}) {
    request.holdout = &longer;
    EXPECT_EQ(move_within(kWide, request).refusal, "step_too_large");
    if (request.weighting.by_value && !request.weighting.alpha) continue;
    const DeletionStep step = move_freely(request);
    EXPECT_EQ(step.refusal, "step_too_large");
    EXPECT_EQ(step.record.ascent.value().stop, AscentStop::kOvershot);
    EXPECT_TRUE(step.record.tried.empty());
  }
}

/// Where they meet, rows never seen have lost more than any model that is of use.
TEST_F(DeletionStepTest, AnAscentThatLosesTheHoldoutOnTheWaySaysSoWithoutABudget) {
  FittedModel fitted = fitted_;
  fitted.encoder.reset();  // which made more columns than there are here
  fitted.model.loss = Loss(LossKind::kSquared);
  fitted.l2 = 1;
  RowMatrix features = RowMatrix::Constant(150, 1, 1);
  for (const Index row : rows_) features(row, 0) = 1.0002;
  fitted.rows.features = FeatureMatrix(std::move(features));
  fitted.rows.targets = Vector::Zero(150);
  fitted.model.intercept = false;
  fitted.model.theta = Vector::Zero(1);
  for (const Index row : rows_) fitted.rows.targets[row] = -0.001;
  Dataset unseen = pick_rows(fitted.rows, std::vector<Index>{0, 1});
  unseen.targets << 1, -1;
  const Objective objective = fitted.objective();
  fitted.model.theta = train(objective, fitted.rows.weights, {}).theta;
  ForgetRequest request = ascent();
  request.rows = rows_;
  request.holdout = &unseen;
  request.ascent.step_size = 1e3;
  const DeletionStep step = ModelMover(fitted, objective).move(rows_, request, {}, false, {});
  EXPECT_EQ(step.refusal, "");
  EXPECT_EQ(step.record.ascent.value().stop, AscentStop::kReached);
  EXPECT_EQ(step.record.assumptions.back(), kHoldoutLost);
  const ForgetReport report = forget_rows(fitted, request).second;
  EXPECT_EQ(report.state, RequestState::kApplied);
  EXPECT_EQ(report.assumptions.back(), kHoldoutLost);
  // What a certificate under a budget says must not depend on how far the model went.
  const DeletionStep within =
      ModelMover(fitted, objective).move_within(1e9, Tier::kStep, rows_, request);
  EXPECT_TRUE(within.holdout_lost);
  EXPECT_TRUE(within.record.assumptions.empty());
}

}  // namespace
}  // namespace recant

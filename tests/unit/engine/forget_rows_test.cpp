// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/forget_rows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "bound_from_terms.hpp"
#include "compare.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/vault.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

class ForgetRowsTest : public testing::Test {
 protected:
  ForgetRowsTest() {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 150));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = {"sex"};
    request.table.id = "id";
    fitted_ = fit(request).first;
  }
  static ForgetRequest rows(std::vector<Index> positions) {
    ForgetRequest request;
    request.rows = std::move(positions);
    return request;
  }
  [[nodiscard]] static double truth(const FittedModel& left) {
    const Vector retrained = train(left.objective(), left.rows.weights, {.tolerance = 1e-13}).theta;
    return (left.model.theta - retrained).norm();
  }

  test::TemporaryFolder folder_;
  FittedModel fitted_;
};

TEST_F(ForgetRowsTest, TheBoundHoldsOverOneDeletionAfterAnother) {
  FittedModel model = fitted_;
  for (Index k = 0; k < 10; ++k) {
    auto [left, report] = forget_rows(model, rows({k, 149 - k}));
    EXPECT_EQ(report.state, RequestState::kApplied);
    EXPECT_EQ(report.level, CertificateLevel::kHeuristic);
    EXPECT_EQ(report.tier, "1");
    EXPECT_LE(truth(left), report.distance.value()) << k;
    EXPECT_LT(*report.distance, 0.1);
    EXPECT_TRUE(is_erased(left.rows.ids, k));
    EXPECT_EQ(left.rows.weights[k], 0);
    const Vector gradient = left.objective().evaluate(left.model.theta, left.rows.weights).gradient;
    EXPECT_TRUE(test::same_bytes(left.gradient, gradient));
    model = std::move(left);
  }
  EXPECT_EQ(forget_rows(model, rows({20, 3})).second.state, RequestState::kAlreadyErased);
}

TEST_F(ForgetRowsTest, IsTheStepThatAVaultTakesUnderABudget) {
  EnrolmentRequest budget;
  budget.epsilon = 1;
  budget.delta = 1e-5;
  budget.sigma = 1;
  const EnrolmentPlan plan = plan_enrolment(fitted_, budget, nullptr);
  Vault::create(folder_ / "model.rct", fitted_, false, &plan);
  Vault vault = Vault::open_for_writing(folder_ / "model.rct");
  const ForgetReport theirs = vault.forget(rows({3, 9}));
  const auto [left, ours] = forget_rows(fitted_, rows({9, 3}), plan.budget.allowance);
  EXPECT_EQ(ours.tier, theirs.tier);
  EXPECT_EQ(ours.distance, theirs.distance);
  EXPECT_TRUE(test::same_bytes(left.model.theta, vault.model().model.theta));
  EXPECT_FALSE(ours.budget.has_value());
  const auto json = nlohmann::json::parse(to_json(ours));
  EXPECT_TRUE(json.at("epsilon").is_null());
  EXPECT_TRUE(json.at("certificate").is_null());
  EXPECT_EQ(json.at("allowance"), plan.budget.allowance);
}

TEST_F(ForgetRowsTest, AnAllowanceIsMetOrTheModelStays) {
  const auto [exact, report] = forget_rows(fitted_, rows({1, 2, 3, 4, 5}), 1e-9);
  EXPECT_LE(truth(exact), 1e-9);
  EXPECT_TRUE(report.tier == "2" || report.tier == "retrain") << *report.tier;
  ForgetRequest limited = rows({1, 2, 3, 4, 5});
  limited.tier_at_most = Tier::kStep;
  const auto [same, no] = forget_rows(fitted_, limited, 1e-9);
  EXPECT_EQ(no.state, RequestState::kRejected);
  EXPECT_EQ(no.reason, "tier_limit");
  EXPECT_TRUE(test::same_bytes(same.model.theta, fitted_.model.theta));
  EXPECT_TRUE(test::same_bytes(same.rows.weights, fitted_.rows.weights));
}

TEST_F(ForgetRowsTest, TheDistanceIsThatOfItsTermsInJson) {
  std::map<std::string, int> tiers;
  for (int k = 0; k < 60; ++k) {
    std::vector<Index> leaving(static_cast<std::size_t>(1 + k % 7 * 4));
    std::iota(leaving.begin(), leaving.end(), Index{2 * k % 100});
    ForgetRequest request = rows(leaving);
    request.third_derivative = k % 2 == 0;
    const auto report = forget_rows(fitted_, request, std::pow(10, -1 - k % 10)).second;
    const auto json = nlohmann::json::parse(to_json(report));
    const auto& bound = json.at("bound");
    const test::BoundFromTerms again(bound.at("terms").get<std::map<std::string, double>>());
    const double distance = bound.at("distance");
    EXPECT_LE(std::abs(again.distance() - distance), 1e-12L * distance) << k;
    ++tiers[json.at("tier")];
  }
  for (const char* tier : {"0", "half", "1", "2", "retrain"}) EXPECT_GT(tiers[tier], 0) << tier;
}

TEST_F(ForgetRowsTest, TierOneLooksASecondTimeBeforeTheModelMoves) {
  const std::vector<Index> gone = {3, 50, 99, 120};
  const Objective objective = fitted_.objective();
  DeletionState state(objective, fitted_.model.theta, fitted_.rows.weights);
  ASSERT_EQ(state.delete_rows(gone), DeletionStatus::kDone);
  const Vector theta = state.newton_point();
  const auto bound = [&](bool twice) {
    const auto again = [&](const ResidualMeasure& /*first*/) { return twice; };
    return bound_from_residual(state.frame(), state.measure_residual(theta, again)).value;
  };
  const double once = bound(false), twice = bound(true);
  ASSERT_LT(twice, 0.999 * once);
  const auto [left, report] = forget_rows(fitted_, rows(gone), (once + twice) / 2);
  EXPECT_EQ(report.tier, "1");
  EXPECT_EQ(*report.distance, twice);
  EXPECT_LE(truth(left), twice);
  EXPECT_TRUE(test::same_bytes(left.model.theta, theta));
}

TEST_F(ForgetRowsTest, ASecondStepIsLookedAtOnceMoreInItsOwnBase) {
  // So many that the second step itself moves curvature, and the first look at it is loose.
  std::vector<Index> leaving(100);
  std::iota(leaving.begin(), leaving.end(), Index{0});
  const Objective objective = fitted_.objective();
  DeletionState state(objective, fitted_.model.theta, fitted_.rows.weights);
  if (state.delete_rows(leaving) == DeletionStatus::kRebuild) {
    state = state.rebuilt_at(fitted_.model.theta);
  }
  state = state.rebuilt_at(state.newton_point());
  const Vector twice = state.newton_point();
  const double first = bound_from_residual(state.frame(), state.measure_residual(twice)).value;
  const auto always = [](const ResidualMeasure& /*first*/) { return true; };
  const double again =
      bound_from_residual(state.frame(), state.measure_residual(twice, always)).value;
  state = state.rebuilt_at(twice);
  const double second = bound_from_residual(state.frame(), state.measure_residual(twice)).value;
  ASSERT_LT(1.02 * again, first);
  ASSERT_LT(1.0001 * second, again);
  EXPECT_EQ(forget_rows(fitted_, rows(leaving), std::sqrt(first * again)).second.distance, again);

  const auto [left, report] = forget_rows(fitted_, rows(leaving), std::sqrt(again * second));
  EXPECT_EQ(report.tier, "2");
  EXPECT_NEAR(*report.distance, second, 1e-9 * second);
  EXPECT_LE(truth(left), *report.distance);
  EXPECT_EQ(forget_rows(fitted_, rows(leaving), 1.01 * first).second.distance, first);
  EXPECT_EQ(forget_rows(fitted_, rows(leaving), 0.99 * second).second.tier, "retrain");
}

TEST_F(ForgetRowsTest, AnInfiniteBoundWithoutAnAllowanceIsAnAnswerAndNotExact) {
  ForgetRequest request = rows({});
  for (Index k = 0; k < 120; ++k) request.rows.push_back(k);
  request.tier_at_most = Tier::kStep;
  const auto [left, report] = forget_rows(fitted_, request);
  ASSERT_EQ(report.state, RequestState::kApplied) << report.reason;
  EXPECT_EQ(report.tier, "0");
  EXPECT_EQ(report.level, CertificateLevel::kHeuristic);
  EXPECT_FALSE(left.optimal);
  EXPECT_LE(truth(left), report.distance.value_or(std::numeric_limits<double>::infinity()));
}

/// There is no step without a new base where the rows that stay are weighted.
TEST_F(ForgetRowsTest, WeightsOfRowsThatStayNeedANewBase) {
  ForgetRequest request = rows({3, 50});
  request.weighting.retained = true;
  request.weighting.alpha = 0.5;
  request.holdout = &fitted_.rows;
  const auto [left, done] = forget_rows(fitted_, request);
  EXPECT_EQ(done.state, RequestState::kApplied) << done.reason;
  EXPECT_FALSE(test::same_bytes(left.model.theta, fitted_.model.theta));
  request.tier_at_most = Tier::kPass;
  const auto [same, no] = forget_rows(fitted_, request);
  EXPECT_EQ(no.state, RequestState::kRejected);
  EXPECT_EQ(no.reason, "tier_limit");
  EXPECT_TRUE(test::same_bytes(same.model.theta, fitted_.model.theta));
  EXPECT_FALSE(is_erased(same.rows.ids, 3));
}

/// Of thousands of rows one far from all others limits alpha: auto looks below that limit, and an
/// alpha beyond it is refused.
TEST(ForgetManyRowsTest, AutoTakesNoAlphaAtWhichAWeightVanishes) {
  constexpr Index kRows = 7000, kLeaving = 6900;
  const test::TemporaryFolder folder;
  FitRequest fit_request;
  fit_request.rows.csv = folder.write("train.csv", test::small_csv(2, kRows));
  fit_request.table.target = "hired";
  fit_request.table.positive = "yes";
  fit_request.table.id = "id";
  const FittedModel fitted = fit(fit_request).first;
  ForgetRequest request;
  request.rows.resize(kLeaving);
  std::iota(request.rows.begin(), request.rows.end(), Index{0});
  request.weighting.by_value = true;
  request.weighting.values = Vector::LinSpaced(kRows, 0, 1);
  request.weighting.values(11) = 1e6;
  const double most =
      largest_alpha(request.weighting.values.head(kLeaving), request.weighting.form);
  ASSERT_LT(most, 10);
  const auto [left, report] = forget_rows(fitted, request, 1e9);
  EXPECT_EQ(report.state, RequestState::kApplied) << report.reason;
  EXPECT_EQ(report.alpha, most);
  request.weighting.alpha = 10;
  EXPECT_THROW(static_cast<void>(forget_rows(fitted, request, 1e9)), UsageError);
}

TEST_F(ForgetRowsTest, RefusesWhatAVaultRefusesAndIds) {
  ForgetRequest by_id;
  by_id.ids = {fitted_.rows.ids.text(1)};
  ForgetRequest automatic = rows({1});
  automatic.weighting.by_value = true;
  automatic.weighting.values = Vector::LinSpaced(150, 0, 1);
  for (const ForgetRequest& bad : {ForgetRequest{}, by_id, automatic, rows({1, 1})}) {
    EXPECT_THROW(static_cast<void>(forget_rows(fitted_, bad)), UsageError);
  }
  EXPECT_THROW(static_cast<void>(forget_rows(fitted_, rows({150}))), NotFoundError);
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(static_cast<void>(forget_rows(fitted_, rows({1}), bad)), UsageError) << bad;
  }
  ForgetRequest all = rows({});
  for (Index k = 0; k < 150; ++k) all.rows.push_back(k);
  EXPECT_EQ(forget_rows(fitted_, all).second.reason, "every_row");
}

TEST_F(ForgetRowsTest, WhatIsWrittenLeavesTheContentOut) {
  const FittedModel left = forget_rows(fitted_, rows({4})).first;
  EXPECT_EQ(left.rows.features.view().data(), fitted_.rows.features.view().data());
  const FeatureMatrix written = features_without_erased(left.rows);
  EXPECT_EQ(written.row(4).cwiseAbs().sum(), 0);
  EXPECT_GT(fitted_.rows.features.row(4).cwiseAbs().sum(), 0);
  EXPECT_EQ(features_without_erased(fitted_.rows).view().data(),
            fitted_.rows.features.view().data());
}

TEST_F(ForgetRowsTest, ADeletedRowOfZerosIsNotTakenForAnErasedOne) {
  RowMatrix features = fitted_.rows.features.view();
  features.row(7).setZero();
  fitted_.rows.features = FeatureMatrix(std::move(features));
  const FittedModel left = forget_rows(fitted_, rows({7})).first;
  EXPECT_EQ(deleted_rows(left, &fitted_).rows(), 1);
  EXPECT_THROW(static_cast<void>(deleted_rows(left, nullptr)), DataError);
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// Deletions that name only rows of weight 0, which have no say in the model: they go, and it stays,
// by whatever method and weighting.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "recant/engine/forget_rows.hpp"
#include "recant/model/trainer.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

class WeightlessRowsTest : public testing::Test {
 protected:
  WeightlessRowsTest() : fitted_(test::small_model(folder_, 150)) {
    fitted_.rows.weights[1] = fitted_.rows.weights[2] = 0;
    const Objective objective = fitted_.objective();
    const Vector& weights = fitted_.rows.weights;
    fitted_.model.theta = train(objective, weights, {.tolerance = 1e-12}).theta;
    fitted_.gradient = objective.evaluate(fitted_.model.theta, weights).gradient;
  }
  [[nodiscard]] std::vector<ForgetRequest> requests(bool with_allowance) const {
    ForgetRequest plain = test::asked({1, 2}), ascent = plain, valued = plain, both = plain,
                  stay = plain;
    ascent.method = both.method = ForgetMethod::kAscent;
    ascent.holdout = both.holdout = stay.holdout = &unseen_;
    valued.weighting = both.weighting = {.by_value = true, .alpha = 0.5, .values = values_};
    stay.weighting = {.retained = true, .alpha = 0.5};
    std::vector<ForgetRequest> all = {plain, ascent, valued, both, stay};
    if (with_allowance) {
      all.push_back(valued);
      all.back().weighting.alpha.reset();
    }
    return all;
  }
  void expect_plain(const ForgetReport& report) const {
    EXPECT_EQ(report.reason, "");
    EXPECT_EQ(report.method, "newton");
    EXPECT_EQ(report.weighting, "uniform");
    EXPECT_FALSE(report.ascent);
    EXPECT_FALSE(report.alpha);
    EXPECT_FALSE(report.uniform_distance);
    EXPECT_LE(report.step_norm.value(), 1e-11);
    EXPECT_LE(report.distance.value(), 1e-9);
  }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
  Dataset unseen_ = pick_rows(fitted_.rows, std::vector<Index>{3, 14, 15, 92, 65, 35});
  Vector values_ = Vector::LinSpaced(150, -1, 2);
};

TEST_F(WeightlessRowsTest, OnDiskTheyAreErasedAndNothingElseHappens) {
  for (const bool budget : {false, true}) {
    for (const ForgetRequest& request : requests(budget)) {
      if (budget) {
        test::create_enrolled(path_, fitted_);
      } else {
        Vault::create(path_, fitted_, true);
      }
      const ForgetReport report = Vault::open_for_writing(path_).forget(request);
      EXPECT_TRUE(report.done());
      EXPECT_EQ(report.level, budget ? CertificateLevel::kCertified : CertificateLevel::kExact);
      EXPECT_EQ(report.tier, budget ? "0" : "retrain");
      expect_plain(report);
      const FittedModel left = Vault::open(path_);
      EXPECT_TRUE(is_erased(left.rows.ids, 1) && is_erased(left.rows.ids, 2));
      EXPECT_FALSE(left.trained_weights);
      EXPECT_EQ(Vault::status(path_).rows_left, 148);
      EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
    }
  }
}

TEST_F(WeightlessRowsTest, InMemoryLikewise) {
  for (const std::optional<double> allowance : {std::optional<double>(), std::optional(1.0)}) {
    for (const ForgetRequest& request : requests(allowance.has_value())) {
      const auto [left, report] = forget_rows(fitted_, request, allowance);
      EXPECT_EQ(report.state, RequestState::kApplied);
      EXPECT_EQ(report.tier, allowance ? "0" : "1");
      EXPECT_EQ(report.level, CertificateLevel::kHeuristic);
      expect_plain(report);
      EXPECT_TRUE(is_erased(left.rows.ids, 1) && is_erased(left.rows.ids, 2));
    }
  }
}

/// One row with weight among them, and the request is what it was.
TEST_F(WeightlessRowsTest, BesideOneThatCountsTheyChangeNothing) {
  for (ForgetRequest request : requests(false)) {
    request.rows = {1, 9};
    const auto [left, report] = forget_rows(fitted_, request);
    request.rows = {9};
    const auto [alone, theirs] = forget_rows(fitted_, request);
    EXPECT_EQ(report.method, name(request.method));
    EXPECT_EQ(report.weighting, name_of_weighting(request.weighting));
    EXPECT_EQ(left.model.theta, alone.model.theta);
  }
}

}  // namespace
}  // namespace recant

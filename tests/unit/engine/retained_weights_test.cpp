// SPDX-License-Identifier: Apache-2.0
// Deletions that weight the rows that stay by value: the second form of mathematics.md section 4.5.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/vault.hpp"
#include "recant/model/trainer.hpp"
#include "recant/valuation/knn_shapley.hpp"
#include "small_tables.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class RetainedWeightsTest : public testing::Test {
 protected:
  RetainedWeightsTest() {
    FitRequest request;
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.id = "id";
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 150));
    fitted_ = fit(request).first;
    validation_ = pick_rows(fitted_.rows, std::vector<Index>{3, 14, 15, 92, 65, 35, 89, 79, 32});
  }
  [[nodiscard]] ForgetRequest asked(std::vector<Index> rows, double alpha) const {
    ForgetRequest request;
    request.rows = std::move(rows);
    request.weighting.retained = true;
    request.weighting.alpha = alpha;
    request.weighting.source = "knn_shapley";
    request.holdout = &validation_;
    return request;
  }
  /// What somebody finds who never had the rows: of the others alone, w from minus their values.
  [[nodiscard]] Vector weights_without(const std::vector<Index>& gone, double alpha) const {
    std::vector<Index> staying;
    for (Index row = 0; row < fitted_.rows.rows(); ++row) {
      if (std::find(gone.begin(), gone.end(), row) == gone.end()) staying.push_back(row);
    }
    const Vector values = knn_shapley(pick_rows(fitted_.rows, staying), validation_).values;
    const double mean = values.mean();
    const double sd = std::sqrt((values.array() - mean).square().mean());
    Vector w = (2 / (1 + (-alpha * (values.array() - mean) / sd).exp())).matrix();
    w /= w.mean();
    Vector weights = Vector::Zero(fitted_.rows.rows());
    for (std::size_t i = 0; i < staying.size(); ++i) {
      weights[staying[i]] = fitted_.rows.weights[staying[i]] * w[static_cast<Index>(i)];
    }
    return weights;
  }
  [[nodiscard]] Vector trained(const Vector& weights) const {
    return train(fitted_.objective(), weights, {.tolerance = 1e-13}).theta;
  }
  void create_enrolled() const {
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.releases = 50;
    request.sigma = 1;
    const EnrolmentPlan enrolment = plan_enrolment(fitted_, request, nullptr);
    ASSERT_FALSE(enrolment.refusal.has_value());
    Vault::create(path_, fitted_, false, &enrolment);
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
  Dataset validation_;
};

TEST_F(RetainedWeightsTest, AreThoseOfTheFormulaOnTheRowsThatStay) {
  const std::vector<Index> gone = {7, 21, 140};
  const auto [left, report] = forget_rows(fitted_, asked(gone, 1.5), 1e-7);
  ASSERT_EQ(report.state, RequestState::kApplied);
  EXPECT_EQ(report.weighting, "retained");
  EXPECT_EQ(report.alpha, 1.5);
  const Vector wanted = weights_without(gone, 1.5);
  ASSERT_TRUE(left.trained_weights.has_value());
  EXPECT_LE((*left.trained_weights - wanted).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_GT((wanted - left.rows.weights).cwiseAbs().maxCoeff(), 0.1);
  const double truth = (left.model.theta - trained(wanted)).norm();
  EXPECT_LE(truth, *report.distance);
  EXPECT_LE(*report.distance, 1e-7);
  // It is far from training without weights, and its rows keep their own.
  EXPECT_GT((left.model.theta - trained(left.rows.weights)).norm(), 1e-2);
  for (Index row = 0; row < 150; ++row) {
    const bool is_gone = std::find(gone.begin(), gone.end(), row) != gone.end();
    EXPECT_EQ(left.rows.weights[row], is_gone ? 0 : 1);
  }
  EXPECT_FALSE(left.optimal);
}

TEST_F(RetainedWeightsTest, OneStepIsBounded) {
  for (const double alpha : {0.02, 0.1}) {
    const auto [left, report] = forget_rows(fitted_, asked({7, 21, 140}, alpha));
    EXPECT_EQ(report.tier, "2");
    EXPECT_EQ(report.level, CertificateLevel::kHeuristic);
    const double truth = (left.model.theta - trained(*left.trained_weights)).norm();
    EXPECT_LE(truth, *report.distance) << alpha;
    EXPECT_LE(*report.distance, 0.3 * *report.step_norm) << alpha;
  }
}

TEST_F(RetainedWeightsTest, WithAlphaZeroItIsPlainDeletion) {
  const auto [left, report] = forget_rows(fitted_, asked({7, 21}, 0), 1e-8);
  EXPECT_TRUE(test::same_bytes(*left.trained_weights, left.rows.weights));
  EXPECT_LE((left.model.theta - trained(left.rows.weights)).norm(), *report.distance);
  EXPECT_LE(*report.distance, 1e-8);
}

TEST_F(RetainedWeightsTest, UnderABudgetItIsCertifiedAndTheNextDeletionIsPlainAgain) {
  create_enrolled();
  Vault vault = Vault::open_for_writing(path_);
  ASSERT_TRUE(vault.forget(asked({3}, 0.5)).done());
  const ForgetReport report = vault.forget(asked({7, 21}, 1));
  ASSERT_TRUE(report.done()) << report.reason;
  EXPECT_EQ(report.level, CertificateLevel::kCertified);
  EXPECT_TRUE(report.tier == "2" || report.tier == "retrain") << report.tier.value_or("none");
  const Vector wanted = weights_without({3, 7, 21}, 1);
  EXPECT_LE((vault.model().model.theta - trained(wanted)).norm(), *report.distance);
  EXPECT_LE(*report.distance, report.budget->allowance);

  std::ifstream in(report.certificate);
  const std::string certificate{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(certificate.find("weighted by their values"), std::string::npos);
  EXPECT_NE(certificate.find("no validation row is one that was deleted"), std::string::npos)
      << "as one is here";
  EXPECT_EQ(certificate.find("alpha"), std::string::npos) << "alpha is for the annex";

  // Whoever opens the folder finds what the model is to be compared with.
  const FittedModel opened = Vault::open(path_);
  ASSERT_TRUE(opened.trained_weights.has_value());
  EXPECT_LE((*opened.trained_weights - wanted).cwiseAbs().maxCoeff(), 1e-12);
  const AuditRequest question{.membership = false, .reconstruction = false};
  EXPECT_LE(audit(opened, nullptr, nullptr, nullptr, question).retraining.distance,
            *report.distance);

  ForgetRequest plain;
  plain.rows = {50};
  const ForgetReport next = vault.forget(plain);
  ASSERT_TRUE(next.done()) << next.reason;
  Vector weights = fitted_.rows.weights;
  for (const Index row : {3, 7, 21, 50}) weights[row] = 0;
  EXPECT_LE((vault.model().model.theta - trained(weights)).norm(), *next.distance);
  EXPECT_FALSE(vault.model().trained_weights.has_value());
  EXPECT_FALSE(Vault::open(path_).trained_weights.has_value());
}

TEST_F(RetainedWeightsTest, WhatWasInterruptedIsFinishedAsItWasPlanned) {
  create_enrolled();
  const fs::path copy = folder_ / "copy.rct", certificates = path_ / "certificates",
                 aside = folder_ / "aside";
  fs::copy(path_, copy, fs::copy_options::recursive);
  ForgetRequest request = asked({7, 21}, 1);
  request.key = "k";
  {
    Vault undisturbed = Vault::open_for_writing(copy);
    ASSERT_TRUE(undisturbed.forget(request).done());
  }
  {
    Vault vault = Vault::open_for_writing(path_);
    fs::rename(certificates, aside);
    std::ofstream(certificates) << "in the way";
    EXPECT_THROW(static_cast<void>(vault.forget(request)), DataError);
  }
  fs::remove(certificates);
  fs::rename(aside, certificates);
  const Vault vault = Vault::open_for_writing(path_);
  EXPECT_EQ(vault.recovered().size(), 1U);
  EXPECT_TRUE(vault.outcome("k").done());
  EXPECT_EQ(vault.outcome("k").weighting, "retained");
  const FittedModel found = Vault::open(path_), wanted = Vault::open(copy);
  EXPECT_TRUE(test::same_bytes(found.model.theta, wanted.model.theta));
  EXPECT_TRUE(test::same_bytes(found.trained_weights.value(), wanted.trained_weights.value()));
}

TEST_F(RetainedWeightsTest, WithoutABudgetItIsTrained) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  const ForgetReport report = vault.forget(asked({7, 21}, 1));
  ASSERT_TRUE(report.done()) << report.reason;
  EXPECT_EQ(report.level, CertificateLevel::kExact);
  EXPECT_EQ(report.tier, "retrain");
  EXPECT_LE((vault.model().model.theta - trained(weights_without({7, 21}, 1))).norm(), 1e-8);
}

TEST_F(RetainedWeightsTest, RefusesWhatItCannotKeep) {
  ForgetRequest no_alpha = asked({1}, 1), no_rows = no_alpha, ascent = no_alpha, both = no_alpha,
                too_much = no_alpha;
  no_alpha.weighting.alpha.reset();
  no_rows.holdout = nullptr;
  ascent.method = ForgetMethod::kAscent;
  both.weighting.by_value = true;
  too_much.weighting.form = ValueForm::kRank;
  too_much.weighting.alpha = 2;
  for (const ForgetRequest& bad : {no_alpha, no_rows, ascent, both, too_much}) {
    EXPECT_THROW(static_cast<void>(forget_rows(fitted_, bad)), UsageError);
  }
  ForgetRequest little = asked({1}, 1);
  little.tier_at_most = Tier::kPass;
  const auto [left, report] = forget_rows(fitted_, little, 1e-3);
  EXPECT_EQ(report.reason, "tier_limit");
  EXPECT_TRUE(test::same_bytes(left.model.theta, fitted_.model.theta));
}

/// Which alpha that is is known when the rows have their values: the request is in the ledger then.
TEST_F(RetainedWeightsTest, AnAlphaThatNeverCanBeIsNoRequestToAskAgain) {
  const fs::path path = folder_ / "model.rct";
  Vault::create(path, fitted_, false);
  Vault vault = Vault::open_for_writing(path);
  ForgetRequest retained = asked({1}, 1000), by_value = test::asked({2, 3, 4});
  retained.key = "retained";
  by_value.key = "by value";
  by_value.weighting.by_value = true;
  by_value.weighting.alpha = 1000;
  by_value.weighting.values = Vector::LinSpaced(fitted_.rows.rows(), 0, 1);
  for (const ForgetRequest& request : {retained, by_value}) {
    test::expect_error<UsageError>([&] { return vault.forget(request); },
                                   {"alpha: 1000", "smaller alpha"});
    const ForgetReport report = vault.forget(request);
    EXPECT_TRUE(report.repeated);
    EXPECT_EQ(report.state, RequestState::kRejected);
    EXPECT_EQ(report.reason, "alpha_too_large");
    EXPECT_NE(describe_reason(report.reason), report.reason);
  }
}

}  // namespace
}  // namespace recant

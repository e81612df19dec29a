// SPDX-License-Identifier: Apache-2.0
// What the annex of release 1 says: the fit itself.
#include <gtest/gtest.h>

#include "bound_from_terms.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"
#include "ridge_in_quad.hpp"
#include "small_vault.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// Squared loss with two features, as if it had been given as arrays.
FittedModel fitted_to(Dataset data, double l2) {
  const Loss loss(LossKind::kSquared);
  FittedModel fitted{.model = {loss, false, 2, {}}, .rows = std::move(data), .l2 = l2};
  fitted.rows.weights = Vector::Ones(fitted.rows.rows());
  const Objective objective = fitted.objective();
  fitted.model.theta = train(objective, fitted.rows.weights).theta;
  fitted.gradient = objective.evaluate(fitted.model.theta, fitted.rows.weights).gradient;
  return fitted;
}

struct FirstRelease {
  Annex annex;
  Certificate certificate;
};

FirstRelease first_release(const fs::path& vault) {
  return {read_annex(test::read_bytes(vault / "certificates/000001.annex.json")),
          read_certificate(test::read_bytes(vault / "certificates/000001.json"))};
}

/// Of a model without a budget, which has none before its first deletion.
FirstRelease first_release(const fs::path& vault, const FittedModel& fitted) {
  Vault::create(vault, fitted, true);
  EXPECT_TRUE(Vault::open_for_writing(vault).forget(test::asked({1})).done());
  return first_release(vault);
}

/// The bound again from nothing but what the annex says.
double bound_again(const Annex& annex) {
  std::map<std::string, double> terms;
  for (const BoundTerm& term : annex.terms) terms[term.name] = term.value;
  return static_cast<double>(test::BoundFromTerms(terms).distance());
}

TEST(ReleaseOfFit, HasABoundThatHoldsWhereColumnsAreNearlyTheSame) {
  const test::TemporaryFolder folder;
  int rounding_counts = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    test::Random random(seed);
    const FittedModel fitted = fitted_to(test::nearly_equal_columns(random, 40, 1e-9), 1e-6);
    const double truth =
        test::distance_in_quad(fitted.rows, fitted.rows.weights, fitted.l2, fitted.model.theta);
    const auto [annex, certificate] = first_release(folder / "model.rct", fitted);
    EXPECT_GE(annex.bound.value(), truth) << seed;
    EXPECT_EQ(annex.tier, CertificateTier::kRetrain);
    EXPECT_EQ(certificate.level, CertificateLevel::kExact);
    EXPECT_NEAR(bound_again(annex), annex.bound.value(), 1e-14 * annex.bound.value());
    rounding_counts += fitted.gradient.norm() / fitted.l2 < truth;
  }
  EXPECT_GT(rounding_counts, 0) << "the gradient as computed would have done";
}

TEST(ReleaseOfFit, HasTheTermsOfItsBoundUnderABudgetToo) {
  const test::TemporaryFolder folder;
  const fs::path vault = folder / "model.rct";
  test::create_enrolled(vault, test::small_model(folder, 200));
  const auto [annex, certificate] = first_release(vault);
  EXPECT_EQ(annex.tier, CertificateTier::kRetrain);
  EXPECT_EQ(certificate.level, CertificateLevel::kCertified);
  EXPECT_LE(annex.bound.value(), certificate.budget->allowance);
  EXPECT_NEAR(bound_again(annex), annex.bound.value(), 1e-9 * annex.bound.value());
}

TEST(ReleaseOfFit, IsNotCalledTrainedWhereTheModelWasMoved) {
  const test::TemporaryFolder folder;
  FittedModel moved = test::small_model(folder, 200);
  const Vector trained = moved.model.theta;
  moved.model.theta.array() += 0.1;
  moved.gradient = moved.objective().evaluate(moved.model.theta, moved.rows.weights).gradient;
  moved.optimal = false;
  const auto [annex, certificate] = first_release(folder / "model.rct", moved);
  EXPECT_EQ(certificate.level, CertificateLevel::kHeuristic);
  EXPECT_EQ(annex.tier, CertificateTier::k1);
  EXPECT_GE(annex.bound.value(), (moved.model.theta - trained).norm());
  EXPECT_NEAR(bound_again(annex), annex.bound.value(), 1e-14 * annex.bound.value());
}

TEST(ReleaseOfFit, IsRefusedBeforeAnythingIsReceivedWhereNoDistanceCanBeTold) {
  const test::TemporaryFolder folder;
  test::Random random(1);
  Dataset data = test::nearly_equal_columns(random, 40, 1e-3);
  data.features = FeatureMatrix(RowMatrix(data.features.view() * 1e-180));
  const fs::path vault = folder / "model.rct";
  Vault::create(vault, fitted_to(std::move(data), 1e-170), true);
  for (int again = 0; again < 2; ++again) {
    test::expect_error<DataError>(
        [&] { static_cast<void>(Vault::open_for_writing(vault).forget(test::asked({1}))); },
        {"l2", "raise it"});
  }
  EXPECT_EQ(Vault::open(vault).rows.weights.sum(), 40);
}

}  // namespace
}  // namespace recant

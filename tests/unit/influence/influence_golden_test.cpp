// SPDX-License-Identifier: Apache-2.0
// Influences against those of another program (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include "golden_model.hpp"
#include "recant/influence/influence.hpp"

namespace recant {
namespace {

class InfluenceGolden : public testing::TestWithParam<std::string> {};

TEST_P(InfluenceGolden, ReferenceGradientsGiveTheReferenceInfluences) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const test::GoldenCase golden = test::load_case(GetParam());
  const Objective objective = golden.objective();
  const Vector theta = golden.theta_hat();
  const auto factor = factor_hessian(objective, theta, golden.train.weights);
  ASSERT_TRUE(factor.has_value());
  for (const auto& [metric, gradient] : golden.json.at("metric_gradients_val").items()) {
    const Vector g = test::vector_of(gradient);
    if (golden.json.contains("hinv_metric_gradients")) {
      const Vector wanted = test::vector_of(golden.json.at("hinv_metric_gradients").at(metric));
      test::expect_close(factor->solve(g), wanted, 1e-8, 0, metric + " solved");
    }
    const Vector found = influences(objective, theta, *factor, g).col(0);
    const auto& wanted = golden.json.at("influence").at(metric);
    test::expect_rows(found, wanted, 1e-8, metric + " influence");
    if (wanted.is_array()) continue;
    const InfluenceSummary summary = summarize(found);
    EXPECT_EQ(summary.argmin, wanted.at("argmin").get<Index>()) << metric;
    EXPECT_EQ(summary.argmax, wanted.at("argmax").get<Index>()) << metric;
  }
  if (!golden.json.contains("leverage")) return;
  // x_j^T H^{-1} x_j of squared loss, row by row.
  const Vector leverage = test::vector_of(golden.json.at("leverage"));
  for (Index j = 0; j < leverage.size(); ++j) {
    const Vector x = golden.train.features.row(j).transpose();
    EXPECT_NEAR(x.dot(factor->solve(x)), leverage(j), 1e-11 * leverage.maxCoeff()) << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Small, InfluenceGolden,
                         testing::ValuesIn(test::with(test::small_logistic_cases(),
                                                      {"ridge_d5", "softmax_k3_d4", "softmax_k4_d6",
                                                       "separable_n40_d60"})),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Large, InfluenceGolden, testing::ValuesIn(test::large_logistic_cases()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace recant

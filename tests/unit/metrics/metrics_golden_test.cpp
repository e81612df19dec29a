// SPDX-License-Identifier: Apache-2.0
// Metrics and their gradients against those of another program (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include "golden_model.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {
namespace {

using test::Json;

class MetricsGolden : public testing::TestWithParam<std::string> {};

TEST_P(MetricsGolden, ReferenceModelHasTheReferenceMetrics) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const test::GoldenCase golden = test::load_case(GetParam());
  const LinearModel model = golden.model(golden.theta_hat());
  MetricSettings settings;
  if (!golden.train.sensitive.empty()) {
    settings.privileged = {
        golden.train.sensitive[0].groups[static_cast<std::size_t>(golden.privileged)]};
  }
  const auto expect_part = [&](const Dataset& data, const Json& wanted) {
    const Evaluation e = evaluate(data, model, settings);
    const auto close = [&](const char* key, std::optional<double> found) {
      if (!wanted.contains(key)) return;
      ASSERT_TRUE(found.has_value()) << key;
      test::expect_close(*found, wanted.at(key), 1e-9, 1e-10, key);
    };
    close("util", e.log_loss_sum);
    close("robust", e.robust_loss);
    close("robust", e.transferred_robust_loss);
    close("accuracy", e.accuracy);
    if (e.gaps.empty()) return;
    close("dp", e.gaps[0].demographic_parity);
    close("eop", e.gaps[0].equal_opportunity_loss);
    close("dp_gap_hard", e.gaps[0].demographic_parity_hard);
    close("eop_gap_hard", e.gaps[0].equal_opportunity_hard);
  };
  expect_part(golden.val, golden.json.at("metrics_val"));
  if (golden.test) expect_part(*golden.test, golden.json.at("metrics_test"));

  const std::vector<std::pair<const char*, MetricKind>> gradients = {
      {"util", MetricKind::kUtility},
      {"dp", MetricKind::kDemographicParity},
      {"eop", MetricKind::kEqualOpportunityLoss},
      {"robust", MetricKind::kTransferredRobustLoss},
      {"robust_total", MetricKind::kRobustLoss}};
  const Json& wanted = golden.json.at("metric_gradients_val");
  int compared = 0;
  for (const auto& [key, kind] : gradients) {
    if (!wanted.contains(key)) continue;
    const Metric metric{kind, key, 0, golden.privileged};
    test::expect_close(metric_gradients({metric}, golden.val, model, settings).col(0),
                       test::vector_of(wanted.at(key)), 1e-8, 0, key);
    ++compared;
  }
  EXPECT_EQ(compared, static_cast<int>(wanted.size()));
}

INSTANTIATE_TEST_SUITE_P(Small, MetricsGolden,
                         testing::ValuesIn(test::with(test::small_logistic_cases(),
                                                      {"ridge_d5", "softmax_k3_d4", "softmax_k4_d6",
                                                       "separable_n40_d60"})),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Large, MetricsGolden, testing::ValuesIn(test::large_logistic_cases()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// From training to corrected models against another program (RECANT_SHARED_DIR/oracle): weights
// chosen, models moved, metrics measured, each from what recant itself computed before.
#include <gtest/gtest.h>

#include <algorithm>

#include "golden_model.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/evaluation.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/hard.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace recant {
namespace {

using test::Json;

/// A reference case with the model trained, and the influences of every metric it has.
class Trained {
 public:
  explicit Trained(const std::string& name)
      : golden(test::load_case(name)), objective(golden.objective()) {
    fit_ = train(objective, weights());
    EXPECT_TRUE(fit_.converged);
    hessian = factor_hessian(objective, theta(), weights());
    const bool gaps = !golden.train.sensitive.empty();
    const bool robust = golden.loss.kind() == LossKind::kLogistic;
    add("util", MetricKind::kUtility);
    if (gaps) add("dp", MetricKind::kDemographicParity);
    if (gaps) add("eop", MetricKind::kEqualOpportunityLoss);
    if (robust) add("robust", MetricKind::kTransferredRobustLoss);
    if (robust) add("robust_total", MetricKind::kRobustLoss);
    const LinearModel model = golden.model(theta());
    before = metric_values(metrics, golden.val, model, settings());
    influence = influences(objective, theta(), *hessian,
                           metric_gradients(metrics, golden.val, model, settings()));
  }

  [[nodiscard]] const Vector& theta() const { return fit_.theta; }
  [[nodiscard]] const Vector& weights() const { return golden.train.weights; }
  [[nodiscard]] double leftover() const { return 2 * fit_.gradient_norm / golden.l2; }
  [[nodiscard]] MetricSettings settings() const {
    if (golden.train.sensitive.empty()) return {};
    const auto& groups = golden.train.sensitive[0].groups;
    return {.privileged = {groups[static_cast<std::size_t>(golden.privileged)]}};
  }
  [[nodiscard]] Index column(const std::string& key) const {
    return std::find(keys.begin(), keys.end(), key) - keys.begin();
  }
  [[nodiscard]] Vector influence_of(const std::string& key) const {
    return influence.col(column(key));
  }
  [[nodiscard]] double value_of(const std::string& key) const {
    return before[static_cast<std::size_t>(column(key))];
  }

  test::GoldenCase golden;
  Objective objective;
  std::optional<Cholesky> hessian;
  std::vector<std::string> keys;
  std::vector<Metric> metrics;
  std::vector<double> before;
  Matrix influence;

 private:
  void add(const char* key, MetricKind kind) {
    keys.emplace_back(key);
    metrics.push_back({kind, key, 0, golden.privileged});
  }
  TrainerResult fit_;
};

/// Metrics of a moved model on one part; the old model is the one whose attack is fixed.
void expect_metrics(const Trained& t, const Dataset& data, const Vector& theta, const Json& wanted,
                    const std::string& what) {
  const LinearModel old = t.golden.model(t.theta()), now = t.golden.model(theta);
  const Evaluation e = evaluate(data, now, t.settings(), &old);
  const auto close = [&](const char* key, double found) {
    if (wanted.contains(key)) test::expect_close(found, wanted.at(key), 1e-9, 1e-10, what + key);
  };
  close("util", e.log_loss_sum);
  close("robust", e.robust_loss.value());
  close("robust_fixed_points", e.transferred_robust_loss.value());
  close("dp", e.gaps.at(0).demographic_parity.value());
  close("eop", e.gaps.at(0).equal_opportunity_loss.value());
  // Labels are exact unless a score is 0 to within the models' difference: then one may flip.
  const bool exact = wanted.at("min_abs_margin").get<double>() > 1e-6;
  const double flip = exact ? 1e-12 : 1.0 / 100;
  EXPECT_NEAR(e.accuracy.value(), wanted.at("accuracy").get<double>(), flip) << what;
  EXPECT_NEAR(e.gaps[0].demographic_parity_hard.value(), wanted.at("dp_gap_hard").get<double>(),
              flip)
      << what;
  EXPECT_NEAR(e.gaps[0].equal_opportunity_hard.value(), wanted.at("eop_gap_hard").get<double>(),
              flip)
      << what;
}

void expect_model(const Trained& t, const Vector& theta, const Json& wanted,
                  const std::string& what, double leftover) {
  if (wanted.contains("theta")) {
    test::expect_theta(theta, wanted.at("theta"), leftover, what + " theta");
  } else {
    EXPECT_NEAR(theta.norm(), wanted.at("theta_norm").get<double>(),
                1e-8 * theta.norm() + leftover);
    EXPECT_NEAR(theta.sum(), wanted.at("theta_sum").get<double>(),
                10 * (1e-8 * theta.norm() + leftover));
  }
  expect_metrics(t, t.golden.val, theta, wanted.at("val"), what + " val ");
  if (t.golden.test) expect_metrics(t, *t.golden.test, theta, wanted.at("test"), what + " test ");
}

/// Influence step, Newton step and retraining for one reweighting.
void expect_updates(const Trained& t, const Reweighting& change, const Json& wanted) {
  const Vector& e = change.delta;
  for (const auto& [key, value] : wanted.at("predicted_val_change").items()) {
    const Vector influence = t.influence_of(key);
    EXPECT_NEAR(-influence.dot(e), value.get<double>(),
                1e-8 * std::abs(value.get<double>()) + 1e-9 * influence.norm() * e.norm())
        << key;
  }
  const ReweightingSummary summary = summarize(change, t.weights());
  test::expect_close(summary.total_min, wanted.at("min_weight"), 1e-8, 1e-9, "min weight");
  test::expect_close(summary.total_max, wanted.at("max_weight"), 1e-8, 1e-9, "max weight");
  const bool convex = wanted.at("retrain_convex");
  EXPECT_EQ(summary.negative_total_weight_rows == 0, convex);

  const auto expect_update = [&](const UpdateResult& moved, const char* key) {
    EXPECT_EQ(moved.status, UpdateStatus::kDone) << key;
    EXPECT_EQ(moved.negative_total_weight_rows == 0, convex);
    const Json& target = wanted.at(key);
    expect_model(t, moved.theta, target, key, t.leftover());
    if (target.contains("grad_residual")) {
      test::expect_close(moved.gradient_norm, target.at("grad_residual"), 1e-6, 1e-9, key);
      EXPECT_GE(moved.distance_bound, moved.gradient_norm / t.golden.l2) << key;
    }
  };
  const UpdateResult step = influence_step(t.objective, t.theta(), *t.hessian, t.weights(), change);
  expect_update(step, "if_update");
  const UpdateResult newton = newton_step(t.objective, t.theta(), t.weights(), change);
  expect_update(newton, "newton_step");
  const UpdateResult polished = polish(t.objective, t.theta(), t.weights(), change);
  if (!convex) {
    EXPECT_EQ(polished.status, UpdateStatus::kNegativeWeights);
    EXPECT_TRUE(test::same_bytes(polished.theta, t.theta()));
    return;
  }
  expect_update(polished, "retrained");
  const Json& target = wanted.at("retrained");
  const double slack = 2e-9 / t.golden.l2;
  test::expect_close((polished.theta - step.theta).norm(), target.at("dist_from_if_update"), 1e-6,
                     slack, "distance");
  test::expect_close((polished.theta - newton.theta).norm(), target.at("dist_from_newton_step"),
                     1e-6, slack, "distance");
  if (wanted.at("newton_step").contains("step_norm")) {
    test::expect_close((newton.theta - t.theta()).norm(), wanted.at("newton_step").at("step_norm"),
                       1e-6, 0, "step");
  }
}

class UnlearnGolden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
    trained_.emplace(GetParam());
  }
  std::optional<Trained> trained_;
};
/// The cases that also choose weights.
class WeightsGolden : public UnlearnGolden {};

TEST_P(UnlearnGolden, OriginalModel) {
  const Trained& t = *trained_;
  const Json& json = t.golden.json;
  test::expect_theta(t.theta(), json.at("theta_hat"), t.leftover(), "theta");
  for (std::size_t m = 0; m < t.keys.size(); ++m) {
    const std::string& key = t.keys[m];
    const std::string value = key == "robust_total" ? "robust" : key;
    test::expect_close(t.before[m], json.at("metrics_val").at(value), 1e-9, 1e-10, key);
    test::expect_rows(t.influence_of(key), json.at("influence").at(key), 1e-8, key);
  }
  if (!t.golden.test) return;
  const auto values =
      metric_values(t.metrics, *t.golden.test, t.golden.model(t.theta()), t.settings());
  for (std::size_t m = 0; m < t.keys.size(); ++m) {
    const std::string value = t.keys[m] == "robust_total" ? "robust" : t.keys[m];
    test::expect_close(values[m], json.at("metrics_test").at(value), 1e-9, 1e-10, t.keys[m]);
  }
}

TEST_P(WeightsGolden, SoftWeightsAndWhatTheyDo) {
  const Trained& t = *trained_;
  const Vector u = t.influence_of("util");
  for (const Json& wanted : t.golden.json.at("soft_weights")) {
    const auto target = wanted.at("target").get<std::string>();
    SCOPED_TRACE(target + " " + wanted.at("rule").get<std::string>());
    const Vector influence = t.influence_of(target);
    const double gap = t.value_of(target), kappa = wanted.at("lambda_e");
    test::expect_close(gap, wanted.at("f"), 1e-9, 1e-10, "gap");
    Reweighting change;
    ActivePromises active = ActivePromises::kNone;
    double utility = 0, budget = 0, objective = 0;
    if (wanted.at("box").is_null()) {
      const SoftWeights soft = soft_weights(influence, u, gap, {.kappa = kappa});
      change = soft.change;
      active = soft.active;
      utility = soft.utility_multiplier;
      budget = soft.gap_multiplier;
      objective = soft.objective;
    } else {
      BoundedSoftOptions options;
      options.kappa = kappa;
      options.lower = wanted.at("box").at(0);
      options.upper = wanted.at("box").at(1);
      const BoundedSoftWeights soft = soft_weights_bounded(
          {{VectorView(influence.data(), influence.size()), gap}}, u, t.weights(), {}, options);
      EXPECT_EQ(soft.status, QpStatus::kSolved);
      EXPECT_EQ(soft.at_lower + soft.at_upper, wanted.at("n_at_bound").get<Index>());
      change = soft.change;
      active = soft.active;
      utility = soft.utility_multiplier;
      budget = soft.gap_multipliers(0);
      objective = soft.objective;
    }
    const int kkt = 1 + (active == ActivePromises::kUtility || active == ActivePromises::kBoth) +
                    2 * (active == ActivePromises::kGap || active == ActivePromises::kBoth);
    EXPECT_EQ(kkt, wanted.at("kkt_case").get<int>());
    test::expect_close(utility, wanted.at("mu_utility"), 1e-8, 1e-12, "mu utility");
    test::expect_close(budget, wanted.at("mu_budget"), 1e-8, 1e-12, "mu budget");
    test::expect_close(objective, wanted.at("objective"), 1e-8, 0, "objective");
    const Vector& e = change.delta;
    test::expect_close(e.squaredNorm(), wanted.at("e_norm_squared"), 2e-8, 0, "norm");
    test::expect_close((gap > 0 ? 1 : -1) * influence.dot(e), wanted.at("a_dot_e"), 1e-8, 0, "a e");
    EXPECT_NEAR(u.dot(e), wanted.at("u_dot_e").get<double>(),
                1e-8 * std::abs(wanted.at("u_dot_e").get<double>()) + 1e-9 * u.norm() * e.norm());
    test::expect_rows(e, wanted.at("e"), 1e-8, "e");
    expect_updates(t, change, wanted);
  }
}

TEST_P(WeightsGolden, HardDeletionAndWhatItDoes) {
  const Trained& t = *trained_;
  for (const Json& wanted : t.golden.json.at("hard_topk")) {
    const auto target = wanted.at("target").get<std::string>();
    SCOPED_TRACE(target + " " + wanted.at("rule").get<std::string>());
    const Vector influence = t.influence_of(target);
    const double gap = t.value_of(target);
    const auto k = wanted.at("k").get<std::int64_t>();
    const HardWeights hard = hard_weights(influence, gap, t.weights(), {.count = k});
    std::vector<Index> rows = hard.rows;
    std::sort(rows.begin(), rows.end());
    if (!wanted.at("indices").is_null()) {
      EXPECT_EQ(rows, test::indices_of(wanted.at("indices")));
    }
    Index sum = 0;
    for (const Index row : rows) sum += row;
    EXPECT_EQ(sum, wanted.at("index_sum").get<Index>());
    test::expect_close((gap > 0 ? 1 : -1) * influence(hard.rows.back()), wanted.at("kth_value"),
                       1e-7, 1e-12, "k-th");
    if (wanted.at("rule") == "budget") {
      // Where the cut falls among equal rows the reference takes none of them.
      const HardWeights all = hard_weights(influence, gap, t.weights(), {.predicted_total = 1});
      EXPECT_GE(static_cast<std::int64_t>(all.rows.size()), k);
      for (auto i = static_cast<std::size_t>(k) + 1; i < all.rows.size(); ++i) {
        const double one = influence(all.rows[i - 1]), other = influence(all.rows[i]);
        EXPECT_LE(std::abs(one - other), 2e-7 * std::abs(other)) << "beyond the tie at the cut";
      }
      EXPECT_LE(all.predicted_reduction, std::abs(gap) * (1 + 1e-12));
    }
    expect_updates(t, hard.change, wanted);
  }
}

TEST_P(UnlearnGolden, Deletions) {
  const Trained& t = *trained_;
  for (const Json& wanted : t.golden.json.at("deletions")) {
    SCOPED_TRACE(testing::Message()
                 << wanted.value("kind", "random") << " " << wanted.at("size").get<int>());
    const Reweighting change = delete_rows(test::indices_of(wanted.at("indices")), t.weights());
    const double l2 = t.golden.l2;
    const UpdateResult newton = newton_step(t.objective, t.theta(), t.weights(), change);
    const UpdateResult step =
        influence_step(t.objective, t.theta(), *t.hessian, t.weights(), change);
    const UpdateResult polished = polish(t.objective, t.theta(), t.weights(), change);
    ASSERT_EQ(polished.status, UpdateStatus::kDone);
    const double leftover = t.leftover() + 2 * polished.gradient_norm / l2;
    test::expect_theta(newton.theta, wanted.at("theta_newton"), t.leftover(), "Newton");
    test::expect_theta(step.theta, wanted.at("theta_influence"), t.leftover(), "influence");
    test::expect_theta(polished.theta, wanted.at("theta_retrained"), leftover, "retrained");
    const auto close = [&](const char* key, double found, double relative, double absolute) {
      if (wanted.contains(key)) test::expect_close(found, wanted.at(key), relative, absolute, key);
    };
    close("grad_residual_newton", newton.gradient_norm, 1e-6, 1e-9);
    close("grad_residual_influence", step.gradient_norm, 1e-6, 1e-9);
    close("residual_over_lambda_newton", newton.gradient_norm / l2, 1e-6, 1e-9 / l2);
    close("residual_over_lambda_influence", step.gradient_norm / l2, 1e-6, 1e-9 / l2);
    close("dist_newton", (newton.theta - polished.theta).norm(), 1e-6, 2e-9 / l2);
    close("dist_influence", (step.theta - polished.theta).norm(), 1e-6, 2e-9 / l2);
    close("step_norm", (newton.theta - t.theta()).norm(), 1e-6, 1e-10);
    EXPECT_LE((newton.theta - polished.theta).norm(), newton.distance_bound + leftover);
    if (t.golden.loss.kind() == LossKind::kSquared)
      test::expect_close(newton.theta, polished.theta, 1e-11, leftover, "the step is exact");

    const LinearModel old = t.golden.model(t.theta());
    const auto values = [&](const Vector& theta) {
      return metric_values(t.metrics, t.golden.val, t.golden.model(theta), t.settings(), &old);
    };
    const auto after_newton = values(newton.theta), after = values(polished.theta);
    for (const auto& [key, changes] : wanted.at("metric_change").items()) {
      const auto m = static_cast<std::size_t>(t.column(key));
      ASSERT_LT(m, t.keys.size());
      const double absolute = 1e-9 * std::max(1.0, std::abs(t.before[m]));
      const auto expect_change = [&, &key = key, &changes = changes](const char* which,
                                                                     double found) {
        if (changes.contains(which))
          test::expect_close(found, changes.at(which), 1e-6, absolute, key + " " + which);
      };
      expect_change("predicted", -t.influence_of(key).dot(change.delta));
      expect_change("newton", after_newton[m] - t.before[m]);
      expect_change("retrained", after[m] - t.before[m]);
    }
  }
}

TEST(UnlearnGoldenRidge, LeaveOneOutResiduals) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const Trained t("ridge_d5");
  const Vector wanted = test::vector_of(t.golden.json.at("loo_residual"));
  for (Index j = 0; j < wanted.size(); ++j) {
    const Index row[] = {j};
    const UpdateResult without =
        newton_step(t.objective, t.theta(), t.weights(), delete_rows(row, t.weights()));
    const double residual = scores(t.golden.model(without.theta), t.golden.train.features)(j, 0) -
                            t.golden.train.targets(j);
    EXPECT_NEAR(residual, wanted(j), 1e-11 * test::largest(wanted)) << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Small, UnlearnGolden,
                         testing::ValuesIn(test::with(test::small_logistic_cases(),
                                                      {"ridge_d5", "softmax_k3_d4", "softmax_k4_d6",
                                                       "separable_n40_d60"})),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Large, UnlearnGolden,
                         testing::ValuesIn(test::with(test::large_logistic_cases(),
                                                      {"mnist38_l001n"})),
                         [](const auto& tested) { return tested.param; });

INSTANTIATE_TEST_SUITE_P(Small, WeightsGolden, testing::ValuesIn(test::small_logistic_cases()),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Large, WeightsGolden, testing::ValuesIn(test::large_logistic_cases()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace recant

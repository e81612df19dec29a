// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/retrain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/minimum_distance.hpp"

// docs/mathematics.md section 6.
namespace recant {
namespace {

/// The predictions of one model on the test rows; `labels` is empty for squared loss.
struct Predictions {
  Matrix probabilities;
  std::vector<Index> labels;
  TestUtility utility;
};

Index label(const Loss& loss, const Matrix& probabilities, Index row, double threshold) {
  if (loss.kind() == LossKind::kLogistic) return probabilities(row, 0) > threshold ? 1 : 0;
  Index best = 0;
  probabilities.row(row).maxCoeff(&best);
  return best;
}

Predictions predict(const Objective& objective, const Vector& theta, const Dataset& test,
                    double threshold, double confidence) {
  const Loss& loss = objective.loss();
  const LinearModel model{loss, objective.intercept(), test.features.columns(), theta};
  const Index n = test.rows();
  Predictions out{.probabilities = probabilities(model, test.features)};
  const Objective on_test(test, loss, objective.intercept(), objective.l2());
  out.utility.log_loss =
      on_test.evaluate(theta, Vector::Ones(n)).data_loss / static_cast<double>(n);
  if (loss.kind() == LossKind::kSquared) return out;
  Index right = 0;
  for (Index i = 0; i < n; ++i) {
    out.labels.push_back(label(loss, out.probabilities, i, threshold));
    right += static_cast<double>(out.labels.back()) == test.targets[i];
  }
  out.utility.accuracy = rate(right, n, confidence);
  return out;
}

PredictionAgreement agree(const Predictions& a, const Predictions& b, double confidence) {
  const Vector differences = (a.probabilities - b.probabilities).cwiseAbs().rowwise().maxCoeff();
  PredictionAgreement out{.mean_difference = differences.mean(),
                          .largest_difference = differences.maxCoeff()};
  if (a.labels.empty()) return out;
  Index same = 0;
  for (std::size_t i = 0; i < a.labels.size(); ++i) same += a.labels[i] == b.labels[i];
  out.same_label = rate(same, differences.size(), confidence);
  return out;
}

BoundVerdict judge(const RetrainAudit& audit, const std::optional<double>& bound) {
  if (!bound) return BoundVerdict::kNotClaimed;
  if (audit.distance_high <= *bound) return BoundVerdict::kHolds;
  return audit.distance_low > *bound ? BoundVerdict::kBroken : BoundVerdict::kUndecided;
}

void check_test(const Objective& objective, const Vector* original, ConstVectorRef unlearned,
                const Dataset& test) {
  if (original != nullptr) check_size("original theta", original->size(), objective.parameters());
  check_size("unlearned theta", unlearned.size(), objective.parameters());
  check_size("features of a test row", test.features.columns(), objective.features().columns());
  if (test.rows() == 0) throw DataError("the test set has no row");
}

}  // namespace

std::string_view name(BoundVerdict verdict) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"not_claimed", "holds", "broken",
                                                      "undecided"};
  return kNames[static_cast<std::size_t>(verdict)];
}

RetrainAudit audit_by_retraining(const Objective& objective, ConstVectorRef weights,
                                 ConstVectorRef unlearned, const RetrainAuditOptions& options,
                                 const ProgressCallback& progress) {
  validate(options);
  check_size("unlearned theta", unlearned.size(), objective.parameters());
  Stopwatch watch;
  RetrainAudit out;
  out.retrained = train(objective, weights, options.trainer, progress);
  out.seconds = watch.lap();
  const double left = close_minimum_distance(objective, out.retrained.theta, weights);
  const Vector apart = unlearned - out.retrained.theta;
  out.distance = apart.stableNorm();
  // What the distance itself and its ends may be off by; raised where squares vanish.
  const double rounding = gamma(2 * apart.size() + 16);
  out.distance_low =
      std::max(0.0, (out.distance - left) - rounding * (out.distance + left) - kVanishedDistance);
  out.distance_high = std::min((out.distance + left) * (1 + rounding) + kVanishedDistance,
                               close_minimum_distance(objective, unlearned, weights));
  out.verdict = judge(out, options.bound);
  return out;
}

RetrainAudit audit_by_retraining(const Objective& objective, ConstVectorRef weights,
                                 ConstVectorRef original, ConstVectorRef unlearned,
                                 const Dataset& test, const MetricSettings& settings,
                                 const RetrainAuditOptions& options,
                                 const ProgressCallback& progress) {
  validate(options);
  const Vector before = original;
  check_test(objective, &before, unlearned, test);
  RetrainAudit out = audit_by_retraining(objective, weights, unlearned, options, progress);
  measure_utilities(objective, &before, unlearned, test, settings, options.confidence, out);
  return out;
}

void measure_utilities(const Objective& objective, const Vector* original, ConstVectorRef unlearned,
                       const Dataset& test, const MetricSettings& settings, double confidence,
                       RetrainAudit& audit) {
  check_test(objective, original, unlearned, test);
  const auto on_test = [&](const Vector& theta) {
    return predict(objective, theta, test, settings.threshold, confidence);
  };
  const Predictions after = on_test(unlearned), truth = on_test(audit.retrained.theta);
  audit.unlearned_utility = after.utility;
  audit.retrained_utility = truth.utility;
  audit.unlearned_agreement = agree(after, truth, confidence);
  if (original == nullptr) return;
  const Predictions before = on_test(*original);
  audit.original_utility = before.utility;
  audit.original_agreement = agree(before, truth, confidence);
}

}  // namespace recant

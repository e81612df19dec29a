// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "naive_model.hpp"
#include "recant/metrics/metric.hpp"

namespace recant::test {

/// A metric by its definition: the adversarial rows are built, the means are counted.
inline double naive_metric(const Metric& metric, const Dataset& data, const LinearModel& model,
                           const MetricSettings& settings, const LinearModel* attack = nullptr) {
  const LossKind kind = model.loss.kind();
  const double positive =
      kind == LossKind::kSoftmax ? static_cast<double>(settings.positive_class) : 1;
  const LinearModel& attacked =
      attack != nullptr && metric.kind == MetricKind::kTransferredRobustLoss ? *attack : model;
  Real total = 0, sum[2] = {0, 0};
  Index count[2] = {0, 0};
  for (Index i = 0; i < data.rows(); ++i) {
    Reals x = naive_row(data.features, i, model.intercept);
    if (metric.kind == MetricKind::kRobustLoss ||
        metric.kind == MetricKind::kTransferredRobustLoss) {
      const Real t = naive_scores(x, attacked.theta)[0];
      Real length2 = 0;
      for (Index j = 0; j < attacked.features; ++j)
        length2 += static_cast<Real>(attacked.theta(j)) * attacked.theta(j);
      const bool right = (2 * data.targets(i) - 1) * t > 0;
      if (right || !settings.attack_correct_only) {
        for (Index j = 0; j < attacked.features; ++j)
          x[static_cast<std::size_t>(j)] -= Real(1.3) * t / length2 * attacked.theta(j);
      }
    }
    const Reals t = naive_scores(x, model.theta);
    const NaiveLoss row = naive_loss(kind, t, data.targets(i));
    Real p = t[0];
    if (kind == LossKind::kLogistic) p = 1 / (1 + expl(-t[0]));
    if (kind == LossKind::kSoftmax) {
      const auto k = static_cast<std::size_t>(settings.positive_class);
      Real whole = 0;
      for (const Real score : t) whole += expl(score - t[k]);
      p = 1 / whole;
    }
    total += row.value;
    if (data.sensitive.empty()) continue;
    const auto& codes = data.sensitive[static_cast<std::size_t>(metric.column)].codes;
    const int side = codes[static_cast<std::size_t>(i)] == metric.group ? 0 : 1;
    const bool is_positive = data.targets(i) == positive;
    switch (metric.kind) {
      case MetricKind::kDemographicParity:
        sum[side] += p;
        ++count[side];
        break;
      case MetricKind::kEqualOpportunity:
        if (is_positive) sum[side] += p, ++count[side];
        break;
      case MetricKind::kEqualOpportunityNegative:
        if (!is_positive) sum[side] += p, ++count[side];
        break;
      case MetricKind::kEqualOpportunityLoss:
        if (is_positive) sum[side] -= row.value, ++count[side];
        break;
      default:
        break;
    }
  }
  switch (metric.kind) {
    case MetricKind::kUtility:
    case MetricKind::kTransferredRobustLoss:
    case MetricKind::kRobustLoss:
      return static_cast<double>(total);
    default:
      return static_cast<double>(sum[0] / count[0] - sum[1] / count[1]);
  }
}

}  // namespace recant::test

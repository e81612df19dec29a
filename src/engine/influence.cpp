// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/influence.hpp"

#include <algorithm>
#include <cmath>

#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant {

std::pair<Vector, InfluenceReport> influence(const FittedModel& fitted, const Dataset& validation,
                                             std::string_view metric) {
  const std::vector<Metric> metrics =
      resolve_metric(metric, validation, fitted.model, fitted.settings);
  const std::vector<double> values =
      metric_values(metrics, validation, fitted.model, fitted.settings);
  const auto largest =
      std::max_element(values.begin(), values.end(),
                       [](double a, double b) { return std::abs(a) < std::abs(b); }) -
      values.begin();
  const Metric& headline = metrics[static_cast<std::size_t>(largest)];

  Stopwatch watch;
  InfluenceReport report{.metric = std::string(metric),
                         .metric_value = values[static_cast<std::size_t>(largest)],
                         .candidates = std::ssize(metrics)};
  if (headline.is_gap()) {
    report.group = validation.sensitive[static_cast<std::size_t>(headline.column)]
                       .groups[static_cast<std::size_t>(headline.group)];
    report.negative_targets = headline.kind == MetricKind::kEqualOpportunityNegative;
  }
  const Objective objective = fitted.objective();
  const auto hessian = factor_hessian(objective, fitted.model.theta, fitted.rows.weights);
  if (!hessian) {
    throw DataError("the Hessian has no factor: some row weights are negative", "model");
  }
  report.curvature_seconds = watch.lap();
  Vector values_by_row =
      influences(objective, fitted.model.theta, *hessian,
                 metric_gradients({headline}, validation, fitted.model, fitted.settings))
          .col(0);
  report.influence_seconds = watch.lap();
  for (Index row = 0; row < fitted.rows.rows(); ++row) {
    if (is_erased(fitted.rows.ids, row)) values_by_row(row) = 0;  // there is no such row
  }
  report.summary = summarize(values_by_row);
  return {std::move(values_by_row), std::move(report)};
}

}  // namespace recant

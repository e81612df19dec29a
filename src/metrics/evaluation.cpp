// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/evaluation.hpp"

#include <algorithm>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "terms.hpp"

namespace recant {
namespace {

/// Everything about the rows that the gaps of several columns share.
struct Rows {
  const Dataset& data;
  const LinearModel& model;
  const MetricSettings& settings;
  Matrix scores;
  Vector p;
  std::vector<bool> positive, selected, correct;  // empty for squared loss
};

Rows read_rows(const Dataset& data, const LinearModel& model, const MetricSettings& settings) {
  Rows rows{data, model, settings, scores(model, data.features), {}, {}, {}, {}};
  rows.p = positive_probability(rows.scores, model, settings);
  if (model.loss.kind() == LossKind::kSquared) return rows;
  rows.positive = positive_rows(data, model, settings);
  rows.selected = selected_rows(rows.scores, model, settings);
  for (Index i = 0; i < data.rows(); ++i) {
    Index best = rows.selected[static_cast<std::size_t>(i)] ? 1 : 0;
    if (model.loss.kind() == LossKind::kSoftmax) rows.scores.row(i).maxCoeff(&best);
    rows.correct.push_back(static_cast<double>(best) == data.targets(i));
  }
  return rows;
}

std::optional<double> share(double part, double whole) {
  return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

std::vector<GroupEvaluation> evaluate_groups(const Rows& rows, const SensitiveColumn& column) {
  std::vector<GroupEvaluation> groups;
  for (std::int32_t g = 0; g < static_cast<std::int32_t>(column.groups.size()); ++g) {
    double count = 0, positives = 0, selected = 0, correct = 0, score = 0;
    for (std::size_t i = 0; i < column.codes.size(); ++i) {
      if (column.codes[i] != g) continue;
      count += 1;
      score += rows.p(static_cast<Index>(i));
      if (rows.positive.empty()) continue;
      positives += rows.positive[i];
      selected += rows.selected[i];
      correct += rows.correct[i];
    }
    GroupEvaluation group{.name = column.groups[static_cast<std::size_t>(g)],
                          .rows = static_cast<Index>(count),
                          .positives = static_cast<Index>(positives),
                          .positive_rate = {},
                          .selection_rate = {},
                          .mean_score = share(score, count),
                          .accuracy = {}};
    if (!rows.positive.empty()) {
      group.positive_rate = share(positives, count);
      group.selection_rate = share(selected, count);
      group.accuracy = share(correct, count);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// The value of largest size, empty where any is NaN (a side without rows).
struct Headline {
  std::optional<double> value;
  std::int32_t group = 0;
};
Headline headline(const std::vector<std::pair<std::int32_t, double>>& values) {
  Headline best;
  for (const auto& [group, value] : values) {
    if (std::isnan(value)) continue;
    if (!best.value || std::abs(value) > std::abs(*best.value)) best = {value, group};
  }
  return best;
}

GapEvaluation evaluate_gaps(const Rows& rows, Index column) {
  const auto& sensitive = rows.data.sensitive[static_cast<std::size_t>(column)];
  GapEvaluation gaps{.column = sensitive.name,
                     .privileged = {},
                     .demographic_parity = {},
                     .equal_opportunity = {},
                     .equal_opportunity_loss = {},
                     .equalized_odds = {},
                     .demographic_parity_hard = {},
                     .equal_opportunity_hard = {},
                     .equalized_odds_hard = {},
                     .groups = evaluate_groups(rows, sensitive)};
  const std::vector<std::int32_t> compared = compared_groups(rows.data, column, rows.settings);
  if (compared.empty()) return gaps;

  const auto worst = [&](std::initializer_list<MetricKind> kinds, bool hard) {
    std::vector<std::pair<std::int32_t, double>> values;
    for (const std::int32_t group : compared) {
      for (const MetricKind kind : kinds) {
        const Terms terms = metric_terms({kind, "", column, group, hard}, rows.data, rows.model,
                                         rows.scores, rows.settings, nullptr);
        values.emplace_back(group, metric_value(terms));
      }
    }
    return headline(values);
  };
  const Headline parity = worst({MetricKind::kDemographicParity}, false);
  gaps.demographic_parity = parity.value;
  gaps.privileged =
      sensitive.groups[static_cast<std::size_t>(parity.value ? parity.group : compared.front())];
  if (rows.positive.empty()) return gaps;
  gaps.equal_opportunity = worst({MetricKind::kEqualOpportunity}, false).value;
  gaps.equal_opportunity_loss = worst({MetricKind::kEqualOpportunityLoss}, false).value;
  gaps.equalized_odds =
      worst({MetricKind::kEqualOpportunity, MetricKind::kEqualOpportunityNegative}, false).value;
  gaps.demographic_parity_hard = worst({MetricKind::kDemographicParity}, true).value;
  gaps.equal_opportunity_hard = worst({MetricKind::kEqualOpportunity}, true).value;
  gaps.equalized_odds_hard =
      worst({MetricKind::kEqualOpportunity, MetricKind::kEqualOpportunityNegative}, true).value;
  return gaps;
}

/// Share of rows no attack of length `radius` moves across the boundary.
std::optional<double> margin_robust_accuracy(const Rows& rows) {
  const double reach = rows.settings.radius * rows.model.theta.head(rows.model.features).norm();
  double safe = 0;
  for (Index i = 0; i < rows.data.rows(); ++i) {
    safe += (rows.data.targets(i) > 0.5 ? 1 : -1) * rows.scores(i, 0) > reach ? 1 : 0;
  }
  return share(safe, static_cast<double>(rows.data.rows()));
}

}  // namespace

Evaluation evaluate(const Dataset& data, const LinearModel& model, const MetricSettings& settings,
                    const LinearModel* attack) {
  validate(settings);
  if (data.rows() == 0) throw DataError("there is no row to measure on");
  const Rows rows = read_rows(data, model, settings);
  const auto value = [&](MetricKind kind) {
    return metric_value(metric_terms({kind, "", 0, 0}, data, model, rows.scores, settings, attack));
  };
  Evaluation result;
  result.rows = data.rows();
  result.log_loss_sum = value(MetricKind::kUtility);
  result.log_loss_mean = result.log_loss_sum / static_cast<double>(data.rows());
  if (!rows.correct.empty()) {
    result.accuracy =
        share(static_cast<double>(std::count(rows.correct.begin(), rows.correct.end(), true)),
              static_cast<double>(data.rows()));
  }
  if (model.loss.kind() == LossKind::kLogistic &&
      model.theta.head(model.features).squaredNorm() > 0) {
    result.transferred_robust_loss = value(MetricKind::kTransferredRobustLoss);
    result.robust_loss = value(MetricKind::kRobustLoss);
    result.margin_robust_accuracy = margin_robust_accuracy(rows);
  }
  for (Index c = 0; c < static_cast<Index>(data.sensitive.size()); ++c) {
    result.gaps.push_back(evaluate_gaps(rows, c));
  }
  return result;
}

}  // namespace recant

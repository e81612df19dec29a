// SPDX-License-Identifier: Apache-2.0
#include "terms.hpp"

#include <limits>

#include "recant/core/error.hpp"

namespace recant {
namespace {

Vector losses(const Matrix& scores, const Dataset& data, const LinearModel& model) {
  Vector values(scores.rows());
  Matrix residuals(scores.rows(), scores.cols());
  model.loss.evaluate(scores, data.targets, values, residuals);
  return values;
}

/// Side of each row: a against the rest, among the rows with the wanted label if one is wanted.
std::vector<signed char> sides(const Metric& metric, const Dataset& data,
                               const std::vector<bool>* label, bool wanted) {
  const auto& codes = data.sensitive.at(static_cast<std::size_t>(metric.column)).codes;
  std::vector<signed char> side(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (label != nullptr && (*label)[i] != wanted) continue;
    side[i] = codes[i] == metric.group ? 1 : -1;
  }
  return side;
}

}  // namespace

std::vector<bool> positive_rows(const Dataset& data, const LinearModel& model,
                                const MetricSettings& settings) {
  if (model.loss.kind() == LossKind::kSquared) {
    throw UsageError("this metric needs classes, but the squared loss has a numeric target",
                     "metric");
  }
  const double wanted =
      model.loss.kind() == LossKind::kSoftmax ? static_cast<double>(settings.positive_class) : 1;
  std::vector<bool> positive(static_cast<std::size_t>(data.rows()));
  for (Index i = 0; i < data.rows(); ++i)
    positive[static_cast<std::size_t>(i)] = data.targets(i) == wanted;
  return positive;
}

std::vector<bool> selected_rows(const Matrix& scores, const LinearModel& model,
                                const MetricSettings& settings) {
  const Vector p = positive_probability(scores, model, settings);
  // At the usual threshold by the score, so that p = 0.5 to rounding keeps its side.
  const bool by_score = model.loss.kind() == LossKind::kLogistic && settings.threshold == 0.5;
  std::vector<bool> selected(static_cast<std::size_t>(scores.rows()));
  for (Index i = 0; i < scores.rows(); ++i) {
    selected[static_cast<std::size_t>(i)] = by_score ? scores(i, 0) > 0 : p(i) > settings.threshold;
  }
  return selected;
}

Vector positive_probability(const Matrix& scores, const LinearModel& model,
                            const MetricSettings& settings) {
  Matrix p(scores.rows(), scores.cols());
  model.loss.probabilities(scores, p);
  return p.col(model.loss.kind() == LossKind::kSoftmax ? settings.positive_class : 0);
}

Terms metric_terms(const Metric& metric, const Dataset& data, const LinearModel& model,
                   const Matrix& scores, const MetricSettings& settings,
                   const LinearModel* attack) {
  if (metric.hard) {
    Metric soft = metric;
    soft.hard = false;
    Terms terms = metric_terms(soft, data, model, scores, settings, attack);
    const auto selected = selected_rows(scores, model, settings);
    for (Index i = 0; i < terms.h.size(); ++i) terms.h(i) = selected[static_cast<std::size_t>(i)];
    return terms;
  }
  const auto robust = [&](const LinearModel* fixed) {
    const Attack moved =
        fixed == nullptr
            ? make_attack(model, scores, data, settings)
            : make_attack(*fixed, recant::scores(*fixed, data.features), data, settings);
    return losses(moved.moved_scores(scores, model), data, model);
  };
  switch (metric.kind) {
    case MetricKind::kUtility:
      return {losses(scores, data, model), {}};
    case MetricKind::kDemographicParity:
      return {positive_probability(scores, model, settings), sides(metric, data, nullptr, true)};
    case MetricKind::kEqualOpportunity:
    case MetricKind::kEqualOpportunityNegative: {
      const auto positive = positive_rows(data, model, settings);
      return {positive_probability(scores, model, settings),
              sides(metric, data, &positive, metric.kind == MetricKind::kEqualOpportunity)};
    }
    case MetricKind::kEqualOpportunityLoss: {
      const auto positive = positive_rows(data, model, settings);
      return {-losses(scores, data, model), sides(metric, data, &positive, true)};
    }
    case MetricKind::kTransferredRobustLoss:
      return {robust(attack), {}};
    case MetricKind::kRobustLoss:
      return {robust(nullptr), {}};
  }
  throw InternalError("unknown metric");
}

Matrix Attack::moved_scores(const Matrix& scores, const LinearModel& model) const {
  return scores + shift * w.dot(model.theta.head(model.features));
}

Attack make_attack(const LinearModel& attacked, const Matrix& t, const Dataset& data,
                   const MetricSettings& settings) {
  if (attacked.loss.kind() != LossKind::kLogistic) {
    throw UsageError("robust losses need the logistic loss", "metric");
  }
  Attack attack{attacked.theta.head(attacked.features), {}};
  const double size = attack.w.squaredNorm();
  if (!(size > 0))
    throw DataError("a robust metric has no meaning for a model whose weights are all 0");
  attack.shift = -kAttack / size * t.col(0);
  if (settings.attack_correct_only) {
    for (Index i = 0; i < data.rows(); ++i) {
      const bool right = (data.targets(i) > 0.5 ? t(i, 0) : -t(i, 0)) > 0;
      if (!right) attack.shift(i) = 0;
    }
  }
  return attack;
}

double metric_value(const Terms& terms, const std::vector<std::int32_t>& times) {
  double sum[2] = {0, 0}, count[2] = {0, 0};  // side 1 (or the sum), side -1
  for (Index i = 0; i < terms.h.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double n = times.empty() ? 1 : times[k];
    const int side = terms.side.empty() ? 1 : terms.side[k];
    if (side == 0 || n == 0) continue;
    sum[side < 0] += n * terms.h(i);
    count[side < 0] += n;
  }
  if (terms.side.empty()) return sum[0];
  if (count[0] == 0 || count[1] == 0) return std::numeric_limits<double>::quiet_NaN();
  return sum[0] / count[0] - sum[1] / count[1];
}

}  // namespace recant

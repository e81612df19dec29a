// SPDX-License-Identifier: Apache-2.0
#include "terms.hpp"

#include <algorithm>
#include <limits>

#include "attack_kernels.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

Vector losses(const Matrix& scores, const Dataset& data, const LinearModel& model) {
  Vector values(scores.rows());
  for_each_block(scores.rows(), [&](RowBlock block) {
    Matrix residuals(block.size(), scores.cols());
    model.loss.evaluate(scores.middleRows(block.begin, block.size()),
                        data.targets.segment(block.begin, block.size()),
                        values.segment(block.begin, block.size()), residuals);
  });
  return values;
}

}  // namespace

double positive_target(const LinearModel& model, const MetricSettings& settings) {
  if (model.loss.kind() == LossKind::kSquared) {
    throw UsageError("this metric needs classes, but the squared loss has a numeric target",
                     "metric");
  }
  return model.loss.kind() == LossKind::kSoftmax ? static_cast<double>(settings.positive_class) : 1;
}

std::vector<bool> positive_rows(const Dataset& data, const LinearModel& model,
                                const MetricSettings& settings) {
  const double wanted = positive_target(model, settings);
  std::vector<bool> positive(static_cast<std::size_t>(data.rows()));
  for (Index i = 0; i < data.rows(); ++i)
    positive[static_cast<std::size_t>(i)] = data.targets(i) == wanted;
  return positive;
}

simd::Sides gap_sides(const Metric& metric, const Dataset& data, const LinearModel& model,
                      const MetricSettings& settings) {
  const auto& column = data.sensitive.at(static_cast<std::size_t>(metric.column));
  simd::Sides sides{
      .codes = column.codes.data(), .targets = data.targets.data(), .group = metric.group};
  if (metric.kind != MetricKind::kDemographicParity) {
    sides.label = positive_target(model, settings);
    sides.labels = metric.kind == MetricKind::kEqualOpportunityNegative ? 0b01 : 0b10;
  }
  return sides;
}

std::vector<signed char> metric_sides(const Metric& metric, const Dataset& data,
                                      const LinearModel& model, const MetricSettings& settings) {
  if (!metric.is_gap()) return {};
  const simd::Sides sides = gap_sides(metric, data, model, settings);
  const int labelled = sides.labels >> 1 & 1, others = sides.labels & 1;
  std::vector<signed char> side(static_cast<std::size_t>(data.rows()));
  for (std::size_t i = 0; i < side.size(); ++i) {
    const int of_group = 2 * (sides.codes[i] == sides.group ? 1 : 0) - 1;
    side[i] =
        static_cast<signed char>(of_group * (sides.targets[i] == sides.label ? labelled : others));
  }
  return side;
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
  const Index column = model.loss.kind() == LossKind::kSoftmax ? settings.positive_class : 0;
  Vector p(scores.rows());
  for_each_block(scores.rows(), [&](RowBlock block) {
    Matrix part(block.size(), scores.cols());
    model.loss.probabilities(scores.middleRows(block.begin, block.size()), part);
    p.segment(block.begin, block.size()) = part.col(column);
  });
  return p;
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
  auto side = metric_sides(metric, data, model, settings);
  const auto robust = [&](const LinearModel& attacked) {
    const Attack moved(attacked, settings);
    const bool own = &attacked == &model;
    const Vector t = own ? Vector(scores.col(0)) : Vector(recant::scores(attacked, data.features));
    Vector shift(t.size());
    moved.shifts(t, data.targets, shift);
    return losses(scores + shift * moved.reach(model), data, model);
  };
  switch (metric.kind) {
    case MetricKind::kUtility:
      return {losses(scores, data, model), {}};
    case MetricKind::kDemographicParity:
    case MetricKind::kEqualOpportunity:
    case MetricKind::kEqualOpportunityNegative:
      return {positive_probability(scores, model, settings), std::move(side)};
    case MetricKind::kEqualOpportunityLoss:
      return {-losses(scores, data, model), std::move(side)};
    case MetricKind::kTransferredRobustLoss:
      return {robust(attack != nullptr ? *attack : model), {}};
    case MetricKind::kRobustLoss:
      return {robust(model), {}};
  }
  throw InternalError("unknown metric");
}

Attack::Attack(const LinearModel& attacked, const MetricSettings& settings)
    : correct_only_(settings.attack_correct_only) {
  if (attacked.loss.kind() != LossKind::kLogistic) {
    throw UsageError("robust losses need the logistic loss", "metric");
  }
  w_ = attacked.theta.head(attacked.features);
  const double size = w_.squaredNorm();
  if (!(size > 0))
    throw DataError("a robust metric has no meaning for a model whose weights are all 0");
  factor_ = -kAttack / size;
}

void Attack::shifts(ConstVectorRef scores, ConstVectorRef targets, VectorRef shift) const {
  simd::attack_shifts(static_cast<std::size_t>(shift.size()), scores.data(),
                      correct_only_ ? targets.data() : nullptr, factor_, shift.data());
}

double metric_value(const Terms& terms) {
  if (terms.side.empty()) return terms.h.sum();
  // Side -1, rows that do not count, side 1.
  double sums[3] = {0, 0, 0}, counts[3] = {0, 0, 0};
  for (std::size_t row = 0; row < terms.side.size(); ++row) {
    const auto at = static_cast<std::size_t>(terms.side[row] + 1);
    sums[at] += terms.h(static_cast<Index>(row));
    counts[at] += 1;
  }
  if (counts[2] == 0 || counts[0] == 0) return std::numeric_limits<double>::quiet_NaN();
  return sums[2] / counts[2] - sums[0] / counts[0];
}

}  // namespace recant

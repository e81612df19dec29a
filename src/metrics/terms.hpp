// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "recant/metrics/metric.hpp"

namespace recant {

/// How far the attack of the robust losses goes past the boundary (docs/mathematics.md section 3).
inline constexpr double kAttack = 1.3;

/// A metric as a sum or a difference of two means over rows of h(t):
///   sum:   sum_i h_i        gap:   mean_{side = 1} h - mean_{side = -1} h
struct Terms {
  Vector h;                       ///< n values
  std::vector<signed char> side;  ///< empty for a sum
};

/// True where the target of the row is the positive class. @throws UsageError for squared loss.
[[nodiscard]] std::vector<bool> positive_rows(const Dataset& data, const LinearModel& model,
                                              const MetricSettings& settings);

/// The groups of a sensitive column whose gap to the rest is reported: the privileged one, the
/// one with the highest positive rate of two, or each of three and more. Empty with one group.
[[nodiscard]] std::vector<std::int32_t> compared_groups(const Dataset& data, Index column,
                                                        const MetricSettings& settings);

/// p of every row: the positive class's probability, or the prediction of squared loss.
[[nodiscard]] Vector positive_probability(const Matrix& scores, const LinearModel& model,
                                          const MetricSettings& settings);

/// Hard labels: p above the threshold. Not for squared loss.
[[nodiscard]] std::vector<bool> selected_rows(const Matrix& scores, const LinearModel& model,
                                              const MetricSettings& settings);

/// The terms of one metric from the scores of the model, and of the attacked one if another.
[[nodiscard]] Terms metric_terms(const Metric& metric, const Dataset& data,
                                 const LinearModel& model, const Matrix& scores,
                                 const MetricSettings& settings, const LinearModel* attack);

/// The attack of the robust losses: row i moves by shift_i w, w the attacked model's weights
/// without its intercept: shift_i = -kAttack t_i / |w|^2, or 0 for a row that is left alone.
struct Attack {
  Vector w;
  Vector shift;  ///< n
  /// Scores of the moved rows at a model whose scores of the unmoved rows are `scores`.
  [[nodiscard]] Matrix moved_scores(const Matrix& scores, const LinearModel& model) const;
};
/// `scores` are those of the attacked model.
/// @throws UsageError unless the loss is logistic; DataError for w = 0.
[[nodiscard]] Attack make_attack(const LinearModel& attacked, const Matrix& scores,
                                 const Dataset& data, const MetricSettings& settings);

/// The metric's value, NaN for a gap with an empty side; rows counted `times` over (all once when
/// empty).
[[nodiscard]] double metric_value(const Terms& terms, const std::vector<std::int32_t>& times = {});

}  // namespace recant

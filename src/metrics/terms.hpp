// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "recant/metrics/metric.hpp"
#include "side_kernels.hpp"

namespace recant {

/// How far the attack of the robust losses goes past the boundary (docs/mathematics.md section 3).
inline constexpr double kAttack = 1.3;

/// A metric as a sum or a difference of two means over rows of h(t):
///   sum:   sum_i h_i        gap:   mean_{side = 1} h - mean_{side = -1} h
struct Terms {
  Vector h;                       ///< n values
  std::vector<signed char> side;  ///< empty for a sum
};

/// The target of a row of the positive class. @throws UsageError for squared loss.
[[nodiscard]] double positive_target(const LinearModel& model, const MetricSettings& settings);

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

/// The rows that a gap compares. @throws UsageError for a gap of labels and squared loss.
[[nodiscard]] simd::Sides gap_sides(const Metric& metric, const Dataset& data,
                                    const LinearModel& model, const MetricSettings& settings);

/// Side of each row: 1 in the metric's group, -1 in every other, 0 without the label that the
/// metric looks at. Empty for a sum. @throws UsageError for a gap of labels and squared loss.
[[nodiscard]] std::vector<signed char> metric_sides(const Metric& metric, const Dataset& data,
                                                    const LinearModel& model,
                                                    const MetricSettings& settings);

/// The terms of one metric from the scores of the model, and of the attacked one if another.
[[nodiscard]] Terms metric_terms(const Metric& metric, const Dataset& data,
                                 const LinearModel& model, const Matrix& scores,
                                 const MetricSettings& settings, const LinearModel* attack);

/// The attack of the robust losses: row i moves by shift_i w, w the attacked model's weights
/// without its intercept: shift_i = -kAttack t_i / |w|^2, or 0 for a row that is left alone.
class Attack {
 public:
  /// @throws UsageError unless the loss is logistic; DataError for w = 0.
  Attack(const LinearModel& attacked, const MetricSettings& settings);

  [[nodiscard]] const Vector& w() const noexcept { return w_; }
  /// shift_i from the rows' scores t at the attacked model.
  void shifts(ConstVectorRef scores, ConstVectorRef targets, VectorRef shift) const;
  /// How a unit of shift moves a score of the model: w^T w of it.
  [[nodiscard]] double reach(const LinearModel& model) const {
    return w_.dot(model.theta.head(model.features));
  }

 private:
  Vector w_;
  double factor_;
  bool correct_only_;
};

/// The metric's value, NaN for a gap with an empty side.
[[nodiscard]] double metric_value(const Terms& terms);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/weighting/reweighting.hpp"

/// Deleting whole rows, those first that are predicted to reduce a metric's size most.
/// docs/mathematics.md section 4.1.
namespace recant {

/// How many rows to delete. Exactly one must be set.
struct HardOptions {
  std::optional<std::int64_t> count;      ///< this many rows, 1 .. rows that have weight
  std::optional<double> share;            ///< floor(share * n) rows, at least 1; 0 < share <= 1
  std::optional<double> predicted_total;  ///< while the predicted reduction stays within this
                                          ///< share of |value|; > 0, 1 is the whole gap

  static constexpr auto fields() {
    return std::tuple{
        Field{"count", &HardOptions::count, "delete this many rows"},
        Field{"share", &HardOptions::share, "delete this share of all rows"},
        Field{"predicted_total", &HardOptions::predicted_total,
              "delete while the predicted reduction stays within this share of the metric",
              Accept::kPositive}};
  }
};

/// Why no further row was deleted.
enum class HardStop {
  kCount,     ///< as many rows as asked for
  kNoRows,    ///< every row that has weight is deleted already
  kReached,   ///< one more row would overshoot the predicted total
  kNoGain,    ///< no further row is predicted to reduce the metric
  kNoMetric,  ///< the metric is 0: nothing to reduce
};
/// "count", "no_rows", "reached", "no_gain", "no_metric".
[[nodiscard]] std::string_view name(HardStop stop) noexcept;

struct HardWeights {
  Reweighting change;              ///< -w_j on the rows chosen, else 0
  std::vector<Index> rows;         ///< in the order of deletion
  double predicted_reduction = 0;  ///< of |value|: sum of the scores
  double predicted_value = 0;      ///< of the metric afterwards
  HardStop stop = HardStop::kCount;
};

/// Chooses rows in the order of predicted reduction,
///
///   score_j = -sign(value) w_j I_m(j)   descending, equal scores by row number.
///
/// Shapes: influence (I_m) and weights (w) are n.
/// Assumes: first order: the prediction is good for few rows and can be far off for many. Rows
/// without weight are never chosen. With `count` or `share` rows with a negative score are chosen
/// too when the others are used up; with `predicted_total` never.
/// Errs: `predicted_total` never overshoots its own prediction.
/// Fails: never; `stop` says why it ended.
/// Cost: one pass and a selection; with k rows chosen O(n + k log k).
/// @throws UsageError for sizes that differ, numbers that are not finite, options out of range.
[[nodiscard]] HardWeights hard_weights(ConstVectorRef influence, double value,
                                       ConstVectorRef weights, const HardOptions& options);

/// Deletes exactly these rows, delta_j = -w_j.
/// @throws UsageError for a row that is out of range, listed twice or without weight.
[[nodiscard]] Reweighting delete_rows(std::span<const Index> rows, ConstVectorRef weights);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/data/dataset.hpp"

/// KNN-Shapley: what each training row is worth to a nearest-neighbour model, exactly.
/// docs/mathematics.md section 7.3.
namespace recant {

/// Who is nearer of two training rows at the same distance.
enum class TieRule {
  kRowNumber,  ///< the one that comes first
  kShared,     ///< either, with equal chances: rows that are the same get the same value
};
/// "row_number", "shared".
[[nodiscard]] std::string_view name(TieRule rule) noexcept;
/// @throws UsageError naming the two.
[[nodiscard]] TieRule tie_rule(std::string_view name);

struct KnnShapleyOptions {
  int neighbors = 5;                   ///< K
  std::optional<double> truncate;      ///< classification: the largest error a value may have
  TieRule ties = TieRule::kRowNumber;  ///< kShared: classification, not truncated
  std::optional<double> baseline;      ///< regression: unset is the mean training target

  static constexpr auto fields() {
    using O = KnnShapleyOptions;
    return std::tuple{
        Field{"neighbors", &O::neighbors, "K, the nearest rows that vote", Accept::kPositive},
        Field{"truncate", &O::truncate,
              "classification: values that are off by at most this, for less work",
              Accept::kPositive},
        Field{"baseline", &O::baseline,
              "regression: what a missing neighbour predicts (default: the mean training target)",
              Accept::kFinite}};
  }
};

struct KnnShapleyResult {
  Vector values;             ///< n, in training row order; 0 for rows of weight 0
  double utility = 0;        ///< v(all rows)
  double empty_utility = 0;  ///< v(no rows)
  /// What the values add up to, to rounding; if truncated, to error_bound a row.
  [[nodiscard]] double total() const noexcept { return utility - empty_utility; }
  double error_bound = 0;          ///< no value is further from the exact one; 0 unless truncated
  Index rows_valued = 0;           ///< rows whose weight is not 0
  bool weights_ignored = false;    ///< some of their weights differ, which no neighbour looks at
  std::optional<double> baseline;  ///< regression: as used
};

/// Shapley values of the training rows for the soft vote of the K nearest,
///
///   v(S) = mean over validation rows of (1/K) sum of [y_i = y] over the min(K, |S|) nearest i in S
///
/// and v(none) = 0, by the exact recursion over ranks; any number of classes. Nearest is by the
/// Euclidean distance of the features as they are (CSV: as encoded). Distances are compared
/// exactly as sum_j (x_j - v_j)^2 comes out when summed in a fixed order, so that rows with the
/// same features are at the same distance wherever they stand; ties are decided by options.ties.
/// Rows of weight 0 take no part; other weights are not looked at.
/// Shapes: features n x d and V x d; targets are class numbers.
/// Errs: to rounding. With `truncate`, ranks beyond K* = max(K, ceil(1/truncate)) get 0 and no
/// value is off by more than error_bound = 1/(K* + 1), either side.
/// Cost: n V d multiply-adds and n V sorted; memory O(n) a thread and 32 to 128 MB at once.
/// The same bytes for any number of threads.
/// Source: [Jia2019] theorems 1 and 2.
/// @throws UsageError for options out of range, K above the rows that count, widths that differ,
/// negative weights; DataError for no validation row, a class that only one side has, features
/// that are not finite, or whose squared distance from the mean training row is above 2.2e307.
[[nodiscard]] KnnShapleyResult knn_shapley(const Dataset& training, const Dataset& validation,
                                           const KnnShapleyOptions& options = {},
                                           const ProgressCallback& progress = {});

/// The same for the squared error of their mean target,
///
///   v(S) = mean over validation rows of -( (1/K) sum_{min(K,|S|) nearest} y_i
///                                          + (1 - min(K,|S|)/K) baseline - y )^2
///
/// where neighbours that S lacks predict `baseline`, so v(none) = -mean (baseline - y)^2. With
/// baseline = 0 this is the utility of the source; with the mean training target, the default,
/// adding a number to every target changes no value.
/// Source: [Jia2019] for baseline 0; docs/mathematics.md section 7.3 derives the recursion.
/// @throws as above; UsageError for `truncate` and for shared ties; UsageError or DataError for a
/// baseline or targets that are not finite or above 1e140.
[[nodiscard]] KnnShapleyResult knn_shapley_regression(const Dataset& training,
                                                      const Dataset& validation,
                                                      const KnnShapleyOptions& options = {},
                                                      const ProgressCallback& progress = {});

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "recant/data/dataset.hpp"
#include "recant/valuation/subset_utility.hpp"

namespace recant {

/// The mean soft vote for the right label among the nearest rows:
///
///   v(S) = mean over validation of 1/K #{i among the min(K, |S|) nearest rows of S : y_i = y_val}
///
/// by Euclidean distance, equal distances by row number; v(empty) = 0; the utility of
/// KNN-Shapley. Targets are class numbers. Rows of weight 0 never vote; other weights are not
/// looked at.
/// Distances as in knn_shapley().
/// Cost: once as knn_shapley() truncated, for the near rows of each validation row, r = sqrt(n K
/// d / 8) or so many that 16 MB hold their numbers, but 4 K at least. After that a set to which
/// rows come in an order that has nothing to do with distances takes V r comparisons and measures V
/// n K / r pairs before it has K near rows for each validation row; the worst order has all
/// measured. Memory: 48 MB or 12 r V bytes, O(n), and 16 K V bytes a set.
/// @throws UsageError for K < 1 or above the rows that count, no validation row, unequal columns,
/// or weights that are negative or infinite; DataError for a class that only one side has, or
/// features as knn_shapley(). Source: [Jia2019].
[[nodiscard]] std::unique_ptr<SubsetUtility> neighbor_utility(const Dataset& train,
                                                              const Dataset& validation,
                                                              Index neighbors);

}  // namespace recant

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
/// Cost: a growing set takes n V comparisons and few insertions, whatever its final size; the table
/// of distances takes n V d multiply-adds once and 8 n V bytes.
/// @throws UsageError for K < 1 or above the rows that count, no validation row, unequal columns,
/// negative weights, or a table above 4 GB; DataError for a class that only one side has, or
/// features that are not finite. Source: [Jia2019].
[[nodiscard]] std::unique_ptr<SubsetUtility> neighbor_utility(const Dataset& train,
                                                              const Dataset& validation,
                                                              Index neighbors);

}  // namespace recant

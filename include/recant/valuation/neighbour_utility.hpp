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
/// by Euclidean distance, equal distances by row number; v(empty) = 0. A feature and a target that
/// are equal must be equal as numbers: meant for class targets.
/// Cost: a growing set takes n V comparisons and few insertions, whatever its final size; the table
/// of distances takes n V d multiply-adds once and 8 n V bytes.
/// @throws UsageError for K < 1 or > n, no validation row, unequal columns, or a table above 4 GB;
/// DataError for features that are not finite. Source: [Jia2019].
[[nodiscard]] std::unique_ptr<SubsetUtility> neighbour_utility(const Dataset& train,
                                                               const Dataset& validation,
                                                               Index neighbours);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/types.hpp"

namespace recant {

/// How well predicted changes agree with actual ones, row by row: influences times weights with
/// leave_one_out(), or the values of two methods. Nothing where one of the two is constant.
struct Agreement {
  Index count = 0;
  std::optional<double> pearson;   ///< correlation
  std::optional<double> spearman;  ///< correlation of ranks; equal values share their mean rank
  /// Of the least-squares line predicted = a + slope * actual: below 1, the prediction is too
  /// small.
  std::optional<double> slope;
  double largest_error = 0;  ///< largest |predicted - actual|
  Index worst = 0;           ///< the first row that has it
};

/// @throws UsageError for sizes that differ, no entry, or entries that are not finite.
/// Cost: O(n log n).
[[nodiscard]] Agreement agreement(ConstVectorRef predicted, ConstVectorRef actual);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// A change of row weights after the fact: row weights go from w to w + delta.
/// Deleting row j is delta_j = -w_j. docs/mathematics.md section 1.
struct Reweighting {
  Vector delta;  ///< n
};

/// What a person asks about a reweighting of rows that weigh `weights`.
struct ReweightingSummary {
  double min = 0, max = 0;               ///< of delta
  double norm2 = 0;                      ///< Euclidean norm of delta
  Index nonzero = 0;                     ///< rows whose weight changes
  double total_min = 0, total_max = 0;   ///< of w + delta
  Index negative_total_weight_rows = 0;  ///< rows with w + delta < 0: no weighted training has them
};
[[nodiscard]] ReweightingSummary summarize(const Reweighting& change, ConstVectorRef weights);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/reweighting.hpp"

#include "recant/core/check.hpp"

namespace recant {

ReweightingSummary summarize(const Reweighting& change, ConstVectorRef weights) {
  check_size("delta", change.delta.size(), weights.size());
  const Vector total = weights + change.delta;
  return {.min = change.delta.minCoeff(),
          .max = change.delta.maxCoeff(),
          .norm2 = change.delta.norm(),
          .nonzero = (change.delta.array() != 0).count(),
          .total_min = total.minCoeff(),
          .total_max = total.maxCoeff(),
          .negative_total_weight_rows = (total.array() < 0).count()};
}

}  // namespace recant

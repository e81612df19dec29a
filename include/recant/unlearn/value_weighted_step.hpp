// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/unlearn/update.hpp"
#include "recant/weighting/value_weighted.hpp"

namespace recant {

/// A Newton step by value weights, and how far they take it from the plain one.
struct ValueWeightedStep {
  /// Measured against training on weights + target, that is without the deleted rows at all:
  /// gradient_norm = |grad F(theta; weights + target)|, distance_bound by minimum_distance().
  UpdateResult update;
  double p_norm = 0;                 ///< |p|
  double p_inverse_norm = 0;         ///< sqrt(p^T H^{-1} p), what a certificate pays for
  double distance_from_uniform = 0;  ///< |H^{-1} p|: from the Newton step with p = 0
};

/// theta - H(theta; weights + target)^{-1} (grad F(theta; weights + target) + sum_j p_j
/// g_j(theta)). With p = 0 it is newton_step() to `target`, bit for bit. H is that of the target
/// weights, which are never negative, so it always has a factor unless l2 is lost in rounding.
/// Heuristic: the distance to retraining is bounded by l2 alone here.
/// Cost: one Hessian, three passes, two solves. Source: docs/mathematics.md section 4.5;
/// [He2025].
/// @throws UsageError for sizes that differ.
[[nodiscard]] ValueWeightedStep value_weighted_step(const Objective& objective,
                                                    ConstVectorRef theta, ConstVectorRef weights,
                                                    const ValueWeights& values);

}  // namespace recant

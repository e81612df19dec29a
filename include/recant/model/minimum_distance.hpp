// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/model/contrast.hpp"
#include "recant/model/deviation.hpp"
#include "recant/model/objective.hpp"

namespace recant {

/// Where distances can be bounded in doubles: what squares, products and exponentials lose that are
/// too small for one is nothing then beside what every bound is raised by (section 5.3).
/// @throws DataError unless l2 >= kLeastPenalty and every |w_i|, every |x_i|^2 of a row with weight
/// and sum_i |w_i| |x_i|^2 is at most 1e200 l2; UsageError for another number of weights.
void check_distances_hold(const Objective& objective, ConstVectorRef weights);

/// |computed - exact| of a gradient, in the two parts of section 5.3.
struct GradientRounding {
  double sums = 0;         ///< of what is added up
  double scores = 0;       ///< of scores: a combination of rows
  double scores_dual = 0;  ///< the latter in the norm of A^{-1}, A the data's Hessian at the scores
  [[nodiscard]] double total() const noexcept { return sums + scores; }
};

/// e_r of section 5.3 for the gradient that `residual` holds, in contrast coordinates.
/// `curvature_sum` is at least sum_i w_i tr phi''(t_i) |x_i|^2 between the exact and the computed
/// scores.
[[nodiscard]] GradientRounding gradient_rounding(const Objective& objective,
                                                 const Contrast& contrast, ConstVectorRef theta,
                                                 const Objective::Residual& residual,
                                                 double curvature_sum);

/// How far the minimum of F(.; weights) can be from theta, by strong convexity alone.
struct MinimumDistance {
  Vector gradient;           ///< grad F(theta; weights) as computed, C*p
  double gradient_norm = 0;  ///< its length
  GradientMeasure measured;  ///< the same, and what rounding may have taken from it
  double bound = 0;          ///< >= |theta - argmin F(.; weights)| for weights >= 0
};
/// bound = (measured.norm + measured.sum_rounding + measured.score_rounding) / l2, rounded up.
/// Certain, and loose where l2 is small beside the curvature of the data. Cost: one pass.
/// Source: docs/mathematics.md sections 2 and 5.3 (the rounding).
/// @throws DataError as check_distances_hold().
[[nodiscard]] MinimumDistance minimum_distance(const Objective& objective, ConstVectorRef theta,
                                               ConstVectorRef weights);

/// >= |theta - argmin F(.; weights)| too, by the gradient in long double: where that has 64 bits,
/// what rounding may have taken is a thousandth, and a minimum that was trained to the last double
/// is known as closely. Cost: a pass of plain loops, tens of minimum_distance(). For audits.
/// Source: docs/mathematics.md section 6. @throws DataError as check_distances_hold().
[[nodiscard]] double close_minimum_distance(const Objective& objective, ConstVectorRef theta,
                                            ConstVectorRef weights);

}  // namespace recant

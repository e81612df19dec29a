// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/unlearn/deletion.hpp"

namespace recant {

/// A base with the rows kept aside, from which each state goes on forgetting by itself.
struct NewDeletionBase {
  Contrast contrast;
  DeletionBase base;
  ExtremeRows by_leverage, by_norm;
  Vector third;  ///< T_D, where it was asked for
};

/// @throws UsageError and DataError as DeletionState's constructor.
[[nodiscard]] NewDeletionBase build_deletion_base(const Objective& objective, ConstVectorRef theta,
                                                  ConstVectorRef weights,
                                                  const DeletionOptions& options);

/// What a row and its weight add to the mark by which weights are told from others.
[[nodiscard]] std::uint64_t weight_mark(Index row, double weight) noexcept;

/// Relative error of a computed phi'' at theta: the rounding of its score, times M. Infinite where
/// that is no small number.
[[nodiscard]] double score_rounding(const Objective& objective, ConstVectorRef theta,
                                    double largest_norm);

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

}  // namespace recant

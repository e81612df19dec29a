// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/cholesky.hpp"
#include "recant/model/objective.hpp"

namespace recant {

/// The factor of H(theta; w), which every influence and every step needs.
/// @return nothing if H is not positive definite: possible only with negative weights, or when
/// l2 is lost in rounding.
[[nodiscard]] std::optional<Cholesky> factor_hessian(const Objective& objective,
                                                     ConstVectorRef theta, ConstVectorRef weights);

/// What each training row does to each of q metrics, to first order, per unit of its weight:
///
///   I_m(j) = grad m(theta)^T H^{-1} g_j(theta) ,      m(theta + step(delta)) ~ m(theta) - sum_j
///   delta_j I_m(j)
///
/// so a positive value means that more weight on row j lowers m, and deleting it raises m by
/// about w_j I_m(j).
/// Shapes: `gradients` is C*p x q, one column a metric; the result n x q, in row order.
/// Assumes: theta minimises F; the leftover gradient moves nothing here.
/// Errs: first order in delta; either side.
/// Cost: q solves and one pass over the rows for all metrics together.
/// Source: docs/mathematics.md section 3; [KohLiang2017].
[[nodiscard]] Matrix influences(const Objective& objective, ConstVectorRef theta,
                                const Cholesky& hessian, ConstMatrixRef gradients);

/// What a person asks about the influences of all rows.
struct InfluenceSummary {
  Index count = 0;
  double sum = 0, norm2 = 0, min = 0, max = 0;
  Index argmin = 0, argmax = 0;  ///< the first row that has it
};
[[nodiscard]] InfluenceSummary summarize(ConstVectorRef influence);

}  // namespace recant

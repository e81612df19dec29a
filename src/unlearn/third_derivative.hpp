// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/model/objective.hpp"

/// T = sum_i w_i phi'''_i x_i (x) x_i (x) x_i at a model, for losses of one score: a symmetric
/// tensor of P^3 entries, of which those with a <= c <= b are kept, b innermost, then c, then a.
/// Source: docs/mathematics.md section 5.3.
namespace recant {

/// P(P+1)(P+2)/6.
[[nodiscard]] Index third_derivative_size(Index p) noexcept;

/// Slice a of T is the Hessian of the data with weights w_i (phi'''_i/phi''_i) x_ia.
/// Cost: P Hessians.
[[nodiscard]] Vector third_derivative(const Objective& objective, ConstVectorRef theta,
                                      ConstVectorRef weights);

/// T += factor * x (x) x (x) x.   P^3/6 multiply-adds.
void add_cube(Eigen::Ref<Vector> packed, ConstVectorRef x, double factor);

/// T[v, v]: entry i is sum_bc T_ibc v_b v_c.   P^3/3 multiply-adds.
[[nodiscard]] Vector contract_twice(ConstVectorRef packed, ConstVectorRef v);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

/// Products of symmetric matrices, of which the lower triangle is read and written; what is above
/// it is left alone. From 1,025 columns on panel by panel, which threads share and an
/// InterruptCheck (core/interrupt.hpp) ends in between.
namespace recant {

/// A v. Off by at most gamma_p |A|_F |v|. Cost: p^2 multiply-adds. Ref: dsymv.
[[nodiscard]] Vector symmetric_times(const Matrix& a, ConstVectorRef v);

/// A += sign U U^T, U of p x k. Cost: k p^2/2 multiply-adds. By the Gram kernel; of few columns by
/// dsyrk.
void add_outer_products(Matrix& a, ConstMatrixRef u, double sign = 1);

/// U^T U, k x k, its lower triangle. Cost: p k^2/2 multiply-adds. Ref: dsyrk.
[[nodiscard]] Matrix inner_products(ConstMatrixRef u);

}  // namespace recant

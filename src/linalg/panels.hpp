// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

/// Work on matrices, panel by panel of their columns. Of those wider than kWide threads share it,
/// and an InterruptCheck (core/interrupt.hpp) ends it between two panels; others are done in some
/// milliseconds. Results depend on the sizes alone.
namespace recant {

inline constexpr Index kWide = 1024;

/// A becomes L below its diagonal and on it, A = L L^T; what is above it stays. Panels of few
/// columns by LAPACK; what they take from the columns right of them, nearly all of the work, by the
/// Gram kernel.
/// @return false if A is not positive definite to working precision.
[[nodiscard]] bool factor_in_panels(Matrix& a);

/// The first `count` columns of X become L^{-1} X.
void half_solve_in_panels(const Matrix& lower, Matrix& x, Index count);

/// The lower triangle of A += sign U U^T.
void add_outer_products_in_panels(Matrix& a, ConstMatrixRef u, double sign);

/// The lower triangle of U^T U.
void inner_products_in_panels(ConstMatrixRef u, Matrix& products);

struct Tridiagonal {
  Vector diagonal, beside;  ///< p, and p whose last entry means nothing
};

/// Q^T A Q, by Householder reflections; A, of which the lower triangle is read, is used up.
/// Ref: LAPACK dsytrd.
[[nodiscard]] Tridiagonal tridiagonal_in_panels(Matrix& a);

}  // namespace recant

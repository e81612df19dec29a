// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

/// Work on wide matrices, panel by panel of their columns: threads share it, and an InterruptCheck
/// (core/interrupt.hpp) ends it between two panels. What is at most kWide wide is left to one call
/// of BLAS or LAPACK, which is over in some milliseconds. Results depend on the sizes alone.
namespace recant {

inline constexpr Index kWide = 1024;

/// A becomes L below its diagonal and on it, A = L L^T; what is above it stays.
/// @return false if A is not positive definite to working precision.
[[nodiscard]] bool factor_in_panels(Matrix& a);

/// X becomes L^{-1} X.
void half_solve_in_panels(const Matrix& lower, Matrix& x);

struct Tridiagonal {
  Vector diagonal, beside;  ///< p, and p whose last entry means nothing
};

/// Q^T A Q, by Householder reflections; A, of which the lower triangle is read, is used up.
/// Ref: LAPACK dsytrd.
[[nodiscard]] Tridiagonal tridiagonal_in_panels(Matrix& a);

}  // namespace recant

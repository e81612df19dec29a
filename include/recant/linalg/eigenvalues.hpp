// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// All eigenvalues of a symmetric matrix, with how far each may be off.
struct Eigenvalues {
  Vector values;                  ///< as computed, ascending
  double least = 0, largest = 0;  ///< the first and the last of them; 0 where there is none
  /// 4 p u |A|_F: what Householder's reflections and the iteration after them may be off by, with
  /// room to spare, u = 2^-53.
  double error = 0;
  [[nodiscard]] double lower() const noexcept { return least - error; }  ///< never above the least
  /// Never below the largest.
  [[nodiscard]] double upper() const noexcept { return largest + error; }
};

/// All eigenvalues of A (p x p, its lower triangle is read) are found, so that neither end can be
/// missed, as an iteration on vectors could.
/// @throws DataError for an entry that is not finite.
/// Cost: 4/3 p^3 multiply-adds. Ref: LAPACK dsyevd. Source: docs/mathematics.md section 5.3.
[[nodiscard]] Eigenvalues eigenvalues(Matrix a);

/// At least the largest eigenvalue of a matrix that has none below 0, and as a rule within a tenth
/// of it. An iteration on vectors guesses, and that t I - A has a factor proves it.
/// @throws as eigenvalues(). Cost: p^3/6 multiply-adds; where the guess is bad eigenvalues().
[[nodiscard]] double largest_eigenvalue_bound(const Matrix& a);

}  // namespace recant

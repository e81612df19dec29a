// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/types.hpp"

namespace recant {

/// The factor L of a symmetric positive definite matrix, A = L L^T. An InterruptCheck
/// (core/interrupt.hpp) ends what takes long, also where a matrix has thousands of columns.
class Cholesky {
 public:
  /// Factors A (p x p, only its lower triangle is read).
  /// @return nothing if A is not positive definite to working precision.
  /// Cost: p^3/6 multiply-adds, nearly all of them in the Gram kernel.
  [[nodiscard]] static std::optional<Cholesky> factor(Matrix a);

  /// The factor whose lower triangle is L, as lower() of an earlier one gave it.
  [[nodiscard]] static Cholesky from_lower(Matrix lower) { return Cholesky(std::move(lower)); }
  /// L; what is above its diagonal means nothing.
  [[nodiscard]] const Matrix& lower() const noexcept { return lower_; }

  /// A^{-1} b. Cost: p^2 multiply-adds a column.
  [[nodiscard]] Vector solve(ConstVectorRef b) const;
  [[nodiscard]] Matrix solve_columns(ConstMatrixRef b) const;

  /// L^{-1} B: its columns v, w have v^T w = b^T A^{-1} c. Cost: p^2/2 multiply-adds a column.
  [[nodiscard]] Matrix half_solve(ConstMatrixRef b) const;

  /// L^{-T} b: after half_solve() it makes solve(). Cost: p^2/2 multiply-adds.
  [[nodiscard]] Vector other_half_solve(Vector b) const;

  /// log det A.
  [[nodiscard]] double log_determinant() const;

  [[nodiscard]] Index size() const noexcept { return lower_.rows(); }

 private:
  explicit Cholesky(Matrix lower) : lower_(std::move(lower)) {}
  Matrix lower_;  // its upper triangle holds what A held there
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/types.hpp"

namespace recant {

/// The factor L of a symmetric positive definite matrix, A = L L^T.
class Cholesky {
 public:
  /// Factors A (p x p, only its lower triangle is read).
  /// @return nothing if A is not positive definite to working precision.
  /// Cost: p^3/3 multiply-adds. Ref: LAPACK dpotrf.
  [[nodiscard]] static std::optional<Cholesky> factor(Matrix a);

  /// A^{-1} b. Cost: 2 p^2 multiply-adds a column.
  [[nodiscard]] Vector solve(ConstVectorRef b) const;
  [[nodiscard]] Matrix solve_columns(ConstMatrixRef b) const;

  /// log det A.
  [[nodiscard]] double log_determinant() const;

  [[nodiscard]] Index size() const noexcept { return lower_.rows(); }

 private:
  explicit Cholesky(Matrix lower) : lower_(std::move(lower)) {}
  Matrix lower_;  // its upper triangle holds what A held there
};

}  // namespace recant

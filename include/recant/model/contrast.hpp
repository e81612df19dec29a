// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/model/loss.hpp"

namespace recant {

/// Coordinates without the direction that a softmax model does not feel. Adding the same vector to
/// the parameters of every class changes no probability, so the optimum has sum_k theta_k = 0 and
/// the data say nothing in that direction. With Theta (p x C) and Q (C x (C-1)), Q^T Q = I, Q^T 1 =
/// 0,
///
///   psi = Theta Q          Theta = psi Q^T          (one score: psi = theta, C - 1 read as 1)
///
/// the least eigenvalue of the Hessian in psi is often a hundred times that in theta.
/// Source: docs/mathematics.md section 5.3.
class Contrast {
 public:
  Contrast(const Loss& loss, Index width);

  /// C - 1, or 1.
  [[nodiscard]] Index outputs() const noexcept { return basis_.cols(); }
  /// (C - 1) p, or p.
  [[nodiscard]] Index size() const noexcept { return outputs() * width_; }
  [[nodiscard]] const Matrix& basis() const noexcept { return basis_; }  ///< Q

  [[nodiscard]] Vector reduce(ConstVectorRef theta) const;
  [[nodiscard]] Vector expand(ConstVectorRef psi) const;
  [[nodiscard]] Matrix reduce_hessian(ConstMatrixRef hessian) const;
  /// |Theta 1| / sqrt(C): the length of what reduce() drops; 0 with one score.
  [[nodiscard]] double dropped(ConstVectorRef theta) const;

  /// The entries of reduce(), expand() are off by less than this, together, for theta of length 1;
  /// those of reduce_hessian() by less than twice it for a matrix of Frobenius norm 1. 0 with one
  /// score.
  [[nodiscard]] double rounding() const noexcept;

 private:
  Index width_;
  Matrix basis_;
  bool identity_;
};

}  // namespace recant

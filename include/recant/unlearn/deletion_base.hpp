// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/cholesky.hpp"
#include "recant/linalg/types.hpp"

namespace recant {

/// What is known at a model theta_0 of the rows it was trained on; O(p^2) memory, fixed once built.
/// In contrast coordinates (model/contrast.hpp), P of them.
struct DeletionBase {
  Vector theta;     ///< theta_0, C*p
  Vector gradient;  ///< grad F_D(theta_0) as computed, P; never taken as 0
  double gradient_rounding = 0;
  Matrix hessian;               ///< H as computed, P x P; everything else is about this matrix
  double hessian_rounding = 0;  ///< |H - H_D(theta_0)|, spectral
  Cholesky factor;              ///< of `hessian`
  double frobenius = 0;         ///< of `hessian`, an upper bound
  double largest_eigenvalue = 0, least_eigenvalue = 0;  ///< above and below those of `hessian`
  /// Where the rows leave directions out: below the eigenvalues of `hessian` in the space V that
  /// they do span, and above the data's curvature in the rest. 0 where V would be everything.
  double span_eigenvalue = 0, off_span_curvature = 0;
  double factor_error = 0;   ///< x^T H^{-1} x <= (1 + factor_error) |L^{-1} x|^2
  double data_trace = 0;     ///< tr H_D - l2 P
  double squared_norms = 0;  ///< sum_i w_i |x_i|^2
  double largest_norm = 0;   ///< max |x_i|
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "recant/linalg/rounding.hpp"
#include "recant/unlearn/deletion.hpp"

/// What the files of DeletionState share.
namespace recant {

/// gamma for the product of a matrix with a vector and one more sum: ShrinkingMatrix::times().
inline double product_gamma(Index size) {
  return gamma(3 * size + 40);
}

/// |v|_A from A v, rounding upward. `scale`: of A, in Frobenius' norm.
inline double norm_from(const Vector& v, const Vector& product, double scale) {
  const double squared =
      std::max(v.dot(product), 0.0) + product_gamma(v.size()) * scale * v.squaredNorm();
  if (squared == 0 && norm_above(v) == 0) return 0;
  return std::sqrt(squared) * (1 + 8 * kUnit) + (1 + std::sqrt(scale)) * vanished_norm(v.size());
}

/// What is known of s with H s = r, whatever the factor was that gave it.
struct Solution {
  Vector s;
  double norm = 0, decrement = 0;  // |s|, |s|_H
  double residual = 0;             // |r - H s|, its own rounding included
};

/// `solved` is about H^{-1} r, `times` multiplies by H.
template <class Times>
Solution measure_solution(Vector solved, const Times& times, double scale, ConstVectorRef r) {
  const Vector product = times(solved);
  const double residual =
      norm_above(r - product) +
      1.02 * product_gamma(r.size()) * (scale * norm_above(solved) + norm_above(r));
  const double norm = norm_above(solved);
  const double decrement = norm_from(solved, product, scale);
  return {std::move(solved), norm, decrement, residual};
}

inline Solution solve_measured(const ShrinkingMatrix& h, double scale, ConstVectorRef r) {
  return measure_solution(
      h.solve(r), [&](const Vector& s) { return h.times(s); }, scale, r);
}

struct DeletionState::Gradient {
  ResidualMeasure measure;
  Vector r, s;               // contrast coordinates
  double curvature_sum = 0;  // at least sum_i w_i tr phi''_i |x_i|^2 at theta
};

struct DeletionState::Gathered {
  RowMatrix x;
  Matrix scores, residuals;  // k x C
  [[nodiscard]] RowsView view() const { return {x.data(), x.rows(), x.cols()}; }
};

}  // namespace recant

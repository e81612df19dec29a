// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/cholesky.hpp"

#include <cmath>

#include "blas.hpp"
#include "panels.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {
namespace {

/// L^{-1} x in the place of the first columns of x.
void solve_lower(const Matrix& lower, Matrix& x, Index count) {
  const int n = static_cast<int>(lower.rows()), columns = static_cast<int>(count), one = 1;
  if (n == 0 || columns == 0) return;
  single_threaded_blas();
  if (columns == 1) {
    dtrsv_("L", "N", "N", &n, lower.data(), &n, x.data(), &one);
  } else {
    half_solve_in_panels(lower, x, count);
  }
}

}  // namespace

std::optional<Cholesky> Cholesky::factor(Matrix a) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  single_threaded_blas();
  if (!factor_in_panels(a)) return std::nullopt;
  // A NaN or an infinity passes dpotrf without a word; it ends in the diagonal.
  if (!a.diagonal().allFinite()) return std::nullopt;
  return Cholesky(std::move(a));
}

Vector Cholesky::solve(ConstVectorRef b) const {
  check_size("right-hand side", b.size(), size());
  Vector x = b;
  const int n = static_cast<int>(size()), one = 1;
  if (n == 0) return x;
  dtrsv_("L", "N", "N", &n, lower_.data(), &n, x.data(), &one);
  dtrsv_("L", "T", "N", &n, lower_.data(), &n, x.data(), &one);
  return x;
}

Vector Cholesky::other_half_solve(Vector b) const {
  check_size("right-hand side", b.size(), size());
  const int n = static_cast<int>(size()), one = 1;
  if (n > 0) dtrsv_("L", "T", "N", &n, lower_.data(), &n, b.data(), &one);
  return b;
}

Matrix Cholesky::solve_columns(ConstMatrixRef b) const {
  check_size("rows of the right-hand side", b.rows(), size());
  Matrix x(b.rows(), b.cols());
  for (Index c = 0; c < b.cols(); ++c) {
    check_interrupt();
    x.col(c) = solve(b.col(c));
  }
  return x;
}

Matrix Cholesky::half_solve(ConstMatrixRef b) const {
  check_size("rows of the right-hand side", b.rows(), size());
  Matrix x = b;
  solve_lower(lower_, x, x.cols());
  return x;
}

double Cholesky::log_determinant() const {
  return 2 * lower_.diagonal().array().log().sum();
}

}  // namespace recant

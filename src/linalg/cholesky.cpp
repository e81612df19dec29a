// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/cholesky.hpp"

#include <cmath>

#include "blas.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {

std::optional<Cholesky> Cholesky::factor(Matrix a) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  single_threaded_blas();
  const int n = static_cast<int>(a.rows());
  if (n == 0) return Cholesky(std::move(a));
  int info = 0;
  dpotrf_("L", &n, a.data(), &n, &info);
  if (info != 0) return std::nullopt;
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

Matrix Cholesky::solve_columns(ConstMatrixRef b) const {
  check_size("rows of the right-hand side", b.rows(), size());
  Matrix x(b.rows(), b.cols());
  for (Index c = 0; c < b.cols(); ++c) x.col(c) = solve(b.col(c));
  return x;
}

double Cholesky::log_determinant() const {
  return 2 * lower_.diagonal().array().log().sum();
}

}  // namespace recant

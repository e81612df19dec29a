// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/cholesky.hpp"

#include <cmath>

#include "blas.hpp"
#include "panels.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {

std::optional<Cholesky> Cholesky::factor(Matrix a) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  single_threaded_blas();
  const int n = static_cast<int>(a.rows());
  if (n == 0) return Cholesky(std::move(a));
  if (n > kWide) {
    if (!factor_in_panels(a)) return std::nullopt;
  } else {
    int info = 0;
    dpotrf_("L", &n, a.data(), &n, &info);
    if (info != 0) return std::nullopt;
  }
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
  for (Index c = 0; c < b.cols(); ++c) {
    check_interrupt();
    x.col(c) = solve(b.col(c));
  }
  return x;
}

Matrix Cholesky::half_solve(ConstMatrixRef b) const {
  check_size("rows of the right-hand side", b.rows(), size());
  Matrix x = b;
  const int n = static_cast<int>(size()), columns = static_cast<int>(b.cols()), one = 1;
  if (n == 0 || columns == 0) return x;
  single_threaded_blas();
  if (columns == 1) {
    dtrsv_("L", "N", "N", &n, lower_.data(), &n, x.data(), &one);
  } else if (n > kWide) {
    half_solve_in_panels(lower_, x);
  } else {
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, columns, 1.0,
                lower_.data(), n, x.data(), n);
  }
  return x;
}

Vector Cholesky::inverse_norms(RowsView rows, bool intercept) const {
  check_size("columns of the rows", rows.cols() + (intercept ? 1 : 0), size());
  Matrix columns(size(), rows.rows());
  columns.topRows(rows.cols()) = rows.transpose();
  if (intercept) columns.row(rows.cols()).setOnes();
  return half_solve(columns).colwise().norm().transpose();
}

std::optional<Cholesky> Cholesky::downdated(Matrix u) && {
  check_size("rows of the downdate", u.rows(), size());
  const Index p = size();
  for (Index j = 0; j < p; ++j) {
    check_interrupt();
    const Index below = p - j - 1;
    auto column = lower_.col(j).tail(below);
    for (Index c = 0; c < u.cols(); ++c) {
      const double sine = u(j, c) / lower_(j, j);
      const double square = (1 - sine) * (1 + sine);
      if (!(square > 0)) return std::nullopt;
      const double cosine = std::sqrt(square);
      lower_(j, j) *= cosine;
      auto other = u.col(c).tail(below);
      column = (column - sine * other) / cosine;
      other = cosine * other - sine * column;
    }
  }
  if (!(lower_.diagonal().array() > 0).all() || !lower_.diagonal().allFinite()) return std::nullopt;
  return std::move(*this);
}

Cholesky Cholesky::updated(Matrix u) && {
  check_size("rows of the update", u.rows(), size());
  const Index p = size();
  for (Index j = 0; j < p; ++j) {
    check_interrupt();
    for (Index c = 0; c < u.cols(); ++c) {
      const double length = std::hypot(lower_(j, j), u(j, c));
      const double cosine = lower_(j, j) / length, sine = u(j, c) / length;
      lower_(j, j) = length;
      for (Index i = j + 1; i < p; ++i) {
        const double old = lower_(i, j);
        lower_(i, j) = cosine * old + sine * u(i, c);
        u(i, c) = cosine * u(i, c) - sine * old;
      }
    }
  }
  return std::move(*this);
}

double Cholesky::log_determinant() const {
  return 2 * lower_.diagonal().array().log().sum();
}

}  // namespace recant

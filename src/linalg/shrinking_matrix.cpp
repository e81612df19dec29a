// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/shrinking_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "blas.hpp"
#include "recant/core/check.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant {
namespace {

/// M^T x of the first columns of M.
Vector products_with(const Matrix& m, Index columns, ConstVectorRef x) {
  Vector products = Vector::Zero(columns);
  if (columns == 0 || m.rows() == 0) return products;
  const int n = static_cast<int>(m.rows());
  single_threaded_blas();
  cblas_dgemv(CblasColMajor, CblasTrans, n, static_cast<int>(columns), 1.0, m.data(), n, x.data(),
              1, 0.0, products.data(), 1);
  return products;
}

/// x += sign M c of the first columns of M.
void add_combination(const Matrix& m, const Vector& c, double sign, Vector& x) {
  if (c.size() == 0 || m.rows() == 0) return;
  const int n = static_cast<int>(m.rows());
  single_threaded_blas();
  cblas_dgemv(CblasColMajor, CblasNoTrans, n, static_cast<int>(c.size()), sign, m.data(), n,
              c.data(), 1, 1.0, x.data(), 1);
}

/// Column k, which holds that of K above the diagonal and on it, becomes that of T^T, and D on the
/// diagonal, K = T D T^T.
void extend_factor(Matrix& t, Index k) {
  auto column = t.col(k);
  for (Index i = 0; i < k; ++i) column(i) -= t.col(i).head(i).dot(column.head(i));
  for (Index i = 0; i < k; ++i) {
    const double scaled = column(i);  // of T D
    column(i) = scaled / t(i, i);
    column(k) -= scaled * column(i);
  }
}

/// The largest eigenvalue of [a b; b c], for a, c >= 0, or a little more.
double largest_of_two(double a, double b, double c) {
  return ((a + c) / 2 + std::hypot((a - c) / 2, b)) * (1 + 0x1p-49);
}

/// K^{-1} b in the place of b.
void solve_factored(const Matrix& t, Vector& b) {
  for (Index i = 0; i < b.size(); ++i) b(i) -= t.col(i).head(i).dot(b.head(i));
  for (Index i = 0; i < b.size(); ++i) b(i) /= t(i, i);
  for (Index i = b.size() - 1; i > 0; --i) b.head(i) -= b(i) * t.col(i).head(i);
}

}  // namespace

ShrinkingMatrix::ShrinkingMatrix(Matrix a, std::optional<Cholesky> factor)
    : a_(std::move(a)), factor_(std::move(factor)) {
  check_size("columns of a square matrix", a_.cols(), a_.rows());
}

bool ShrinkingMatrix::factored() {
  if (!factor_) factor_ = Cholesky::factor(a_);
  return factor_.has_value();
}

void ShrinkingMatrix::settle() {
  if (columns_ > 0) change(Matrix(size(), 0), 1);
}

/// A takes in the columns kept, and these: its factor is of another matrix then.
void ShrinkingMatrix::change(const Matrix& u, double sign) {
  if (columns_ > 0) add_outer_products(a_, u_.leftCols(columns_), -1);
  add_outer_products(a_, u, sign);
  columns_ = 0;
  start_share();
  factor_.reset();
  ++changes_;
}

void ShrinkingMatrix::add(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  change(u, 1);
}

void ShrinkingMatrix::remove(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  if (!has_room(u.cols())) return change(u, -1);
  keep(u, factor_->half_solve(u));
}

void ShrinkingMatrix::remove(const Matrix& u, const Matrix& half) {
  check_size("rows of the columns", u.rows(), size());
  check_size("rows of their half solves", half.rows(), size());
  check_size("columns of their half solves", half.cols(), u.cols());
  if (!has_room(u.cols())) return change(u, -1);
  keep(u, half);
}

void ShrinkingMatrix::keep(const Matrix& u, const Matrix& half) {
  if (u_.cols() == 0) {
    u_.resize(size(), room());
    v_.resize(size(), room());
    k_.resize(room(), room());
    shared_.resize(room(), room());
  }
  u_.middleCols(columns_, u.cols()) = u;
  for (Index j = 0; j < u.cols(); ++j, ++columns_) {
    v_.col(columns_) = half.col(j);
    const Vector shared = products_with(v_, columns_ + 1, half.col(j));
    shared_.row(columns_).head(columns_ + 1) = shared.transpose();
    // x^T M x of [M b; b^T c] is at most that of [lambda_max(M) |b|; |b| c].
    const double beside = shared.segment(share_from_, columns_ - share_from_).norm();
    share_ = largest_of_two(share_, beside, shared(columns_));
    k_.col(columns_).head(columns_ + 1) = -shared;
    k_(columns_, columns_) += 1;
    extend_factor(k_, columns_);
  }
}

Vector ShrinkingMatrix::times(ConstVectorRef v) const {
  return less_kept(symmetric_times(a_, v), v);
}

Vector ShrinkingMatrix::less_kept(Vector a_v, ConstVectorRef v) const {
  add_combination(u_, products_with(u_, columns_, v), -1, a_v);
  return a_v;
}

void ShrinkingMatrix::start_share() noexcept {
  share_from_ = columns_;
  share_ = 0;
}

void ShrinkingMatrix::look_at_kept_share() {
  const Index count = columns_ - share_from_;
  share_ = std::min(
      share_, largest_eigenvalue_bound(shared_.block(share_from_, share_from_, count, count)));
}

Matrix ShrinkingMatrix::half_solve(ConstMatrixRef b) const {
  return factor_->half_solve(b);
}

Vector ShrinkingMatrix::other_half_solve(Vector half) const {
  // H = L (I - V V^T) L^T, and (I - V V^T)^{-1} = I + V K^{-1} V^T.
  Vector shared = products_with(v_, columns_, half);
  solve_factored(k_, shared);
  add_combination(v_, shared, 1, half);
  return factor_->other_half_solve(std::move(half));
}

Vector ShrinkingMatrix::solve(ConstVectorRef b) const {
  return other_half_solve(half_solve(b));
}

}  // namespace recant

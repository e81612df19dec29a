// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/shrinking_matrix.hpp"

#include <Eigen/Cholesky>
#include <utility>

#include "recant/core/check.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant {

ShrinkingMatrix::ShrinkingMatrix(Matrix a, std::optional<Cholesky> factor)
    : a_(std::move(a)), factor_(std::move(factor)), first_factor_(factor_.has_value()) {
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
  factor_.reset();
  first_factor_ = false;
}

void ShrinkingMatrix::add(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  change(u, 1);
}

void ShrinkingMatrix::remove(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  if (!has_room(u)) return change(u, -1);
  keep(u, factor_->half_solve(u));
}

void ShrinkingMatrix::remove(const Matrix& u, const Matrix& half) {
  check_size("rows of the columns", u.rows(), size());
  check_size("rows of their half solves", half.rows(), size());
  check_size("columns of their half solves", half.cols(), u.cols());
  if (!first_factor_ || !has_room(u)) return remove(u);
  keep(u, half);
}

void ShrinkingMatrix::keep(const Matrix& u, const Matrix& half) {
  if (u_.cols() == 0) {
    u_.resize(size(), room());
    v_.resize(size(), room());
    k_.resize(room(), room());
  }
  u_.middleCols(columns_, u.cols()) = u;
  v_.middleCols(columns_, u.cols()) = half;
  for (Index j = columns_; j < columns_ + u.cols(); ++j) {
    for (Index i = 0; i <= j; ++i) k_(j, i) = (i == j ? 1.0 : 0.0) - v_.col(i).dot(v_.col(j));
  }
  columns_ += u.cols();
}

Vector ShrinkingMatrix::times(ConstVectorRef v) const {
  Vector product = symmetric_times(a_, v);
  if (columns_ > 0) {
    const auto u = u_.leftCols(columns_);
    const Vector along = u.transpose() * v;
    product -= u * along;
  }
  return product;
}

Vector ShrinkingMatrix::solve(ConstVectorRef b) const {
  if (columns_ == 0) return factor_->solve(b);
  const auto v = v_.leftCols(columns_);
  // H = L (I - V V^T) L^T, and (I - V V^T)^{-1} = I + V K^{-1} V^T.
  Vector x = factor_->half_solve(b);
  const Vector along = v.transpose() * x;
  const Vector shared =
      k_.topLeftCorner(columns_, columns_).selfadjointView<Eigen::Lower>().ldlt().solve(along);
  x += v * shared;
  return factor_->other_half_solve(std::move(x));
}

}  // namespace recant

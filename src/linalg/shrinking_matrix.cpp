// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/shrinking_matrix.hpp"

#include <Eigen/Cholesky>
#include <utility>

#include "recant/core/check.hpp"
#include "recant/linalg/symmetric_product.hpp"

namespace recant {

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
  if (columns_ > 0) add_symmetric_product(-1, u_.leftCols(columns_), a_);
  if (u.cols() > 0) add_symmetric_product(sign, u, a_);
  columns_ = 0;
  factor_.reset();
}

void ShrinkingMatrix::add(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  change(u, 1);
}

void ShrinkingMatrix::remove(const Matrix& u) {
  check_size("rows of the columns", u.rows(), size());
  if (!factor_ || columns_ + u.cols() > room()) return change(u, -1);
  if (u_.cols() == 0) {
    u_.resize(size(), room());
    v_.resize(size(), room());
    k_.resize(room(), room());
  }
  u_.middleCols(columns_, u.cols()) = u;
  v_.middleCols(columns_, u.cols()) = factor_->half_solve(u);
  for (Index j = columns_; j < columns_ + u.cols(); ++j) {
    for (Index i = 0; i <= j; ++i) k_(j, i) = (i == j ? 1.0 : 0.0) - v_.col(i).dot(v_.col(j));
  }
  columns_ += u.cols();
}

Vector ShrinkingMatrix::times(ConstVectorRef v) const {
  Vector product = a_.selfadjointView<Eigen::Lower>() * v;
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
  const auto l = factor_->lower().triangularView<Eigen::Lower>();
  // H = L (I - V V^T) L^T, and (I - V V^T)^{-1} = I + V K^{-1} V^T.
  Vector x = l.solve(b);
  const Vector along = v.transpose() * x;
  const Vector shared =
      k_.topLeftCorner(columns_, columns_).selfadjointView<Eigen::Lower>().ldlt().solve(along);
  x += v * shared;
  l.transpose().solveInPlace(x);
  return x;
}

}  // namespace recant

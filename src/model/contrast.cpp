// SPDX-License-Identifier: Apache-2.0
#include "recant/model/contrast.hpp"

#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {
namespace {

/// Column k is (1, .., 1, -k, 0, .., 0) / sqrt(k(k+1)), k ones.
Matrix helmert(Index classes) {
  Matrix q = Matrix::Zero(classes, classes - 1);
  for (Index k = 1; k < classes; ++k) {
    const auto count = static_cast<double>(k);
    const double length = std::sqrt(count * (count + 1));
    q.col(k - 1).head(k).setConstant(1 / length);
    q(k, k - 1) = -count / length;
  }
  return q;
}

}  // namespace

Contrast::Contrast(const Loss& loss, Index width)
    : width_(width),
      basis_(loss.outputs() == 1 ? Matrix(Matrix::Ones(1, 1)) : helmert(loss.outputs())),
      identity_(loss.outputs() == 1) {}

Vector Contrast::reduce(ConstVectorRef theta) const {
  check_size("theta", theta.size(), width_ * basis_.rows());
  if (identity_) return theta;
  const Eigen::Map<const Matrix> columns(theta.data(), width_, basis_.rows());
  const Matrix psi = columns.lazyProduct(basis_);
  return Eigen::Map<const Vector>(psi.data(), psi.size());
}

Vector Contrast::expand(ConstVectorRef psi) const {
  check_size("psi", psi.size(), size());
  if (identity_) return psi;
  const Eigen::Map<const Matrix> columns(psi.data(), width_, outputs());
  const Matrix theta = columns.lazyProduct(basis_.transpose());
  return Eigen::Map<const Vector>(theta.data(), theta.size());
}

Matrix Contrast::reduce_hessian(ConstMatrixRef hessian) const {
  check_size("rows of the Hessian", hessian.rows(), width_ * basis_.rows());
  if (identity_) return hessian;
  const Index p = width_, classes = basis_.rows();
  Matrix half = Matrix::Zero(hessian.rows(), size());
  for (Index b = 0; b < outputs(); ++b) {
    check_interrupt();
    for (Index l = 0; l < classes; ++l) {
      half.middleCols(b * p, p) += basis_(l, b) * hessian.middleCols(l * p, p);
    }
  }
  Matrix reduced = Matrix::Zero(size(), size());
  for (Index a = 0; a < outputs(); ++a) {
    check_interrupt();
    for (Index k = 0; k < classes; ++k) {
      reduced.middleRows(a * p, p) += basis_(k, a) * half.middleRows(k * p, p);
    }
  }
  return (reduced + reduced.transpose()) / 2;
}

double Contrast::dropped(ConstVectorRef theta) const {
  if (identity_) return 0;
  const Eigen::Map<const Matrix> columns(theta.data(), width_, basis_.rows());
  return columns.rowwise().sum().norm() / std::sqrt(static_cast<double>(basis_.rows()));
}

double Contrast::rounding() const noexcept {
  if (identity_) return 0;
  const auto classes = static_cast<double>(basis_.rows());
  return (classes + 8) * classes * 0x1p-52;
}

}  // namespace recant

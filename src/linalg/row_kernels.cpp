// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/row_kernels.hpp"

#include <cmath>

#include "blas.hpp"

namespace recant {
namespace {

int narrow(Index value) {
  return static_cast<int>(value);
}

/// From so many columns on, one product of matrices is faster than products with each column.
constexpr Index kManyColumns = 8;

}  // namespace

void row_scores(RowsView rows, bool intercept, ConstMatrixRef coefficients,
                Eigen::Ref<Matrix> scores) {
  single_threaded_blas();
  const Index d = rows.cols(), count = coefficients.cols();
  for (Index c = 0; c < count; ++c) scores.col(c).setConstant(intercept ? coefficients(d, c) : 0.0);
  if (d == 0 || rows.rows() == 0) return;
  if (count >= kManyColumns) {
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, narrow(rows.rows()), narrow(count),
                narrow(d), 1.0, rows.data(), narrow(d), coefficients.data(),
                narrow(coefficients.outerStride()), 1.0, scores.data(),
                narrow(scores.outerStride()));
    return;
  }
  for (Index c = 0; c < count; ++c) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, narrow(rows.rows()), narrow(d), 1.0, rows.data(),
                narrow(d), coefficients.col(c).data(), 1, 1.0, scores.col(c).data(), 1);
  }
}

void add_weighted_rows(RowsView rows, bool intercept, ConstMatrixRef factors,
                       Eigen::Ref<Matrix> sums) {
  single_threaded_blas();
  const Index d = rows.cols(), count = factors.cols();
  if (intercept) sums.row(d) += factors.colwise().sum();
  if (d == 0 || rows.rows() == 0) return;
  if (count >= kManyColumns) {
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, narrow(d), narrow(count),
                narrow(rows.rows()), 1.0, rows.data(), narrow(d), factors.data(),
                narrow(factors.outerStride()), 1.0, sums.data(), narrow(sums.outerStride()));
    return;
  }
  for (Index c = 0; c < count; ++c) {
    cblas_dgemv(CblasRowMajor, CblasTrans, narrow(rows.rows()), narrow(d), 1.0, rows.data(),
                narrow(d), factors.col(c).data(), 1, 1.0, sums.col(c).data(), 1);
  }
}

void GramScratch::begin(Index m, Index p) {
  rows_ = 0;
  width_ = p;
  const auto needed = static_cast<std::size_t>(m * p);
  if (values_.size() < needed) values_.resize(needed);
}

void GramScratch::append(RowsView rows, bool intercept, std::span<const double> weights) {
  const Index d = rows.cols();
  Eigen::Map<RowMatrix> scaled(values_.data() + rows_ * width_, rows.rows(), width_);
  for (Index i = 0; i < rows.rows(); ++i) {
    const double root = std::sqrt(weights[static_cast<std::size_t>(i)]);
    scaled.row(i).head(d) = root * rows.row(i);
    if (intercept) scaled(i, d) = root;
  }
  rows_ += rows.rows();
}

void GramScratch::add_gram(double sign, Eigen::Ref<Matrix> gram) const {
  if (width_ == 0) return;  // BLAS refuses a leading dimension of 0, aloud
  single_threaded_blas();
  // Row-major m x p is column-major p x m: gram += sign * A A^T.
  cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, narrow(width_), narrow(rows_), sign,
              values_.data(), narrow(width_), 1.0, gram.data(), narrow(gram.outerStride()));
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/row_kernels.hpp"

#include <cmath>

#include "blas.hpp"
#include "simd_kernels.hpp"

namespace recant {
namespace {

int narrow(Index value) {
  return static_cast<int>(value);
}

std::size_t size(Index value) {
  return static_cast<std::size_t>(value);
}

/// From so many columns on, a product of matrices by BLAS is faster than our own loops.
constexpr Index kManyColumns = 8;

}  // namespace

void row_scores(RowsView rows, bool intercept, ConstMatrixRef coefficients,
                Eigen::Ref<Matrix> scores) {
  const Index m = rows.rows(), d = rows.cols(), count = coefficients.cols();
  if (m == 0) return;
  if (count < kManyColumns || d == 0) {
    simd::scores(rows.data(), size(m), size(d), intercept, coefficients.data(),
                 size(coefficients.outerStride()), size(count), scores.data(),
                 size(scores.outerStride()));
    return;
  }
  single_threaded_blas();
  for (Index c = 0; c < count; ++c) scores.col(c).setConstant(intercept ? coefficients(d, c) : 0.0);
  cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, narrow(m), narrow(count), narrow(d), 1.0,
              rows.data(), narrow(d), coefficients.data(), narrow(coefficients.outerStride()), 1.0,
              scores.data(), narrow(scores.outerStride()));
}

void row_norms(RowsView rows, bool intercept, VectorRef norms) {
  simd::squared_norms(rows.data(), size(rows.rows()), size(rows.cols()), norms.data());
  norms = (norms.array() + (intercept ? 1.0 : 0.0)).sqrt();
}

void add_weighted_rows(RowsView rows, bool intercept, ConstMatrixRef factors,
                       Eigen::Ref<Matrix> sums) {
  const Index m = rows.rows(), d = rows.cols(), count = factors.cols();
  if (m == 0) return;
  if (count < kManyColumns || d == 0) {
    simd::add_weighted(rows.data(), size(m), size(d), intercept, factors.data(),
                       size(factors.outerStride()), size(count), sums.data(),
                       size(sums.outerStride()));
    return;
  }
  single_threaded_blas();
  if (intercept) sums.row(d) += factors.colwise().sum();
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, narrow(d), narrow(count), narrow(m), 1.0,
              rows.data(), narrow(d), factors.data(), narrow(factors.outerStride()), 1.0,
              sums.data(), narrow(sums.outerStride()));
}

void GramScratch::begin(Index p) {
  rows_ = 0;
  width_ = p;
  const std::size_t n = simd::panel_width(), panels = (size(p) + n - 1) / n;
  // One line more than the rows need, or all panels would start in the same set of the cache.
  panel_ = kRows * n + kLineValues;
  const std::size_t lines = panels * panel_ / kLineValues;
  if (lines_.size() < lines) lines_.resize(lines);
}

void GramScratch::append(RowsView rows, bool intercept, std::span<const double> weights) {
  roots_.resize(weights.size());
  std::transform(weights.begin(), weights.end(), roots_.begin(),
                 [](double weight) { return std::sqrt(weight); });
  if (width_ > 0) {
    simd::pack(rows.data(), size(rows.rows()), size(rows.cols()), intercept, roots_.data(),
               lines_.front().values, panel_, size(rows_));
  }
  rows_ += rows.rows();
}

void GramScratch::add_gram(double sign, Eigen::Ref<Matrix> gram, RowsView next) const {
  if (width_ == 0 || rows_ == 0) return;
  simd::add_gram(lines_.front().values, panel_, size(rows_), size(width_), sign, gram.data(),
                 size(gram.outerStride()), next.data(), size(next.size()));
}

}  // namespace recant

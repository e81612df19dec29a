// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/packed_factor.hpp"

#include <algorithm>

#include "blas.hpp"
#include "recant/core/check.hpp"
#include "recant/core/interrupt.hpp"
#include "simd_kernels.hpp"

namespace recant {
namespace {

/// Right-hand sides that stay in a cache together.
constexpr Index kStrip = 64;
/// Rows of L in a step: of fewer the kernel's tiles say less, of more BLAS has more to do. A
/// multiple of what is packed side by side.
constexpr Index kStepRows = 48;
/// Columns of L that are packed between two looks at an interrupt.
constexpr std::size_t kColumns = 256;

std::size_t size(Index value) {
  return static_cast<std::size_t>(value);
}

/// Rows `begin` to `end` of the first `count` columns of x, as that many vectors.
void pack_rows(const Matrix& x, Index count, Index begin, Index end, PackedPanels& to) {
  const std::size_t side = simd::panel_width();
  for (std::size_t c = 0; c < size(count); ++c) {
    const double* from = x.col(static_cast<Index>(c)).data();
    double* packed = to.data() + c / side * to.panel() + c % side;
    for (std::size_t i = size(begin); i < size(end); ++i) packed[i * side] = from[i];
  }
}

}  // namespace

PackedFactor::PackedFactor(const Cholesky& factor) : lower_(factor.lower()) {
  single_threaded_blas();
  const std::size_t n = size(lower_.rows()), side = simd::panel_width();
  const double one = 1;
  rows_.begin(n, n);
  for (std::size_t j = 0; j < n; ++j) {
    if (j % kColumns == 0) check_interrupt();
    const std::size_t begin = j / side * side;  // of its panels those that reach the diagonal
    simd::pack(lower_.data() + j * n + begin, 1, n - begin, n, false, &one,
               rows_.data() + begin / side * rows_.panel(), rows_.panel(), j);
  }
}

/// The first `count` columns of x become L^{-1} x, each off by no more than it would be alone:
/// (L + E) x = b, |E| <= gamma_(p+1) |L|.
void PackedFactor::half_solve(Matrix& x, Index count, PackedPanels& solved) const {
  const Index n = lower_.rows();
  const int ld = static_cast<int>(n), columns = static_cast<int>(count);
  const std::size_t side = simd::panel_width();
  solved.begin(size(count), size(n));
  for (Index k = 0; k < n; k += kStepRows) {
    const Index rows = std::min(kStepRows, n - k);
    double* right = x.data() + k;
    if (k > 0) {
      simd::add_products(solved.data(), solved.panel(), size(count),
                         rows_.data() + size(k) / side * rows_.panel(), rows_.panel(), size(rows),
                         size(k), -1, right, size(n));
    }
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit,
                static_cast<int>(rows), columns, 1.0, &lower_(k, k), ld, right, ld);
    pack_rows(x, count, k, k + rows, solved);
  }
}

Vector PackedFactor::inverse_norms(RowsView rows, bool intercept) const {
  check_size("columns of the rows", rows.cols() + (intercept ? 1 : 0), lower_.rows());
  Vector norms = Vector::Zero(rows.rows());
  if (lower_.size() == 0) return norms;
  Matrix columns(lower_.rows(), std::min(kStrip, rows.rows()));
  PackedPanels solved;
  for (Index begin = 0; begin < rows.rows(); begin += kStrip) {
    check_interrupt();
    const Index count = std::min(kStrip, rows.rows() - begin);
    auto strip = columns.leftCols(count);
    strip.topRows(rows.cols()) = rows.middleRows(begin, count).transpose();
    if (intercept) strip.row(rows.cols()).setOnes();
    half_solve(columns, count, solved);
    norms.segment(begin, count) = strip.colwise().norm().transpose();
  }
  return norms;
}

}  // namespace recant

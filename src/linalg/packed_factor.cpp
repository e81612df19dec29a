// SPDX-License-Identifier: Apache-2.0
#include "packed_factor.hpp"

#include <algorithm>

#include "blas.hpp"
#include "simd_kernels.hpp"

namespace recant {
namespace {

/// Rows of a panel: of what BLAS does less, of what the kernel does in a tile more. A multiple of
/// what is packed side by side.
constexpr Index kPanelRows = 48;

std::size_t size(Index value) {
  return static_cast<std::size_t>(value);
}

/// Rows `begin` to `end` of x, n values a column, as that many vectors of `count` values.
void pack_rows(const double* x, Index n, Index count, Index begin, Index end, PackedPanels& to) {
  const std::size_t side = simd::panel_width();
  for (std::size_t c = 0; c < size(count); ++c) {
    const double* from = x + c * size(n);
    double* packed = to.data() + c / side * to.panel() + c % side;
    for (std::size_t i = size(begin); i < size(end); ++i) packed[i * side] = from[i];
  }
}

}  // namespace

PackedFactor::PackedFactor(const Matrix& lower) : lower_(lower) {
  const std::size_t n = size(lower.rows()), side = simd::panel_width();
  const double one = 1;
  rows_.begin(n, n);
  for (std::size_t j = 0; j < n; ++j) {
    const std::size_t begin = j / side * side;  // of its panels those that reach the diagonal
    simd::pack(lower.data() + j * n + begin, 1, n - begin, n, false, &one,
               rows_.data() + begin / side * rows_.panel(), rows_.panel(), j);
  }
}

void PackedFactor::half_solve(double* x, Index count, PackedPanels& solved) const {
  const Index n = lower_.rows();
  const int ld = static_cast<int>(n), columns = static_cast<int>(count);
  const std::size_t side = simd::panel_width();
  solved.begin(size(count), size(n));
  for (Index k = 0; k < n; k += kPanelRows) {
    const Index rows = std::min(kPanelRows, n - k);
    if (k > 0) {
      simd::add_products(solved.data(), solved.panel(), size(count),
                         rows_.data() + size(k) / side * rows_.panel(), rows_.panel(), size(rows),
                         size(k), -1, x + k, size(n));
    }
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit,
                static_cast<int>(rows), columns, 1.0, &lower_(k, k), ld, x + k, ld);
    pack_rows(x, n, count, k, k + rows, solved);
  }
}

}  // namespace recant

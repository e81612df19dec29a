// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <algorithm>

#include "blas.hpp"
#include "packed_factor.hpp"
#include "recant/core/blocks.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/linalg/row_kernels.hpp"

namespace recant {
namespace {

/// Wide enough for the full speed of a product, and some milliseconds for thousands of rows.
constexpr Index kPanel = 768;
/// Columns of a factor that are made by LAPACK and a solve, before the Gram kernel, twice as fast,
/// takes them out of all that is right of them. 32 to 96 are as good.
constexpr Index kFactorPanel = 48;
/// Shares of a product, for threads.
constexpr Index kParts = 16;
/// A reflection reads the whole matrix from memory; so many are some tenths of a second at most.
constexpr Index kReflections = 16;
/// Columns below which LAPACK's unblocked reduction ends the work.
constexpr Index kLastColumns = 64;

int narrow(Index value) {
  return static_cast<int>(value);
}

/// Runs task(begin, size) for 0..count in pieces of at most `most`.
template <class Task>
void for_each_piece(Index count, Index most, Task&& task) {
  parallel_for((count + most - 1) / most, [&](Index piece) {
    const Index begin = piece * most;
    task(begin, std::min(most, count - begin));
  });
}

/// The lower triangle of C += sign A A^T, for as many columns of A as `scratch` holds.
void add_product(double sign, ConstMatrixRef a, GramScratch& scratch, Eigen::Ref<Matrix> c) {
  scratch.append_columns(a);
  const Index parts = c.rows() > kWide ? kParts : 1;
  parallel_for(parts, [&](Index part) { scratch.add_gram_part(sign, c, part, parts); });
}

}  // namespace

void add_outer_products_in_panels(Matrix& a, ConstMatrixRef u, double sign) {
  GramScratch scratch;
  for (Index k = 0; k < u.cols(); k += GramScratch::kRows) {
    const Index columns = std::min(GramScratch::kRows, u.cols() - k);
    scratch.begin(a.rows(), columns);
    add_product(sign, u.middleCols(k, columns), scratch, a);
  }
}

void inner_products_in_panels(ConstMatrixRef u, Matrix& products) {
  const int p = narrow(u.rows()), ld = narrow(u.outerStride()), ldc = narrow(products.rows());
  for_each_piece(u.cols(), kPanel, [&](Index j, Index size) {
    const Index left = u.cols() - j;
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, narrow(left), narrow(size), p, 1.0,
                u.col(j).data(), ld, u.col(j).data(), ld, 0.0, &products(j, j), ldc);
  });
}

bool factor_in_panels(Matrix& a) {
  const Index n = a.rows();
  const int ld = narrow(n);
  GramScratch scratch;
  for (Index k = 0; k < n; k += kFactorPanel) {
    const Index size = std::min(kFactorPanel, n - k), next = k + size, rest = n - next;
    const int columns = narrow(size);
    double* diagonal = &a(k, k);
    int info = 0;
    dpotrf_("L", &columns, diagonal, &ld, &info);
    if (info != 0) return false;
    if (rest == 0) break;
    for_each_piece(rest, kPanel, [&](Index row, Index rows) {
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, narrow(rows),
                  columns, 1.0, diagonal, ld, &a(next + row, k), ld);
    });
    scratch.begin(rest, kFactorPanel);
    add_product(-1, a.block(next, k, rest, size), scratch, a.block(next, next, rest, rest));
  }
  return true;
}

void half_solve_in_panels(const Matrix& lower, Matrix& x, Index count) {
  const int n = narrow(lower.rows());
  if (count < PackedFactor::kFew) {
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, narrow(count),
                1.0, lower.data(), n, x.data(), n);
    return;
  }
  const PackedFactor packed(lower);
  const auto solve = [&](Index column, Index size) {
    PackedPanels solved;
    packed.half_solve(x.col(column).data(), size, solved);
  };
  for_each_piece(count, PackedFactor::kStrip, solve);
}

Tridiagonal tridiagonal_in_panels(Matrix& a) {
  const Index n = a.rows();
  const int ld = narrow(n), reflections = narrow(kReflections);
  Tridiagonal t{Vector(n), Vector(n)};
  Vector scales(n);
  Matrix w(n, kReflections);
  Index i = 0;
  for (; n - i > kLastColumns; i += kReflections) {
    check_interrupt();
    const Index next = i + kReflections;
    const int size = narrow(n - i), rest = narrow(n - next);
    dlatrd_("L", &size, &reflections, &a(i, i), &ld, &t.beside(i), &scales(i), w.data(), &ld);
    cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, rest, reflections, -1.0, &a(next, i), ld,
                 &w(kReflections, 0), ld, 1.0, &a(next, next), ld);
    t.diagonal.segment(i, kReflections) = a.diagonal().segment(i, kReflections);
  }
  const int size = narrow(n - i);
  int info = 0;
  dsytd2_("L", &size, &a(i, i), &ld, &t.diagonal(i), &t.beside(i), &scales(i), &info);
  return t;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <algorithm>

#include "blas.hpp"
#include "recant/core/blocks.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/linalg/row_kernels.hpp"

namespace recant {
namespace {

/// Wide enough for the full speed of a product, and some milliseconds for thousands of rows.
constexpr Index kPanel = 768;
/// Right-hand sides at a time, each of which costs the square of the width.
constexpr Index kRightSides = 128;
/// Columns of a factor that are made by LAPACK and a solve, before the Gram kernel, twice as fast,
/// takes them out of all that is right of them. 32 to 96 are as good.
constexpr Index kFactorPanel = 48, kLastFactorPanel = 72;
/// Columns that are added by BLAS.
constexpr Index kFewColumns = 32;
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
  if (count <= most) return task(0, count);
  parallel_for((count + most - 1) / most, [&](Index piece) {
    const Index begin = piece * most;
    task(begin, std::min(most, count - begin));
  });
}

/// The lower triangle of C += sign A A^T, for as many columns of A as `scratch` holds.
void add_product(double sign, ConstMatrixRef a, GramScratch& scratch, Eigen::Ref<Matrix> c) {
  scratch.append_columns(a);
  if (c.rows() <= kWide) return scratch.add_gram(sign, c);
  parallel_for(kParts, [&](Index part) { scratch.add_gram_part(sign, c, part, kParts); });
}

/// The same of so few columns that packing them costs more than it saves.
void add_few(double sign, ConstMatrixRef a, Matrix& c) {
  const Index n = c.rows();
  const int k = narrow(a.cols()), lda = narrow(a.outerStride()), ldc = narrow(n);
  for_each_piece(n, n > kWide ? kPanel : n, [&](Index j, Index size) {
    const double* left = a.data() + j;
    double* to = &c(j, j);
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, narrow(size), k, sign, left, lda, 1.0, to,
                ldc);
    if (const Index below = n - j - size; below > 0) {
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, narrow(below), narrow(size), k, sign,
                  left + size, lda, left, lda, 1.0, to + size, ldc);
    }
  });
}

}  // namespace

void add_outer_products_in_panels(Matrix& a, ConstMatrixRef u, double sign) {
  if (u.size() == 0) return;
  if (u.cols() < kFewColumns) return add_few(sign, u, a);
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
  for (Index k = 0, size = 0; k < n; k += size) {
    size = n - k > kLastFactorPanel ? kFactorPanel : n - k;
    const Index next = k + size, rest = n - next;
    const int columns = narrow(size);
    double* diagonal = &a(k, k);
    int info = 0;
    dpotrf_("L", &columns, diagonal, &ld, &info);
    if (info != 0) return false;
    if (rest == 0) break;
    for_each_piece(rest, n > kWide ? kPanel : rest, [&](Index row, Index rows) {
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
  for_each_piece(count, lower.rows() > kWide ? kRightSides : count, [&](Index column, Index size) {
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, narrow(size),
                1.0, lower.data(), n, x.col(column).data(), n);
  });
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

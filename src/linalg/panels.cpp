// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"

#include <algorithm>

#include "blas.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {
namespace {

/// Wide enough for the full speed of a product, and some milliseconds for thousands of rows.
constexpr Index kPanel = 768;
/// Right-hand sides at a time, each of which costs the square of the width.
constexpr Index kRightSides = 128;
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

/// The lower triangle of C += sign A A^T, for a few columns of A.
void add_product(double sign, ConstMatrixRef a, Eigen::Ref<Matrix> c) {
  const Index n = c.rows();
  const int k = narrow(a.cols()), lda = narrow(a.outerStride()), ldc = narrow(c.outerStride());
  for_each_piece(n, kPanel, [&](Index j, Index size) {
    const double* left = a.data() + j;
    double* to = c.data() + j * c.outerStride() + j;
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
  for (Index k = 0; k < u.cols(); k += kPanel) {
    add_product(sign, u.middleCols(k, std::min(kPanel, u.cols() - k)), a);
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
  for (Index k = 0; k < n; k += kPanel) {
    const Index size = std::min(kPanel, n - k), next = k + size;
    const int columns = narrow(size);
    double* diagonal = &a(k, k);
    int info = 0;
    dpotrf_("L", &columns, diagonal, &ld, &info);
    if (info != 0) return false;
    if (next == n) break;
    for_each_piece(n - next, 4 * kPanel, [&](Index row, Index rows) {
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, narrow(rows),
                  columns, 1.0, diagonal, ld, &a(next + row, k), ld);
    });
    const Index rest = n - next;
    add_product(-1, a.block(next, k, rest, size), a.block(next, next, rest, rest));
  }
  return true;
}

void half_solve_in_panels(const Matrix& lower, Matrix& x, Index count) {
  const int n = narrow(lower.rows());
  for_each_piece(count, kRightSides, [&](Index column, Index size) {
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

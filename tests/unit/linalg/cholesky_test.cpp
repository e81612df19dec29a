// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/cholesky.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <random>

#include "instruction_sets.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/packed_factor.hpp"

namespace recant {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Matrix random_matrix(Index rows, Index cols, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  return Matrix::NullaryExpr(rows, cols, [&] { return normal(engine); });
}

Matrix random_definite(Index n, unsigned seed) {
  const Matrix b = random_matrix(n, n + 3, seed);
  return b * b.transpose() + 0.1 * Matrix::Identity(n, n);
}

/// Backward error |A x - b| / (|A| |x| + |b|): what a stable solver makes small whatever A is.
double backward_error(const Matrix& a, const Vector& x, const Vector& b) {
  return (a * x - b).norm() / (a.norm() * x.norm() + b.norm());
}

TEST(Cholesky, SolvesWithASmallResidual) {
  for (const Index n : {1, 2, 3, 17, 64, 129, 300}) {
    const Matrix a = random_definite(n, static_cast<unsigned>(n));
    const Vector b = random_matrix(n, 1, 9);
    const auto factor = Cholesky::factor(a);
    ASSERT_TRUE(factor) << n;
    EXPECT_EQ(factor->size(), n);
    EXPECT_LT(backward_error(a, factor->solve(b), b), 1e-14) << n;
  }
}

/// Sizes about those where a panel ends, against a factor by another library.
TEST(Cholesky, OfSeveralPanelsIsTheOneByAnother) {
  for (const Index n : {47, 48, 49, 96, 97, 100, 145, 301}) {
    Matrix a = random_definite(n, static_cast<unsigned>(n));
    const Matrix wanted = Eigen::LLT<Matrix>(a).matrixL();
    a.triangularView<Eigen::StrictlyUpper>().setConstant(kNaN);
    const double size = 1e-13 * wanted.norm() * static_cast<double>(n);
    for_each_instruction_set([&] {
      const auto factor = Cholesky::factor(a);
      ASSERT_TRUE(factor) << n;
      const Matrix lower = factor->lower().triangularView<Eigen::Lower>();
      EXPECT_LT((lower - wanted).norm(), size) << n;
      EXPECT_LT((lower * lower.transpose() - wanted * wanted.transpose()).norm(),
                1e-14 * wanted.squaredNorm())
          << n;
    });
  }
}

TEST(Cholesky, FindsInEveryPanelWhatHasNoFactor) {
  const Index n = 150;
  const Matrix a = random_definite(n, 8);
  for (const Index at : {0, 47, 48, 60, 96, 149}) {
    for (const double wrong : {-1e3, 0.0, kNaN, kInf}) {
      Matrix other = a;
      other(at, at) = wrong;
      EXPECT_FALSE(Cholesky::factor(other)) << at << " " << wrong;
    }
    if (at == 0) continue;
    for (const double wrong : {kNaN, kInf}) {
      Matrix other = a;
      other(at, 0) = wrong;
      EXPECT_FALSE(Cholesky::factor(other)) << at << " " << wrong;
    }
  }
}

TEST(Cholesky, AnIllConditionedMatrixStillHasASmallBackwardError) {
  const Index n = 12;
  const Matrix hilbert = Matrix::NullaryExpr(
      n, n, [](Index i, Index j) { return 1.0 / static_cast<double>(i + j + 1); });
  const Matrix a = hilbert + 1e-14 * Matrix::Identity(n, n);
  const auto factor = Cholesky::factor(a);
  ASSERT_TRUE(factor);
  const Vector b = Vector::Ones(n);
  EXPECT_LT(backward_error(a, factor->solve(b), b), 1e-14);
}

TEST(Cholesky, ColumnsAreSolvedLikeVectors) {
  const Matrix a = random_definite(20, 1), b = random_matrix(20, 5, 2);
  const auto factor = Cholesky::factor(a);
  ASSERT_TRUE(factor);
  const Matrix x = factor->solve_columns(b);
  for (Index c = 0; c < b.cols(); ++c) EXPECT_EQ(x.col(c), factor->solve(b.col(c)));
  EXPECT_EQ(factor->solve_columns(Matrix(20, 0)).cols(), 0);
}

TEST(Cholesky, ReadsTheLowerTriangleOnly) {
  const Matrix a = random_definite(30, 4);
  Matrix lower = a;
  lower.triangularView<Eigen::StrictlyUpper>().setConstant(kNaN);
  const Vector b = random_matrix(30, 1, 5);
  const auto whole = Cholesky::factor(a), half = Cholesky::factor(lower);
  ASSERT_TRUE(whole && half);
  EXPECT_EQ(whole->solve(b), half->solve(b));
  EXPECT_EQ(whole->log_determinant(), half->log_determinant());
}

TEST(Cholesky, LogDeterminant) {
  const Matrix a = random_definite(8, 6);
  EXPECT_NEAR(Cholesky::factor(a)->log_determinant(), std::log(a.determinant()), 1e-11);
  // The determinant itself would underflow.
  const Matrix tiny = 1e-30 * Matrix::Identity(50, 50);
  EXPECT_NEAR(Cholesky::factor(tiny)->log_determinant(), 50 * std::log(1e-30), 1e-9);
}

TEST(Cholesky, AnEmptyMatrixHasAnEmptySolution) {
  const auto factor = Cholesky::factor(Matrix(0, 0));
  ASSERT_TRUE(factor);
  EXPECT_EQ(factor->solve(Vector(0)).size(), 0);
  EXPECT_EQ(factor->log_determinant(), 0);
}

TEST(Cholesky, IsRefusedWhenNotPositiveDefinite) {
  Matrix a = random_definite(70, 7);
  a(69, 69) = -1;
  EXPECT_FALSE(Cholesky::factor(a));
  EXPECT_FALSE(Cholesky::factor(Matrix::Zero(3, 3)));
  EXPECT_FALSE(Cholesky::factor(-Matrix::Identity(1, 1)));
  EXPECT_FALSE(Cholesky::factor(Matrix::Ones(2, 2)));  // singular: the last pivot is 0
}

TEST(Cholesky, ABadNumberAnywhereIsRefused) {
  for (const Index n : {1, 3, 70, 200}) {
    for (const double bad : {kNaN, kInf, -kInf}) {
      for (const auto& [i, j] : {std::pair<Index, Index>{0, 0},
                                 {n - 1, 0},
                                 {n / 2, n / 2},
                                 {n - 1, n - 1},
                                 {n - 1, n / 2}}) {
        Matrix a = random_definite(n, 8);
        a(i, j) = bad;
        EXPECT_FALSE(Cholesky::factor(a)) << n << ": " << bad << " at " << i << ", " << j;
      }
    }
  }
}

TEST(Cholesky, SizesMustAgree) {
  EXPECT_THROW(static_cast<void>(Cholesky::factor(Matrix(3, 2))), UsageError);
  const auto factor = Cholesky::factor(Matrix::Identity(3, 3));
  EXPECT_THROW(static_cast<void>(factor->solve(Vector(2))), UsageError);
  EXPECT_THROW(static_cast<void>(factor->solve_columns(Matrix(4, 1))), UsageError);
}

TEST(Cholesky, HalvesMakeInnerProducts) {
  for (const Index n : {1, 2, 17, 65}) {
    const Matrix a = random_definite(n, 3), b = random_matrix(n, 6, 4);
    const auto factor = Cholesky::factor(a);
    ASSERT_TRUE(factor);
    const Matrix half = factor->half_solve(b), wanted = b.transpose() * a.inverse() * b;
    EXPECT_LE((half.transpose() * half - wanted).norm(), 1e-10 * wanted.norm()) << n;
    EXPECT_LE((factor->half_solve(b.col(1)) - half.col(1)).norm(), 1e-12 * half.norm()) << n;
    EXPECT_LE((factor->other_half_solve(half.col(1)) - factor->solve(b.col(1))).norm(),
              1e-10 * factor->solve(b.col(1)).norm())
        << n;
    EXPECT_EQ(factor->half_solve(Matrix(n, 0)).cols(), 0);
    EXPECT_THROW(static_cast<void>(factor->half_solve(Matrix::Ones(n + 1, 1))), UsageError);
    EXPECT_THROW(static_cast<void>(factor->other_half_solve(Vector::Ones(n + 1))), UsageError);
  }
}

TEST(Cholesky, InverseNormsAreThoseOfEveryRow) {
  for (const Index n : {1, 2, 47, 48, 49, 96, 101, 145, 300}) {
    const Matrix a = random_definite(n, static_cast<unsigned>(n));
    const auto factor = Cholesky::factor(a);
    ASSERT_TRUE(factor);
    for (const bool intercept : {false, true}) {
      const Index d = n - (intercept ? 1 : 0);
      const RowMatrix rows = random_matrix(131, d, 5);
      for_each_instruction_set([&] {
        const PackedFactor packed(*factor);
        for (const Index count : {0, 1, 63, 64, 65, 131}) {
          const Vector found = packed.inverse_norms({rows.data(), count, d}, intercept);
          ASSERT_EQ(found.size(), count);
          for (Index i = 0; i < count; ++i) {
            Vector x = Vector::Ones(n);
            x.head(d) = rows.row(i).transpose();
            const double squared = x.dot(factor->solve(x));
            EXPECT_NEAR(found(i) * found(i), squared, 1e-10 * squared) << n << " " << i;
          }
        }
        EXPECT_THROW(static_cast<void>(packed.inverse_norms({rows.data(), 1, d + 1}, intercept)),
                     UsageError);
      });
    }
  }
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/symmetric.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "recant/core/error.hpp"

namespace recant {
namespace {

class Symmetric : public testing::TestWithParam<Index> {
 protected:
  [[nodiscard]] Matrix random(Index rows, Index cols) {
    return Matrix::NullaryExpr(rows, cols, [&] { return normal_(engine_); });
  }
  /// Symmetric, with NaN where nothing may be read.
  [[nodiscard]] Matrix lower_of(const Matrix& full) const {
    Matrix lower = full;
    lower.triangularView<Eigen::StrictlyUpper>().setConstant(std::nan(""));
    return lower;
  }
  std::mt19937_64 engine_{3};
  std::normal_distribution<double> normal_;
};

TEST_P(Symmetric, ProductsReadAndWriteTheLowerTriangleAlone) {
  const Index p = GetParam();
  const Matrix half = random(p, p), full = half + half.transpose();
  const Vector v = random(p, 1);
  const double size = 1e-14 * static_cast<double>(p + 1) * (1 + full.norm());
  EXPECT_LE((symmetric_times(lower_of(full), v) - full * v).norm(), size * (1 + v.norm()));
  for (const Index k : {Index{0}, Index{1}, Index{3}, Index{70}}) {
    const Matrix u = random(p, k);
    for (const double sign : {1.0, -1.0}) {
      Matrix changed = lower_of(full);
      add_outer_products(changed, u, sign);
      const Matrix wanted = full + sign * (u * u.transpose());
      for (Index j = 0; j < p; ++j) {
        for (Index i = 0; i < p; ++i) {
          if (i < j) {
            EXPECT_TRUE(std::isnan(changed(i, j)));
          } else {
            EXPECT_NEAR(changed(i, j), wanted(i, j), size * static_cast<double>(k + 1));
          }
        }
      }
    }
    const Matrix products = inner_products(u), naive = u.transpose() * u;
    ASSERT_EQ(products.rows(), k);
    for (Index j = 0; j < k; ++j) {
      for (Index i = 0; i < k; ++i) {
        if (i < j) continue;
        EXPECT_NEAR(products(i, j), naive(i, j), size * static_cast<double>(p + 1));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Symmetric, testing::Values(0, 1, 2, 7, 64, 101));

TEST(Symmetric, TakeColumnsOfALargerMatrix) {
  Matrix wide(2, 4);
  wide << 9, 1, 3, 9, 9, 2, 4, 9;
  EXPECT_EQ(inner_products(wide.middleCols(1, 2)), (Matrix{{5, 0}, {11, 25}}));
  Matrix sums = Matrix::Zero(2, 2);
  add_outer_products(sums, wide.middleCols(1, 2));
  EXPECT_EQ(sums, (Matrix{{10, 0}, {14, 20}}));
}

TEST(Symmetric, RefuseShapesThatDoNotFit) {
  Matrix square = Matrix::Identity(3, 3);
  EXPECT_THROW(static_cast<void>(symmetric_times(square, Vector::Ones(2))), UsageError);
  EXPECT_THROW(add_outer_products(square, Matrix::Ones(2, 1)), UsageError);
  EXPECT_THROW(static_cast<void>(symmetric_times(Matrix::Ones(3, 2), Vector::Ones(3))), UsageError);
}

}  // namespace
}  // namespace recant

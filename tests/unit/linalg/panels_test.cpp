// SPDX-License-Identifier: Apache-2.0
/// Matrices so wide that work on them goes panel by panel, and can be stopped between two.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <thread>

#include "problems.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/packed_factor.hpp"
#include "recant/linalg/shrinking_matrix.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kWidth = 1100;  // more than 1024, and no multiple of a panel

struct Wide : testing::Test {
  ~Wide() override { set_threads(0); }

  Random random{3};
  /// Diagonal plus rank 40: of few eigenvalues, and one row and column unlike another.
  Matrix u = random.normal_matrix(kWidth, 40);
  Vector diagonal = Vector::LinSpaced(kWidth, 1, 9);
  Matrix a = Matrix(diagonal.asDiagonal()) + u * u.transpose();
};

/// L of A = L L^T, and nothing above its diagonal.
Matrix lower_of(const Matrix& a) {
  const auto factor = Cholesky::factor(a);
  return factor ? Matrix(factor->lower().triangularView<Eigen::Lower>()) : Matrix();
}

TEST_F(Wide, FactorsMultiplyToTheMatrix) {
  for (const Index n : {Index{1025}, kWidth, Index{1700}}) {
    const Matrix columns = random.normal_matrix(n, 5), v = random.normal_matrix(n, 2);
    Matrix whole = Matrix(Vector::LinSpaced(n, 1, 9).asDiagonal()) + columns * columns.transpose();
    const Matrix lower = lower_of(whole);
    ASSERT_EQ(lower.rows(), n);
    const Matrix half = lower.transpose() * v;
    EXPECT_LT((lower * half - whole * v).norm(), 1e-14 * whole.norm() * v.norm()) << n;
  }
}

TEST_F(Wide, ReadsAndWritesTheLowerTriangleOnly) {
  const Matrix wanted = lower_of(a);
  const Vector values = eigenvalues(a).values;
  a.triangularView<Eigen::StrictlyUpper>().setConstant(7);
  EXPECT_EQ(lower_of(a), wanted);
  EXPECT_EQ(eigenvalues(a).values, values);
  add_outer_products(a, u, -1);
  a.triangularView<Eigen::Lower>().setConstant(7);
  EXPECT_EQ(a, Matrix::Constant(kWidth, kWidth, 7));
}

TEST_F(Wide, IsTheSameForAnyNumberOfThreads) {
  const Matrix b = random.normal_matrix(kWidth, 300);
  set_threads(1);
  const auto factor = Cholesky::factor(a);
  const Matrix half = factor->half_solve(b);
  const Vector values = eigenvalues(a).values;
  for (const int threads : {2, 5}) {
    set_threads(threads);
    const auto again = Cholesky::factor(a);
    EXPECT_EQ(again->lower(), factor->lower());
    EXPECT_EQ(again->half_solve(b), half);
    EXPECT_EQ(eigenvalues(a).values, values);
  }
}

TEST_F(Wide, SolvesAsANarrowOneDoes) {
  const Matrix b = random.normal_matrix(kWidth, 300);
  const auto factor = Cholesky::factor(a);
  const Eigen::LLT<Matrix> other(a);
  const Matrix half = other.matrixL().solve(b);
  EXPECT_LT((factor->half_solve(b) - half).norm(), 1e-12 * half.norm());
  const Matrix x = factor->solve_columns(b.leftCols(3));
  EXPECT_LT((a * x - b.leftCols(3)).norm(), 1e-12 * b.norm());
}

TEST_F(Wide, IsRefusedWhenNotPositiveDefinite) {
  for (const Index i : {Index{3}, Index{700}, kWidth - 1}) {
    Matrix bad = a;
    bad(i, i) = -1;
    EXPECT_FALSE(Cholesky::factor(bad)) << i;
    for (const Index j : {Index{0}, i / 2, i}) {
      for (const double number : {kNaN, std::numeric_limits<double>::infinity()}) {
        bad = a;
        bad(i, j) = number;
        EXPECT_FALSE(Cholesky::factor(bad)) << number << " at " << i << ", " << j;
      }
    }
  }
}

TEST_F(Wide, HasTheEigenvaluesItWasMadeWith) {
  // Of diag(1 .. 9) + U U^T: the trace, the sum of squares, and between them those of the diagonal.
  const Eigenvalues found = eigenvalues(a);
  EXPECT_NEAR(found.values.sum(), a.trace(), 1e-12 * a.trace());
  EXPECT_NEAR(found.values.squaredNorm(), a.squaredNorm(), 1e-11 * a.squaredNorm());
  for (Index k = 0; k + 40 < kWidth; ++k) {
    EXPECT_GE(found.values(k), diagonal(k) - 1e-11);
    EXPECT_LE(found.values(k), diagonal(k + 40) + 1e-11);
  }
  const Matrix turned = 3 * Matrix::Identity(kWidth, kWidth) -
                        u.col(0) * u.col(0).transpose() / u.col(0).squaredNorm();
  const Vector values = eigenvalues(turned).values;
  EXPECT_NEAR(values(0), 2, 1e-12);
  EXPECT_LT((values.tail(kWidth - 1).array() - 3).abs().maxCoeff(), 1e-12);
}

TEST_F(Wide, EigenvaluesOfAnySizeDoNotOverflow) {
  const Vector values = eigenvalues(a).values;
  for (const double scale : {0x1p-990, 0x1p-500, 0x1p500, 0x1p1000}) {
    EXPECT_EQ(eigenvalues(scale * a).values, scale * values) << scale;
  }
  EXPECT_TRUE(eigenvalues(Matrix::Zero(kWidth, kWidth)).values.isZero());
}

TEST_F(Wide, SumsOfProducts) {
  Matrix wanted = a;
  wanted.selfadjointView<Eigen::Lower>().rankUpdate(u, -0.5);
  add_outer_products(a, u, -0.5);
  EXPECT_LT((a - wanted).norm(), 1e-14 * wanted.norm());
  const Matrix many = random.normal_matrix(kWidth, 600);
  Matrix sum = Matrix::Zero(kWidth, kWidth);
  add_outer_products(sum, many, 1);
  const Matrix whole = many * many.transpose();
  EXPECT_LT((Matrix(sum.selfadjointView<Eigen::Lower>()) - whole).norm(), 1e-14 * whole.norm());
  const Matrix transposed = many.transpose(), products = inner_products(transposed);
  EXPECT_LT((Matrix(products.selfadjointView<Eigen::Lower>()) - whole).norm(),
            1e-14 * whole.norm());
}

// -- stopped from elsewhere ----------------------------------------------------------------------

struct Stopped {};

/// Runs work while another thread presses the key once the check has been asked a few times.
/// @return how often it was asked.
int pressed_during(const std::function<void()>& work) {
  std::atomic<int> asked{0};
  std::atomic<bool> pressed{false};
  std::jthread other([&](const std::stop_token& over) {
    while (asked < 3 && !over.stop_requested()) std::this_thread::yield();
    pressed = true;
  });
  const InterruptCheck check([&] {
    if (++asked < 3) return;
    while (!pressed) std::this_thread::yield();
    throw Stopped();
  });
  EXPECT_THROW(work(), Stopped);
  return asked;
}

TEST_F(Wide, EveryWorkStopsBetweenTwoPanels) {
  const auto factor = Cholesky::factor(a);
  const Matrix b = random.normal_matrix(kWidth, 1500);
  Matrix sum = a;
  ShrinkingMatrix shrinking(a, factor);
  const PackedFactor packed(*factor);
  const RowsView rows(b.data(), 1000, kWidth - 1);
  const std::map<std::string, std::function<void()>> works{
      {"factor", [&] { static_cast<void>(Cholesky::factor(a)); }},
      {"half_solve", [&] { static_cast<void>(factor->half_solve(b)); }},
      {"solve_columns", [&] { static_cast<void>(factor->solve_columns(b)); }},
      {"eigenvalues", [&] { static_cast<void>(eigenvalues(a)); }},
      {"sum", [&] { add_outer_products(sum, u, 1); }},
      {"shrinking matrix", [&] { shrinking.add(u); }},
      {"inner products", [&] { static_cast<void>(inner_products(b)); }},
      {"packing", [&] { static_cast<void>(PackedFactor(*factor)); }},
      {"inverse norms", [&] { static_cast<void>(packed.inverse_norms(rows, true)); }}};
  set_threads(1);  // else others may take every panel before this thread gets to ask
  for (const auto& [name, work] : works) EXPECT_EQ(pressed_during(work), 3) << name;
  // What was read only is as it was.
  EXPECT_EQ(Cholesky::factor(a)->lower(), factor->lower());
}

TEST_F(Wide, StopsWithinATaskOfAnotherThread) {
  set_threads(2);
  std::atomic<int> factors{0};
  const auto caller = std::this_thread::get_id();
  const InterruptCheck check([&] {
    if (factors > 0) throw Stopped();
  });
  const auto pass = [&] {
    parallel_for(2, [&](Index) {
      if (std::this_thread::get_id() == caller) return;
      for (int k = 0; k < 1000; ++k) {
        static_cast<void>(Cholesky::factor(a));
        ++factors;
      }
    });
  };
  // Where the caller took both tasks there was nothing to stop.
  while (factors == 0) {
    try {
      pass();
    } catch (const Stopped&) {
    }
  }
  EXPECT_LT(factors, 100);
}

}  // namespace
}  // namespace recant::test

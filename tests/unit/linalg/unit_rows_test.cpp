// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/unit_rows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#include "instruction_sets.hpp"

namespace recant {
namespace {

/// Rows, width, columns.
using Shape = std::tuple<Index, Index, Index>;

long double spread(const Vector& x, const Matrix& v) {
  long double least = 0, most = 0;
  for (Index c = 0; c < v.cols(); ++c) {
    long double sum = 0;
    for (Index j = 0; j < x.size(); ++j) sum += static_cast<long double>(x(j)) * v(j, c);
    least = c == 0 ? sum : std::min(least, sum);
    most = c == 0 ? sum : std::max(most, sum);
  }
  return v.cols() == 1 ? std::abs(most) : most - least;
}

class UnitRowsOf : public testing::TestWithParam<Shape> {};

TEST_P(UnitRowsOf, BoundTheLargestSpreadClosely) {
  const auto [rows, width, columns] = GetParam();
  std::mt19937_64 engine(11);
  std::normal_distribution<double> normal;
  const auto random = [&] { return normal(engine); };
  for (const double row_size : {1.0, 1e-160, 1e30, 1e-30}) {
    for (const double column_size : {1.0, 1e-100, 1e100}) {
      const Matrix x = row_size * Matrix::NullaryExpr(width, rows, random);
      Matrix v = column_size * Matrix::NullaryExpr(width, columns, random);
      if (columns > 1) v.col(1) *= 1e-9;
      UnitRows kept(rows, width);
      for (Index i = 0; i < rows; ++i) kept.set(i, x.col(i));
      long double truth = 0;
      for (Index i = 0; i < rows; ++i) truth = std::max(truth, spread(x.col(i), v));
      const double longest =
          kept.lengths().maxCoeff() * column_size * (v / column_size).colwise().norm().maxCoeff();
      for_each_instruction_set([&, width = width, columns = columns] {
        const double found = kept.largest_spread(v);
        EXPECT_GE(found, truth);
        const double off = (columns > 1 ? 2.2 : 1.1) * 0x1p-23 * static_cast<double>(width + 8);
        EXPECT_LE(found, truth + off * longest);
      });
    }
  }
}

/// Never of a limit below the truth, always of one above it by what 16 bits leave open.
TEST_P(UnitRowsOf, AnswerOfALimitOnTheSafeSide) {
  const auto [rows, width, columns] = GetParam();
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  const auto random = [&] { return normal(engine); };
  for (const double size : {1.0, 1e-100, 1e100}) {
    Matrix directions = Matrix::NullaryExpr(width, rows, random);
    directions.colwise().normalize();
    const Matrix x = size * directions;
    Vector v = Vector::NullaryExpr(width, random) / size;
    if (columns > 1) v = x.col(rows - 1) / size / size;  // as far as Cauchy and Schwarz go
    UnitRows kept(rows, width);
    for (Index i = 0; i < rows; ++i) kept.set(i, x.col(i));
    double truth = 0;
    for (Index i = 0; i < rows; ++i) {
      truth = std::max(truth, static_cast<double>(spread(x.col(i), v)));
    }
    const double open = 1.1 * (std::sqrt(static_cast<double>(width)) + 1) * 0x1p-15 *
                        kept.lengths().maxCoeff() * (v * size).norm() / size;
    for_each_instruction_set([&] {
      EXPECT_FALSE(kept.is_spread_at_most(v, truth * (1 - 1e-12)));
      EXPECT_TRUE(kept.is_spread_at_most(v, std::min(truth + open, 1e300)));
      EXPECT_FALSE(kept.is_spread_at_most(v, 0));
      EXPECT_FALSE(kept.is_spread_at_most(v, std::nan("")));
    });
    // Of rows of all lengths.
    truth = 0;
    for (Index i = 0; i < rows; ++i) {
      const Vector longer = static_cast<double>(1 + i % 5) * x.col(i);
      kept.set(i, longer);
      truth = std::max(truth, static_cast<double>(spread(longer, v)));
    }
    for_each_instruction_set([&] {
      EXPECT_FALSE(kept.is_spread_at_most(v, truth * (1 - 1e-12)));
      EXPECT_TRUE(kept.is_spread_at_most(v, 5.1 * (v * size).norm()));
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, UnitRowsOf,
                         testing::Values(Shape{1, 1, 1}, Shape{2, 3, 1}, Shape{16, 5, 1},
                                         Shape{17, 101, 1}, Shape{64, 100, 1}, Shape{65, 33, 1},
                                         Shape{130, 8, 1}, Shape{5, 785, 1}, Shape{33, 7, 2},
                                         Shape{70, 12, 3}, Shape{20, 784, 2}, Shape{3, 2000, 4},
                                         Shape{16, 1, 10}));

TEST(UnitRows, AlongARowReachItsLengthAndNeverLess) {
  // No product of numbers is closer to Cauchy and Schwarz: rounding downward would show.
  std::mt19937_64 engine(5);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int i = 0; i < 2000; ++i) {
    const Vector x = Vector::NullaryExpr(1 + i % 40, [&] { return uniform(engine); });
    UnitRows kept(1, x.size());
    kept.set(0, x);
    const long double truth = spread(x, x);
    EXPECT_GE(kept.largest_spread(x), truth);
    EXPECT_LE(kept.largest_spread(x), truth * 1.00001L);
  }
}

TEST(UnitRows, DoNotLoseWhatIsNoNumber) {
  UnitRows kept(3, 2);
  kept.set(1, Vector{{3, 4}});
  EXPECT_EQ(kept.lengths()(1), 5);
  EXPECT_TRUE(std::isnan(kept.largest_spread(Vector{{1, std::nan("")}})));
  EXPECT_TRUE(std::isnan(kept.largest_spread(Vector{{std::nan(""), 1}})));
  EXPECT_EQ(kept.largest_spread(Vector{{std::numeric_limits<double>::infinity(), 1}}),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(kept.largest_spread(Vector{{0, 0}}), 0);
  EXPECT_FALSE(kept.is_spread_at_most(Vector{{1, std::nan("")}}, 1e300));
  EXPECT_FALSE(kept.is_spread_at_most(Vector{{1e300, 1e300}}, 1e300));
  EXPECT_TRUE(kept.is_spread_at_most(Vector{{0, 0}}, 1e-300));
  Matrix columns = Matrix::Ones(2, 2);
  columns(1, 0) = std::nan("");
  EXPECT_TRUE(std::isnan(kept.largest_spread(columns)));
}

TEST(UnitRows, ForgetARowAltogether) {
  UnitRows kept(2, 3);
  kept.set(0, Vector{{1, 0, 0}});
  kept.set(1, Vector{{0, 2, 5}});
  EXPECT_GT(kept.largest_spread(Vector{{0, 1, 0}}), 1.9);
  kept.clear(1);
  EXPECT_EQ(kept.lengths()(1), 0);
  EXPECT_LT(kept.largest_spread(Vector{{0, 1, 0}}), 1e-5);
  EXPECT_TRUE(kept.is_spread_at_most(Vector{{0, 1, 0}}, 1e-3));
  UnitRows same(2, 3);
  same.set(0, Vector{{1, 0, 0}});
  EXPECT_TRUE(std::equal(same.directions().begin(), same.directions().end(),
                         kept.directions().begin(), kept.directions().end()));
}

TEST(UnitRows, AreRestoredFromWhatTheyCanHaveMadeAlone) {
  UnitRows kept(2, 3);
  kept.set(0, Vector{{1, -2, 0.5}});
  const std::vector<float> directions(kept.directions().begin(), kept.directions().end());
  UnitRows again(2, 3);
  ASSERT_TRUE(again.restore(kept.lengths(), directions));
  EXPECT_EQ(again.largest_spread(Vector{{1, 1, 1}}), kept.largest_spread(Vector{{1, 1, 1}}));
  EXPECT_FALSE(again.is_spread_at_most(Vector{{1, -2, 0.5}}, 5));
  EXPECT_TRUE(again.is_spread_at_most(Vector{{1, -2, 0.5}}, 5.3));

  EXPECT_FALSE(again.restore(Vector::Ones(3), directions));
  EXPECT_FALSE(again.restore(Vector{{1, -1}}, directions));
  EXPECT_FALSE(again.restore(Vector{{1, std::nan("")}}, directions));
  for (const float wrong : {1.1F, -2.0F, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    auto damaged = directions;
    damaged[0] = wrong;
    EXPECT_FALSE(again.restore(kept.lengths(), damaged)) << wrong;
  }
  // Each number may be of a unit row, but not all of them; and there is no third row.
  auto longer = directions;
  for (std::size_t j = 0; j < 3; ++j) longer[16 * j] = 0.9F;
  EXPECT_FALSE(again.restore(kept.lengths(), longer));
  auto third = directions;
  third[2] = 0.1F;
  EXPECT_FALSE(again.restore(kept.lengths(), third));
  EXPECT_FALSE(again.restore(kept.lengths(), std::vector<float>(directions.size() + 1)));
  EXPECT_EQ(again.lengths(), kept.lengths());
}

}  // namespace
}  // namespace recant

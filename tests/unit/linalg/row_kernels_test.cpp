// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/row_kernels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "instruction_sets.hpp"

namespace recant {
namespace {

/// Rows, stored features, classes, intercept.
using Shape = std::tuple<Index, Index, Index, bool>;

class RowKernels : public testing::TestWithParam<Shape> {
 protected:
  [[nodiscard]] Matrix random(Index rows, Index cols) {
    return Matrix::NullaryExpr(rows, cols, [&] { return normal_(engine_); });
  }
  [[nodiscard]] RowsView view() const { return {stored_.data(), m_, d_}; }

  std::mt19937_64 engine_{7};
  std::normal_distribution<double> normal_;
  const Index m_ = std::get<0>(GetParam()), d_ = std::get<1>(GetParam()),
              classes_ = std::get<2>(GetParam());
  const bool intercept_ = std::get<3>(GetParam());
  const Index p_ = d_ + (intercept_ ? 1 : 0);
  const RowMatrix stored_ = random(m_, d_);
  /// [X 1], spelled out.
  const Matrix x_ = [this] {
    Matrix x = Matrix::Ones(m_, p_);
    x.leftCols(d_) = stored_;
    return x;
  }();
};

void expect_near(const Matrix& actual, const Matrix& naive, double size) {
  ASSERT_EQ(actual.rows(), naive.rows());
  ASSERT_EQ(actual.cols(), naive.cols());
  for (Index i = 0; i < naive.rows(); ++i) {
    for (Index j = 0; j < naive.cols(); ++j) {
      ASSERT_NEAR(actual(i, j), naive(i, j), 1e-14 * size) << i << ", " << j;
    }
  }
}

TEST_P(RowKernels, Scores) {
  const Matrix coefficients = random(p_, classes_);
  Matrix naive = Matrix::Zero(m_, classes_);
  for (Index i = 0; i < m_; ++i) {
    for (Index c = 0; c < classes_; ++c) {
      for (Index j = 0; j < p_; ++j) naive(i, c) += x_(i, j) * coefficients(j, c);
    }
  }
  for_each_instruction_set([&] {
    // What stood in the output before must not matter.
    Matrix scores = Matrix::Constant(m_, classes_, std::nan(""));
    row_scores(view(), intercept_, coefficients, scores);
    expect_near(scores, naive, 10.0 * static_cast<double>(p_ + 1));
    Matrix before_adding(m_, classes_);
    row_scores(view(), intercept_, coefficients, before_adding, AfterScores::kAddSameRows);
    EXPECT_EQ(before_adding, scores) << "what is asked of memory changes no bit";
  });
}

TEST_P(RowKernels, Norms) {
  for_each_instruction_set([&] {
    Vector norms = Vector::Constant(m_, std::nan(""));
    row_norms(view(), intercept_, norms);
    expect_near(norms, x_.rowwise().norm(), 10.0 * static_cast<double>(p_ + 1));
  });
}

TEST(RowKernelsOfRows, AreEqualForEqualRowsAndColumnsWhereverTheyStand) {
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  for (const Index d : {37, 197}) {  // short, and long enough to be a stream of its own
    const Matrix row = Matrix::NullaryExpr(1, d, [&] { return normal(engine); });
    const RowMatrix rows = row.replicate(29, 1);
    const RowsView view(rows.data(), 29, d);
    const Matrix coefficients = Matrix::NullaryExpr(d + 1, 17, [&] { return normal(engine); });
    for_each_instruction_set([&] {
      Matrix scores(29, 17), alone(29, 1);
      Vector norms(29);
      row_scores(view, true, coefficients, scores);
      row_norms(view, true, norms);
      for (Index i = 1; i < 29; ++i) {
        ASSERT_EQ(scores.row(i), scores.row(0)) << i;
        ASSERT_EQ(norms(i), norms(0)) << i;
      }
      for (Index c = 0; c < 17; ++c) {
        row_scores(view, true, coefficients.col(c), alone);
        ASSERT_EQ(alone, scores.col(c)) << c;
      }
    });
  }
}

TEST(RowNorms, AreNotBelowTheTruthWhereSquaresVanish) {
  std::mt19937_64 engine(5);
  std::normal_distribution<double> normal;
  const Matrix random = Matrix::NullaryExpr(11, 13, [&] { return normal(engine); });
  for_each_instruction_set([&] {
    for (const int exponent : {-1060, -1022, -600, -540, -530, -490, -470, 0}) {
      RowMatrix rows = random.unaryExpr([&](double x) { return std::ldexp(x, exponent); });
      rows.row(7).setZero();
      Vector norms(11);
      row_norms({rows.data(), 11, 13}, false, norms);
      for (Index i = 0; i < 11; ++i) {
        const auto wanted = rows.row(i).cast<long double>().norm();  // its exponents go further
        EXPECT_LE(wanted * (1 - 1e-15L), norms(i)) << exponent;
        EXPECT_GE(wanted * (1 + 1e-15L) + 0x1p-1073L, norms(i)) << exponent;
      }
      EXPECT_EQ(norms(7), 0);
    }
  });
}

TEST(LargestSize, IsThatOfRowsWithWeightAndNoNumberIfOneIsNot) {
  const double none = std::nan(""), infinite = HUGE_VAL;
  for_each_instruction_set([&] {
    EXPECT_EQ(largest_size(Vector(0), Vector(0)), 0);
    for (const Index n : {1, 3, 8, 17, 32}) {
      for (Index at = 0; at < n; ++at) {
        Vector values = Vector::LinSpaced(n, -0.5, 0.5), weights = Vector::Ones(n);
        values(at) = -7;
        EXPECT_EQ(largest_size(values, weights), 7);
        for (const double wrong : {none, infinite}) {
          values(at) = wrong;
          EXPECT_TRUE(std::isnan(largest_size(values, weights))) << n << " " << at;
        }
        for (const double without : {0.0, -1.0}) {
          weights(at) = without;
          EXPECT_LE(largest_size(values, weights), 0.5);
        }
      }
    }
  });
}

TEST(Weigh, MultipliesResidualsAndAddsUpValuesAndSizes) {
  std::mt19937_64 engine(5);
  std::normal_distribution<double> normal;
  const auto draw = [&](Index n) -> Vector {
    return Vector::NullaryExpr(n, [&] { return normal(engine); });
  };
  for (const Index n : {0, 1, 3, 8, 17, 32, 100}) {
    const Vector weights = draw(n), norms = draw(n).cwiseAbs(), values = draw(n);
    const Vector residuals = draw(n), weighted = weights.cwiseProduct(residuals);
    double of_values = 0, of_sizes = 0;
    for (Index i = 0; i < n; ++i) {
      of_values += weights(i) * values(i);
      of_sizes += std::abs(weighted(i)) * norms(i);
    }
    for_each_instruction_set([&] {
      Vector out = residuals;
      const WeightedSums sums = weigh(weights, norms, values, out);
      EXPECT_EQ(out, weighted);
      EXPECT_NEAR(sums.values, of_values, 1e-14 * static_cast<double>(n + 1));
      EXPECT_NEAR(sums.sizes, of_sizes, 1e-14 * static_cast<double>(n + 1));
      out = residuals;
      const WeightedSums without = weigh(weights, norms, Vector(), out);
      EXPECT_EQ(without.values, 0);
      EXPECT_EQ(without.sizes, sums.sizes);
      if (n == 0) return;
      out = residuals;
      out(n - 1) = std::nan("");
      EXPECT_TRUE(std::isnan(weigh(weights, norms, values, out).sizes));
    });
  }
}

TEST_P(RowKernels, WeightedRowsAreAdded) {
  const Matrix factors = random(m_, classes_), before = random(p_, classes_);
  Matrix naive = before;
  for (Index j = 0; j < p_; ++j) {
    for (Index c = 0; c < classes_; ++c) {
      for (Index i = 0; i < m_; ++i) naive(j, c) += x_(i, j) * factors(i, c);
    }
  }
  for_each_instruction_set([&] {
    Matrix sums = before;
    add_weighted_rows(view(), intercept_, factors, sums);
    expect_near(sums, naive, 10.0 * static_cast<double>(m_ + 1));
  });
}

TEST_P(RowKernels, WeightedGramIsAddedToTheLowerTriangle) {
  std::vector<double> weights(static_cast<std::size_t>(m_));
  for (double& weight : weights) weight = std::abs(normal_(engine_));
  if (m_ > 1) weights[1] = 0;
  const Matrix before = random(p_, p_);
  Matrix naive = Matrix::Zero(p_, p_);
  for (Index j = 0; j < p_; ++j) {
    for (Index k = 0; k <= j; ++k) {
      for (Index i = 0; i < m_; ++i) {
        naive(j, k) += weights[static_cast<std::size_t>(i)] * x_(i, j) * x_(i, k);
      }
    }
  }
  for_each_instruction_set([&] {
    GramScratch scratch;
    const auto half = static_cast<std::size_t>(m_ / 2);  // appended in two parts
    scratch.begin(p_);
    scratch.append({stored_.data(), m_ / 2, d_}, intercept_, std::span(weights).first(half));
    scratch.append({stored_.data() + m_ / 2 * d_, m_ - m_ / 2, d_}, intercept_,
                   std::span(weights).subspan(half));
    for (const double sign : {1.0, -1.0}) {
      Matrix gram = before;
      scratch.add_gram(sign, gram, view());
      const Matrix wanted = before + sign * naive;
      const Matrix lower = gram.triangularView<Eigen::Lower>();
      expect_near(lower, wanted.triangularView<Eigen::Lower>(), 30.0 * static_cast<double>(m_ + 1));
      const Matrix above = gram.triangularView<Eigen::StrictlyUpper>();
      EXPECT_EQ(above, Matrix(before.triangularView<Eigen::StrictlyUpper>())) << "left alone";
      for (const Index parts : {1, 2, 5, 16}) {
        Matrix in_parts = before;
        for (Index part = parts; part-- > 0;) scratch.add_gram_part(sign, in_parts, part, parts);
        EXPECT_EQ(in_parts, gram) << parts;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, RowKernels,
                         testing::Combine(testing::Values(0, 1, 5, 33, 256),
                                          testing::Values(0, 1, 7, 8, 77, 104, 130),
                                          testing::Values(1, 3, 4, 8), testing::Bool()));

TEST(GramScratch, IsReusedForASmallerAndForAnotherShape) {
  const RowMatrix large = RowMatrix::Constant(8, 3, 2), small = RowMatrix::Constant(2, 3, 1);
  const RowMatrix slim = RowMatrix::Constant(4, 2, 1);
  const std::vector<double> ones(8, 1);
  GramScratch scratch;
  const auto corner = [&](const RowMatrix& rows) {
    scratch.begin(rows.cols());
    scratch.append({rows.data(), rows.rows(), rows.cols()}, false, ones);
    Matrix gram = Matrix::Zero(rows.cols(), rows.cols());
    scratch.add_gram(1, gram);
    return gram(rows.cols() - 1, 0);
  };
  EXPECT_EQ(corner(large), 32);
  EXPECT_EQ(corner(small), 2);  // the rows of the larger block must not be counted
  EXPECT_EQ(corner(slim), 4);
  EXPECT_EQ(corner(large), 32);
}

TEST(GramScratch, AddsIntoABlockOfALargerMatrix) {
  const RowMatrix rows = RowMatrix::Constant(4, 2, 1);
  const std::vector<double> ones(4, 1);
  Matrix whole = Matrix::Zero(6, 6);
  GramScratch scratch;
  scratch.begin(2);
  scratch.append({rows.data(), 4, 2}, false, ones);
  scratch.add_gram(1, whole.block(1, 1, 2, 2));
  EXPECT_EQ(whole(2, 1), 4);
  whole.block(1, 1, 2, 2).setZero();
  EXPECT_EQ(whole.norm(), 0);  // nothing is written outside the block
}

TEST(GramScratch, TakesColumnsOfALargerMatrixAsRows) {
  std::mt19937_64 engine(5);
  std::normal_distribution<double> normal;
  const Matrix large = Matrix::NullaryExpr(90, 40, [&] { return normal(engine); });
  const auto u = large.block(3, 2, 77, 33);
  const RowMatrix rows = u.transpose();
  const std::vector<double> ones(33, 1);
  for_each_instruction_set([&] {
    Matrix by_columns = Matrix::Zero(77, 77), by_rows = by_columns;
    GramScratch scratch;
    scratch.begin(77, 33);
    scratch.append_columns(u);
    scratch.add_gram(-1, by_columns);
    scratch.begin(77);
    scratch.append({rows.data(), 33, 77}, false, ones);
    scratch.add_gram(-1, by_rows);
    EXPECT_EQ(by_columns, by_rows);
  });
}

TEST(GramScratch, OfNoFeaturesAddsNothingAndIsSilent) {
  Matrix gram(0, 0);
  GramScratch scratch;
  scratch.begin(0);
  scratch.append({nullptr, 4, 0}, false, std::vector<double>(4, 1));
  testing::internal::CaptureStderr();  // where BLAS complains
  scratch.add_gram(1, gram);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace recant

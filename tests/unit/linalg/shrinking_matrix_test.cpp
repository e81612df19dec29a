// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/shrinking_matrix.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>

#include "problems.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant::test {
namespace {

using Real = long double;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

Matrix positive_definite(Random& random, Index p) {
  const Matrix x = random.normal_matrix(3 * p + 2, p);
  return x.transpose() * x + Matrix::Identity(p, p);
}

void expect_is(const ShrinkingMatrix& found, const RealMatrix& wanted, Random& random,
               const std::string& what) {
  const Vector v = random.normals(found.size());
  const auto length = static_cast<double>(wanted.norm());
  const RealMatrix product = wanted * v.cast<Real>();
  EXPECT_LE((found.times(v) - product.cast<double>()).norm(), 1e-13 * length * v.norm()) << what;
  const Vector solution = found.solve(v);
  const RealMatrix left = v.cast<Real>() - wanted * solution.cast<Real>();
  EXPECT_LE(static_cast<double>(left.norm()), 1e-12 * (length * solution.norm() + v.norm()))
      << what;
}

TEST(ShrinkingMatrix, IsWhatIsLeft) {
  for (const Index p : {1, 2, 7, 40, 130}) {
    Random random(static_cast<std::uint64_t>(p));
    const Matrix a = positive_definite(random, p);
    ShrinkingMatrix h(a, Cholesky::factor(a));
    RealMatrix exact = a.cast<Real>();
    // One by one and several at once, past the room for columns and back.
    for (int step = 0; step < 40; ++step) {
      const Index k = step % 9 == 8 ? 20 : 1 + step % 3;
      const double size = 0.1 / std::sqrt(static_cast<double>(k));
      const Matrix u = size * random.normal_matrix(p, k) / std::sqrt(static_cast<double>(p));
      if (step % 13 == 12) {
        h.add(u);
        exact += u.cast<Real>() * u.cast<Real>().transpose();
      } else {
        h.remove(u);
        exact -= u.cast<Real>() * u.cast<Real>().transpose();
      }
      if (step % 17 == 16) h.settle();
      ASSERT_TRUE(h.factored());
      expect_is(h, exact, random, std::to_string(p) + ", step " + std::to_string(step));
    }
  }
}

/// With the caller's half solves it is the same to the last bit, also once A has changed; they are
/// taken for what they are said to be.
TEST(ShrinkingMatrix, TakesHalfSolvesOfItsFactor) {
  constexpr Index kSize = 40;
  Random random(11);
  const Matrix a = positive_definite(random, kSize);
  ShrinkingMatrix with(a, Cholesky::factor(a)), without(a, Cholesky::factor(a));
  const Vector v = random.normals(kSize);
  for (int step = 0; step < 40; ++step) {
    const Matrix u = 0.02 * random.normal_matrix(kSize, 1 + step % 2);
    const Index changes = with.changes();
    const bool room = with.has_room(u.cols());
    with.remove(u, with.half_solve(u));
    without.remove(u);
    EXPECT_EQ(with.changes() == changes, room) << step;
    ASSERT_TRUE(with.factored() && without.factored());
    ASSERT_EQ(with.solve(v), without.solve(v)) << step;
    ASSERT_EQ(with.other_half_solve(with.half_solve(v)), with.solve(v)) << step;
  }
  EXPECT_GE(with.changes(), 2) << "the factor hardly ever changed";

  ShrinkingMatrix wrong(a, Cholesky::factor(a)), right(a, Cholesky::factor(a));
  const Matrix u = 0.2 * random.normal_matrix(kSize, 1);
  wrong.remove(u, Matrix::Zero(kSize, 1));
  right.remove(u);
  EXPECT_NE(wrong.solve(v), right.solve(v)) << "they were worked out again";
}

TEST(ShrinkingMatrix, TellsWhatIsKeptAside) {
  Random random(5);
  const Matrix a = positive_definite(random, 60);
  const Cholesky factor = Cholesky::factor(a).value();
  ShrinkingMatrix h(a, factor);
  EXPECT_EQ(h.kept_share(), 0);
  EXPECT_EQ(h.kept(), 0);
  const Matrix u = 0.3 * random.normal_matrix(60, 9);
  h.remove(u.leftCols(4));
  h.remove(u.rightCols(5));
  EXPECT_EQ(h.kept(), 9);
  const Vector v = random.normals(60);
  EXPECT_EQ(h.less_kept(symmetric_times(a, v), v), h.times(v));
  const Vector less = h.less_kept(a * v, v);
  EXPECT_LE((less - (a * v - u * (u.transpose() * v))).norm(), 1e-13 * less.norm());
  const Matrix half = factor.half_solve(u);
  const double share = eigenvalues(half * half.transpose()).largest;
  EXPECT_GE(h.kept_share(), share * (1 - 1e-14));
  EXPECT_LT(h.kept_share(), half.squaredNorm()) << "no better than the trace";
  h.look_at_kept_share();
  EXPECT_GE(h.kept_share(), share * (1 - 1e-14));
  EXPECT_LE(h.kept_share(), 1.1 * share);
  h.settle();
  EXPECT_EQ(h.kept_share(), 0);
  EXPECT_EQ(h.kept(), 0);
  h.look_at_kept_share();
  EXPECT_EQ(h.kept_share(), 0);
}

TEST(ShrinkingMatrix, ShareIsNeverBelowTheTruth) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const Index size = 1 + static_cast<Index>(seed % 40);
    const Matrix a = positive_definite(random, size);
    const Cholesky factor = Cholesky::factor(a).value();
    ShrinkingMatrix h(a, factor);
    Matrix halves(size, 0);
    Index from = 0;
    // Far apart, alike, of very different sizes, and nothing at all.
    const Vector along = random.normals(size);
    for (Index k = 0; h.has_room(1) && h.kept_share() < 0.9; ++k) {
      Vector u = (k + seed) % 3 == 0 ? along : random.normals(size);
      if ((k + seed) % 7 == 0) u = std::exp(random.normals(1)(0) * 8) * u;
      u *= 0.02 * static_cast<double>(1 + seed % 9) / factor.half_solve(u).norm();
      if (k % 11 == 5) u.setZero();
      h.remove(u);
      if (h.kept() == 0) break;
      halves.conservativeResize(size, k + 1);
      halves.col(k) = factor.half_solve(u);
      const Matrix later = halves.rightCols(k + 1 - from);
      const double share = eigenvalues(later * later.transpose()).largest;
      ASSERT_GE(h.kept_share(), share * (1 - 1e-13)) << seed << ", " << k;
      if (k % 5 == 4) h.look_at_kept_share();
      ASSERT_GE(h.kept_share(), share * (1 - 1e-13)) << seed << ", " << k;
      if (seed % 2 == 1 && k % 6 == 3) {
        h.start_share();
        ASSERT_EQ(h.kept_share(), 0);
        h.look_at_kept_share();
        ASSERT_EQ(h.kept_share(), 0);
        from = k + 1;
      }
    }
  }
}

TEST(ShrinkingMatrix, SettledIsTheSameMatrix) {
  Random random(3);
  const Matrix a = positive_definite(random, 30);
  ShrinkingMatrix h(a);
  ASSERT_TRUE(h.factored());
  h.remove(0.1 * random.normal_matrix(30, 2));
  const Vector v = random.normals(30), before = h.times(v);
  EXPECT_EQ(h.matrix(), a) << "the columns are kept aside";
  h.settle();
  ASSERT_TRUE(h.factored());
  EXPECT_LE((h.times(v) - before).norm(), 1e-13 * before.norm());
  EXPECT_NE(h.matrix(), a);
}

TEST(ShrinkingMatrix, SaysThatNothingPositiveIsLeft) {
  for (const Index columns : {1, 40}) {
    ShrinkingMatrix h(Matrix::Identity(20, 20));
    ASSERT_TRUE(h.factored());
    Matrix u = Matrix::Zero(20, columns);
    u(3, 0) = 2;
    h.remove(u);
    h.settle();
    EXPECT_FALSE(h.factored());
    u(3, 0) = 3;
    h.add(u);
    EXPECT_TRUE(h.factored());
  }
}

}  // namespace
}  // namespace recant::test

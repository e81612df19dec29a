// SPDX-License-Identifier: Apache-2.0
// The share of curvature that has left, against all eigenvalues of G = L^{-1} U U^T L^{-T}.
#include "recant/unlearn/lost_curvature.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "problems.hpp"

namespace recant::test {
namespace {

/// A base of `size` and columns that leave it, some in half solves, some as they are; some kept
/// aside for a while, as ShrinkingMatrix keeps them.
class Leaving {
 public:
  Leaving(Index size, std::uint64_t seed)
      : random_(seed), size_(size), base_(some_factor(size, random_)), all_(size, 0) {
    lost_.pending.resize(size, LostCurvature::room(size, 1));
  }

  void leave(Index columns) {
    const Matrix u = 0.2 * random_.normal_matrix(size_, columns);
    const Matrix half = base_.half_solve(u);
    const bool solved = random_.uniform() < 0.5;
    if (aside_ + columns > kAside) {
      lost_.none_kept(share_aside());
      aside_ = 0;
    }
    all_.conservativeResize(size_, all_.cols() + columns);
    all_.rightCols(columns) = half;
    lost_.add(base_, solved ? half : u, solved, half.squaredNorm() * (1 + 1e-12), kRounding);
    aside_ += columns;
    if (lost_.loose()) lost_.look_at_kept(share_aside());
    lost_.look(base_, kRounding);
  }

  /// At least the truth, and not more than half above what it need be.
  void check() const {
    const double truth = largest(all_);
    EXPECT_GE(lost_.largest(), truth * (1 - 1e-12));
    EXPECT_LE(lost_.largest(), std::max(0.25, 4 * truth));
    EXPECT_NEAR(lost_.total, all_.squaredNorm(), 1e-9 * all_.squaredNorm());
    EXPECT_FALSE(lost_.loose() && lost_.known_columns < lost_.pending_columns);
  }
  [[nodiscard]] Index columns() const { return all_.cols(); }
  [[nodiscard]] const LostCurvature& lost() const { return lost_; }

 private:
  static constexpr double kRounding = 1e-13;
  static constexpr Index kAside = 12;

  static Cholesky some_factor(Index size, Random& random) {
    const Matrix x = random.normal_matrix(3 * size, size);
    Matrix a = x.transpose() * x;
    a.diagonal().array() += 1;
    return Cholesky::factor(std::move(a)).value();
  }
  static double largest(const Matrix& columns) {
    return Eigen::SelfAdjointEigenSolver<Matrix>(Matrix(columns * columns.transpose()))
        .eigenvalues()
        .maxCoeff();
  }
  [[nodiscard]] double share_aside() const { return largest(all_.rightCols(aside_)) * (1 + 1e-9); }

  Random random_;
  Index size_, aside_ = 0;
  Cholesky base_;
  Matrix all_;  // L^{-1} of all columns that left
  LostCurvature lost_;
};

TEST(LostCurvature, IsNeverBelowTheLargestEigenvalue) {
  for (const Index size : {1, 2, 5, 17, 40}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE(testing::Message() << "size " << size << ", seed " << seed);
      Leaving leaving(size, seed);
      // Also more than there is place for, so that a part is folded into the matrix.
      while (leaving.columns() < LostCurvature::room(size, 1) + 60) {
        leaving.leave(leaving.columns() < 200 ? 1 : 7);
        leaving.check();
        if (testing::Test::HasFailure()) return;
      }
      EXPECT_GT(leaving.lost().gram.size(), 0);
      EXPECT_GT(leaving.lost().known, 0);
    }
  }
}

TEST(LostCurvature, CostsNothingWhileTracesAreEnough) {
  Leaving leaving(40, 1);
  leaving.leave(1);
  EXPECT_EQ(leaving.lost().known, 0);
  EXPECT_EQ(leaving.lost().largest(), leaving.lost().total);
  EXPECT_FALSE(leaving.lost().loose());
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
// The share of curvature that has left, against all eigenvalues of G = L^{-1} U U^T L^{-T}.
#include "recant/unlearn/lost_curvature.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <tuple>

#include "problems.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

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
      aside_ = aside_before_ = 0;
    }
    all_.conservativeResize(size_, all_.cols() + columns);
    all_.rightCols(columns) = half;
    lost_.add(base_, solved ? half : u, solved, half.squaredNorm() * (1 + 1e-12));
    aside_ += columns;
    if (lost_.loose()) lost_.look_at_kept(share_aside());
    if (lost_.loose()) {
      lost_.look(base_, kRounding);
      aside_before_ = aside_;
    }
  }

  /// At least the truth, and not more than half above what it need be.
  void check() const {
    const double truth = largest(all_);
    EXPECT_GE(lost_.largest(), truth * (1 - 1e-12));
    EXPECT_LE(lost_.largest(), std::max(0.25, 4 * truth));
    EXPECT_NEAR(lost_.total, all_.squaredNorm(), 1e-9 * all_.squaredNorm());
    EXPECT_FALSE(lost_.loose() && lost_.since > 0);
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
  [[nodiscard]] double share_aside() const {
    return largest(all_.rightCols(aside_ - aside_before_)) * (1 + 1e-9);
  }

  Random random_;
  Index size_, aside_ = 0, aside_before_ = 0;  // before the last look
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

/// Of a deletion state, row after row until a base ends, through every kind of look.
TEST(LostCurvature, OfAStreamIsNeverBelowTheLargestEigenvalue) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSoftmax, LossKind::kSquared}) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      Random random(seed + 40);
      const Index columns = seed == 0 ? 60 : 12;
      const Dataset data = made_up_rows(random, 1200, columns, loss_of(kind));
      const Objective objective(data, loss_of(kind), true, 1);
      DeletionState state(objective, train(objective, data.weights).theta, data.weights);
      const Matrix h = state.base().hessian.selfadjointView<Eigen::Lower>();
      const Matrix root = Eigen::SelfAdjointEigenSolver<Matrix>(h).operatorInverseSqrt();
      const Contrast contrast(objective.loss(), objective.width());
      int compared = 0;
      for (Index row = 0; row < 1000 && state.status() == DeletionStatus::kDone; ++row) {
        const Index rows[] = {row};
        // Half a row now and then, and several at once.
        const Index pair[] = {row, row + 1};
        if (row % 50 == 49) {
          std::ignore = state.delete_rows(pair);
          ++row;
        } else if (row % 7 == 0) {
          std::ignore = state.reweight(rows, Vector{{-0.5}});
        } else {
          std::ignore = state.delete_rows(rows);
        }
        if (row % 9 != 0) continue;
        // The Hessian is linear in the weights.
        const Matrix left =
            contrast.reduce_hessian(objective.hessian(state.base().theta, state.weights()));
        const double truth = Eigen::SelfAdjointEigenSolver<Matrix>(root * (h - left) * root)
                                 .eigenvalues()
                                 .maxCoeff();
        ASSERT_GE(state.shrinkage(), truth - 1e-10) << row;
        if (state.status() != DeletionStatus::kDone) break;
        ASSERT_LE(state.shrinkage(), std::max(0.26, 2.2 * truth)) << row;
        ++compared;
      }
      EXPECT_GE(compared, 10);
      // A base ends by what has left, not by loose sums.
      EXPECT_EQ(state.status(), DeletionStatus::kRebuild);
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

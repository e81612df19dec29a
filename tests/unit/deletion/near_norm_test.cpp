// SPDX-License-Identifier: Apache-2.0
// A norm that is carried along, against the same in long double.
#include "recant/unlearn/near_norm.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <limits>

#include "problems.hpp"
#include "recant/linalg/symmetric.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

using Real = long double;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

/// H = B D B^T and A = B (I - S) D B^T, so that A >= (1 - max S) H with equality in a direction.
struct Pair {
  Matrix h, a;
  double share = 1;
  RealMatrix root;  // H = root root^T, for the truth
};

Pair pair_of(std::uint64_t seed) {
  Random random(seed);
  const Index size = 1 + static_cast<Index>(seed % 23);
  // Also such that the smallest eigenvalue is lost in the rounding of the largest.
  const double spread = std::pow(10.0, static_cast<double>(seed % 9));
  RealMatrix b = random.normal_matrix(size, size).cast<Real>();
  RealMatrix h(size, size), a(size, size);
  Eigen::Matrix<Real, Eigen::Dynamic, 1> d(size), left(size);
  for (Index i = 0; i < size; ++i) {
    d(i) = std::pow(static_cast<Real>(spread), -static_cast<Real>(i) / static_cast<Real>(size));
    left(i) = 1 - (i % 2 == 0 ? 0.49L * static_cast<Real>(random.uniform()) : 0.0L);
  }
  h = b * d.asDiagonal() * b.transpose();
  a = b * d.cwiseProduct(left).asDiagonal() * b.transpose();
  Pair pair{h.cast<double>(), a.cast<double>(), static_cast<double>(left.minCoeff()),
            b * d.cwiseSqrt().asDiagonal()};
  // The stored matrices are other ones, by their last digits: what that takes from the share.
  const Eigen::SelfAdjointEigenSolver<RealMatrix> solver(h);
  const Real least = solver.eigenvalues()(0);
  pair.share -= static_cast<double>(4 * h.norm() * 0x1p-52L / least);
  return pair;
}

Real norm_in(const Matrix& h, const Vector& v) {
  const RealMatrix wide = h.cast<Real>();
  const Eigen::Matrix<Real, Eigen::Dynamic, 1> x = v.cast<Real>();
  return std::sqrt(std::max<Real>(x.dot(wide * x), 0));
}

NearNorm near(const Pair& pair, const Vector& at) {
  return {.at = at,
          .in_h = symmetric_times(pair.h, at),
          .in_a = symmetric_times(pair.a, at),
          .share = pair.share};
}

TEST(NearNorm, IsNeverBelowTheTruthAndHardlyAboveIt) {
  int answered = 0, asked = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const Pair pair = pair_of(seed);
    if (!(pair.share > 0)) continue;
    Random random(seed + 77);
    const Vector at = std::exp(3 * random.normals(1)(0)) * random.normals(pair.h.rows());
    const NearNorm norm = near(pair, at);
    for (const double far : {0.0, 1e-15, 1e-9, 1e-4, 0.03, 0.3, 1.0, 10.0}) {
      const Vector v = at + far * at.norm() * random.normals(at.size());
      const double scale = pair.h.norm() * 1.0001;
      const auto found = norm.of(v, symmetric_times(pair.a, v), scale);
      ++asked;
      if (!found) continue;
      ++answered;
      const Real truth = norm_in(pair.h, v);
      ASSERT_GE(*found, truth) << seed << ", " << far;
      ASSERT_LE(*found, 1.011L * truth) << seed << ", " << far;
    }
  }
  EXPECT_GT(answered, asked / 3);
}

TEST(NearNorm, IsSharpInTheDirectionThatLeft) {
  Pair pair;
  pair.h = Matrix::Identity(2, 2);
  pair.a = Vector{{0.6, 1}}.asDiagonal();
  pair.share = 0.6;
  const NearNorm norm = near(pair, Vector{{0, 1}});
  // |d|_A^2 = 0.6 * 0.01 is 0.006, and |d|_H^2 all of 0.01.
  const Vector v{{0.1, 1}};
  EXPECT_NEAR(norm.of(v, pair.a * v, 2).value(), std::sqrt(1.01), 1e-14);
}

TEST(NearNorm, SaysNothingWhereItKnowsNothing) {
  Pair pair;
  pair.h = Matrix::Identity(2, 2);
  pair.a = 0.6 * pair.h;
  pair.share = 0.6;
  const Vector at{{1, 0}}, far{{1, 1}};
  EXPECT_FALSE(near(pair, at).of(far, pair.a * far, 2));
  pair.share = 0;
  EXPECT_FALSE(near(pair, at).of(at, pair.a * at, 2));
  EXPECT_FALSE(NearNorm{}.of(at, pair.a * at, 2));
  pair.share = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(near(pair, at).of(at, pair.a * at, 2));
  pair.share = 0.6;
  const Vector unknown{{std::numeric_limits<double>::quiet_NaN(), 0}};
  EXPECT_FALSE(near(pair, at).of(unknown, pair.a * unknown, 2));
  EXPECT_FALSE(near(pair, Vector::Zero(2)).of(at, pair.a * at, 2));
}

TEST(NearNorm, OfNothingIsNothingButForWhatVanishes) {
  Pair pair;
  pair.h = Matrix::Identity(2, 2);
  pair.a = pair.h;
  pair.share = 1;
  const Vector none = Vector::Zero(2);
  EXPECT_LE(near(pair, none).of(none, none, 2).value(), 1e-150);
}

/// Whether the matrix that a deletion state measures in has changed, and every step is measured in
/// the base's Hessian all the same.
TEST(NearNorm, MeasuresEveryStepOfAStream) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSoftmax, LossKind::kSquared}) {
    Random random(static_cast<std::uint64_t>(kind) + 5);
    const Dataset data = made_up_rows(random, 900, 9, loss_of(kind));
    const Objective objective(data, loss_of(kind), true, 3);
    DeletionState state(objective, train(objective, data.weights).theta, data.weights);
    int carried = 0;
    for (Index row = 0; row < 400; ++row) {
      const Index rows[] = {row};
      const bool grows = row > 250 && row % 10 == 0;
      const DeletionStatus status =
          grows ? state.reweight(rows, Vector{{0.5}}) : state.delete_rows(rows);
      if (status != DeletionStatus::kDone) break;
      const Vector theta =
          row % 3 == 0 ? Vector(random.normals(objective.parameters())) : state.newton_point();
      const Contrast contrast(objective.loss(), objective.width());
      const Vector v = contrast.reduce(theta - state.base().theta);
      const Real truth = norm_in(state.base().hessian.selfadjointView<Eigen::Lower>(), v);
      const double found = state.measure_step(theta, FrameKind::kBase).step_norm;
      ASSERT_GE(found, truth) << row;
      ASSERT_LE(found, 1.011L * truth) << row;
      carried += found > truth * (1 + 1e-9L);
    }
    // Not all by a product of their own.
    EXPECT_EQ(carried > 50, kind != LossKind::kSquared) << carried;
  }
}

}  // namespace
}  // namespace recant::test

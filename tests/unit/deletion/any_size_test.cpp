// SPDX-License-Identifier: Apache-2.0
// Features, weights, targets and penalties of any size that doubles have: squares, products and
// exponentials vanish or overflow, and no bound is below the truth all the same.
#include <gtest/gtest.h>

#include "hostile_deletions.hpp"
#include "recant/core/error.hpp"
#include "ridge_in_quad.hpp"

namespace recant::test {
namespace {

class DeletionOfAnySize : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, DeletionOfAnySize,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(DeletionOfAnySize, IsNeverAboveABound) {
  TierTightness seen;
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    try {
      const auto problem = hostile_deletion_of_any_size(GetParam(), seed);
      if (problem) compare_with_truth(*problem, seed, INFINITY, seen);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GE(seen.measured.instances, 300);
  EXPECT_GE(seen.measured.finite, 150);
  EXPECT_LE(refused, 150);
}

TEST(DeletionOfSmallFeatures, CountsRoundingWhereTheirSquaresVanish) {
  const Loss loss(LossKind::kSquared);
  for (const double exponent : {-170, -166, -163, -161, -155, -100}) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Random random(seed);
      Dataset data = made_up_rows(random, 2001, 2, loss);
      data.features = FeatureMatrix(RowMatrix(data.features.view() * std::pow(10, exponent)));
      data.targets = random.normals(2001);
      Vector weights = Vector::Constant(2001, std::pow(10, -exponent));
      const Objective objective(data, loss, false, 1);
      DeletionState state(objective, train(objective, weights).theta, weights);
      weights(7) = 0;
      ASSERT_EQ(state.delete_rows(std::vector<Index>{7}), DeletionStatus::kDone);
      for (const Vector& theta : {state.newton_point(), train(objective, weights).theta}) {
        const double truth = distance_in_quad(data, weights, 1, theta);
        const CurvatureFrame frame = state.frame();
        EXPECT_LE(truth, bound_from_step(frame, state.measure_step(theta)).value) << exponent;
        const DistanceBound bound = bound_from_residual(frame, state.measure_residual(theta));
        for (const double value : {bound.newton, bound.corrected, bound.strong_convexity}) {
          EXPECT_LE(truth, value) << exponent;
        }
        EXPECT_LE(bound.value, 1e-8) << exponent;
      }
    }
  }
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
// No bound is ever below the distance to the retrained model: 500 instances of each loss here,
// 10,000 in tests/slow. The truth is training in long double, for every nineteenth with 128 bits
// too.
#include <gtest/gtest.h>

#include "hostile_deletions.hpp"

namespace recant::test {
namespace {

class DeletionTruth : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, DeletionTruth,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(DeletionTruth, IsNeverAboveABound) {
  TierTightness seen = compare_with_truth(GetParam(), 0, 500);
  // And the bounds say something: most are finite, and the measured ones are near the truth.
  EXPECT_GE(seen.downdated.finite, 250);
  EXPECT_GE(seen.base.finite, 200);
  EXPECT_LE(seen.base.finite, seen.downdated.finite);
  EXPECT_GE(seen.by_value.finite, 300);
  EXPECT_EQ(seen.measured.finite, 500);
  EXPECT_EQ(seen.wide, 27);
  EXPECT_GE(seen.spanned, 50);
  EXPECT_GE(seen.near_pass.finite, 200);
  EXPECT_GE(seen.carried.finite, 400);
  if (GetParam() != LossKind::kSoftmax) {
    EXPECT_GE(seen.expanded.finite, 250);
    EXPECT_GE(seen.third_order.finite, 250);
  }
  if (GetParam() == LossKind::kLogistic) {
    EXPECT_LE(seen.expanded.quantile(0.5), seen.downdated.quantile(0.5) / 2);
  }
  EXPECT_EQ(seen.rebuilt.finite, 500);
  EXPECT_EQ(seen.retrained.finite, 167);
  EXPECT_LE(seen.rebuilds, 250);
  // Rounding alone for squared loss: nothing to be near to.
  if (GetParam() != LossKind::kSquared) {
    EXPECT_LE(seen.rebuilt.quantile(0.5), 1.2);
  }
}

}  // namespace
}  // namespace recant::test

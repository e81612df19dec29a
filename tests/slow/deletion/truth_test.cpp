// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "hostile_deletions.hpp"

namespace recant::test {
namespace {

class DeletionTruth : public testing::TestWithParam<std::tuple<LossKind, int>> {};
INSTANTIATE_TEST_SUITE_P(Losses, DeletionTruth,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Range(0, 10)));

TEST_P(DeletionTruth, IsNeverAboveABound) {
  const auto& [kind, part] = GetParam();
  const TierTightness seen =
      compare_with_truth(kind, 1'000 + 1'000 * static_cast<std::uint64_t>(part), 1'000);
  EXPECT_EQ(seen.measured.finite, 1'000);
  EXPECT_GE(seen.wide, 52);
}

}  // namespace
}  // namespace recant::test

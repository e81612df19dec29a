// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "hostile_deletions.hpp"

namespace recant::test {
namespace {

/// Run by itself (--gtest_filter=*NeverAbove*) it prints the table of docs/experiments/tightness.md
/// from all 10,000 instances of each loss; a part alone prints its own.
class DeletionTruth : public testing::TestWithParam<std::tuple<LossKind, int>> {
 protected:
  static void SetUpTestSuite() { table().clear(); }
  static void TearDownTestSuite() {
    fmt::print(
        "| loss | tier | bounds | finite | with a ratio | median | 90 % | largest | largest of "
        "distances from {:g} on |\n|---|---|---|---|---|---|---|---|---|\n",
        Tightness::kFar);
    for (auto& [row, seen] : table()) {
      fmt::print("| {} | {} | {} | {:.1f} % | {} | {:.3g} | {:.3g} | {:.3g} | {:.3g} |\n",
                 name(row.first), row.second, seen.instances, 100.0 * seen.finite / seen.instances,
                 seen.ratios.size(), seen.quantile(0.5), seen.quantile(0.9), seen.quantile(1),
                 seen.largest_far);
    }
  }
  static void note(LossKind kind, const TierTightness& seen) {
    const std::pair<const char*, const Tightness&> tiers[] = {
        {"0", seen.downdated},
        {"0, Hessian of the base", seen.base},
        {"0, by value", seen.by_value},
        {"0, after a pass", seen.near_pass},
        {"0, from the last pass", seen.carried},
        {"half", seen.expanded},
        {"half, third order", seen.third_order},
        {"1", seen.measured},
        {"1, second look", seen.twice},
        {"2", seen.rebuilt},
        {"retrain", seen.retrained}};
    for (const auto& [tier, ratios] : tiers) {
      if (ratios.instances > 0) table()[{kind, tier}].add(ratios);
    }
  }

 private:
  static std::map<std::pair<LossKind, std::string>, Tightness>& table() {
    static std::map<std::pair<LossKind, std::string>, Tightness> rows;
    return rows;
  }
};
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
  EXPECT_GE(seen.retrained.finite, 333);
  note(kind, seen);
}

}  // namespace
}  // namespace recant::test

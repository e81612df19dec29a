// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/tiers.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "expect_error.hpp"
#include "recant/core/error.hpp"

namespace recant::test {
namespace {

DistanceBound of_value(double value) {
  DistanceBound bound;
  bound.value = value;
  return bound;
}

TEST(Tiers, HaveNamesInTheOrderOfTheirCost) {
  std::vector<std::string_view> names;
  for (const Tier tier : all_tiers()) names.push_back(name(tier));
  EXPECT_EQ(names, (std::vector<std::string_view>{"0", "1", "2", "retrain"}));
}

TEST(ChooseTier, StopsAtTheCheapestThatIsWithin) {
  const double inf = std::numeric_limits<double>::infinity();
  std::map<Tier, double> values{
      {Tier::kStep, inf}, {Tier::kPass, 1}, {Tier::kNewBase, 0.1}, {Tier::kRetrain, 0.01}};
  const auto choose = [&](double allowance, Tier first = Tier::kStep) {
    return choose_tier(
        allowance, [&](Tier tier) { return of_value(values.at(tier)); }, first);
  };
  const TierChoice one = choose(1);
  EXPECT_TRUE(one.within);
  EXPECT_EQ(one.tier, Tier::kPass);
  EXPECT_EQ(one.bound.value, 1);
  EXPECT_EQ(one.tried.size(), 2u);
  EXPECT_EQ(one.cheaper, Tier::kStep);
  EXPECT_EQ(one.dearer, Tier::kNewBase);

  const TierChoice last = choose(0.05);
  EXPECT_TRUE(last.within);
  EXPECT_EQ(last.tier, Tier::kRetrain);
  EXPECT_EQ(last.tried.size(), 4u);
  EXPECT_FALSE(last.dearer);

  const TierChoice none = choose(0.001);
  EXPECT_FALSE(none.within);
  EXPECT_EQ(none.tier, Tier::kRetrain);
  EXPECT_EQ(none.cheaper, Tier::kNewBase);

  values[Tier::kStep] = 0.5;
  EXPECT_FALSE(choose(0.5).cheaper);
  EXPECT_EQ(choose(0.5, Tier::kNewBase).tier, Tier::kNewBase);
  EXPECT_EQ(choose(0.5, Tier::kNewBase).cheaper, Tier::kPass);
}

TEST(ChooseTier, RefusesAnAllowanceThatIsNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double allowance : {0.0, -1.0, nan, std::numeric_limits<double>::infinity()}) {
    expect_error<UsageError>(
        [&] { return choose_tier(allowance, [](Tier) { return of_value(0); }); }, {"allowance"});
  }
  // A bound that is not a number is within nothing.
  EXPECT_FALSE(choose_tier(1, [&](Tier) { return of_value(nan); }).within);
}

}  // namespace
}  // namespace recant::test

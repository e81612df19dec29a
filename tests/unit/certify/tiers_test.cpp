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
  EXPECT_EQ(names, (std::vector<std::string_view>{"0", "half", "1", "2", "retrain"}));
}

TEST(ChooseTier, StopsAtTheCheapestThatIsWithin) {
  const double inf = std::numeric_limits<double>::infinity();
  std::map<Tier, double> values{
      {Tier::kStep, inf}, {Tier::kPass, 1}, {Tier::kNewBase, 0.1}, {Tier::kRetrain, 0.01}};
  const Tier without_half[] = {Tier::kStep, Tier::kPass, Tier::kNewBase, Tier::kRetrain};
  const auto choose = [&](double allowance, std::span<const Tier> tiers) {
    return choose_tier(
        allowance, [&](Tier tier) { return of_value(values.at(tier)); }, tiers);
  };
  const TierChoice one = choose(1, without_half);
  EXPECT_TRUE(one.within);
  EXPECT_EQ(one.tier, Tier::kPass);
  EXPECT_EQ(one.bound.value, 1);
  EXPECT_EQ(one.tried.size(), 2u);
  EXPECT_EQ(one.cheaper, Tier::kStep);
  EXPECT_EQ(one.dearer, Tier::kNewBase);

  const TierChoice last = choose(0.05, without_half);
  EXPECT_TRUE(last.within);
  EXPECT_EQ(last.tier, Tier::kRetrain);
  EXPECT_EQ(last.tried.size(), 4u);
  EXPECT_FALSE(last.dearer);

  const TierChoice none = choose(0.001, without_half);
  EXPECT_FALSE(none.within);
  EXPECT_EQ(none.tier, Tier::kRetrain);
  EXPECT_EQ(none.cheaper, Tier::kNewBase);

  values[Tier::kStep] = 0.5;
  EXPECT_FALSE(choose(0.5, without_half).cheaper);
  values[Tier::kHalf] = 0.2;
  EXPECT_EQ(choose(0.4, all_tiers()).tier, Tier::kHalf);
  EXPECT_EQ(choose(0.4, all_tiers()).dearer, Tier::kPass);
  const TierChoice only = choose(0.5, std::span(without_half).subspan(2));
  EXPECT_EQ(only.tier, Tier::kNewBase);
  EXPECT_FALSE(only.cheaper);
}

TEST(ChooseTier, RefusesAnAllowanceThatIsNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double allowance : {0.0, -1.0, nan, std::numeric_limits<double>::infinity()}) {
    expect_error<UsageError>(
        [&] { return choose_tier(allowance, [](Tier) { return of_value(0); }); }, {"allowance"});
  }
  for (const std::vector<Tier>& tiers :
       {std::vector<Tier>{}, {Tier::kPass, Tier::kStep}, {Tier::kStep, Tier::kStep}}) {
    expect_error<UsageError>(
        [&] {
          return choose_tier(
              1, [](Tier) { return of_value(0); }, tiers);
        },
        {"tiers"});
  }
  // A bound that is not a number is within nothing.
  EXPECT_FALSE(choose_tier(1, [&](Tier) { return of_value(nan); }).within);
}

}  // namespace
}  // namespace recant::test

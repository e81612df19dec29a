// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/tiers.hpp"

#include <algorithm>
#include <functional>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {

std::string_view name(Tier tier) noexcept {
  switch (tier) {
    case Tier::kStep:
      return "0";
    case Tier::kHalf:
      return "half";
    case Tier::kPass:
      return "1";
    case Tier::kNewBase:
      return "2";
    case Tier::kRetrain:
      return "retrain";
  }
  return "retrain";
}

std::span<const Tier> all_tiers() noexcept {
  static constexpr Tier kTiers[] = {Tier::kStep, Tier::kHalf, Tier::kPass, Tier::kNewBase,
                                    Tier::kRetrain};
  return kTiers;
}

TierChoice choose_tier(double allowance, const std::function<DistanceBound(Tier)>& measure,
                       std::span<const Tier> tiers) {
  check_positive("allowance", allowance);
  if (tiers.empty() || !std::is_sorted(tiers.begin(), tiers.end(), std::less_equal<>())) {
    throw UsageError("tiers must be listed once each, cheapest first", "tiers");
  }
  TierChoice choice;
  std::optional<Tier> before;
  for (const Tier tier : tiers) {
    if (choice.within) {
      choice.dearer = tier;
      break;
    }
    choice.tier = tier;
    choice.bound = measure(tier);
    choice.tried.push_back({tier, choice.bound});
    choice.within = choice.bound.value <= allowance;
    choice.cheaper = before;
    before = tier;
  }
  return choice;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/tiers.hpp"

#include "recant/core/check.hpp"

namespace recant {

std::string_view name(Tier tier) noexcept {
  switch (tier) {
    case Tier::kStep:
      return "0";
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
  static constexpr Tier kTiers[] = {Tier::kStep, Tier::kPass, Tier::kNewBase, Tier::kRetrain};
  return kTiers;
}

TierChoice choose_tier(double allowance, const std::function<DistanceBound(Tier)>& measure,
                       Tier first) {
  check_positive("allowance", allowance);
  TierChoice choice;
  std::optional<Tier> before;
  for (const Tier tier : all_tiers()) {
    if (tier < first) {
      before = tier;
      continue;
    }
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

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "recant/certify/bounds.hpp"

/// How closely one looks at a model to bound its distance to retraining, cheapest first:
/// docs/mathematics.md section 5.4.
namespace recant {

enum class Tier {
  kStep,     ///< "0": factor updated, no pass over the rows
  kHalf,     ///< "half": a stored third derivative tells of the gradient, no pass either
  kPass,     ///< "1": one pass measures the gradient
  kNewBase,  ///< "2": a further Newton step from a new base, then a pass
  kRetrain,  ///< "retrain": from the rows that stay
};
/// "0", "half", "1", "2", "retrain".
[[nodiscard]] std::string_view name(Tier tier) noexcept;
[[nodiscard]] std::span<const Tier> all_tiers() noexcept;  ///< cheapest first

/// A tier that was looked at.
struct TierTried {
  Tier tier = Tier::kStep;
  DistanceBound bound;
};

/// The tier to release from, and what was tried on the way.
struct TierChoice {
  bool within = false;           ///< bound.value <= allowance: false means, release nothing
  Tier tier = Tier::kRetrain;    ///< the cheapest within, else the dearest
  DistanceBound bound;           ///< of that tier
  std::vector<TierTried> tried;  ///< cheapest first, the chosen one last
  std::optional<Tier> cheaper;   ///< the next cheaper one, whose bound was too large
  std::optional<Tier> dearer;    ///< the next dearer one: a smaller bound for more work
};

/// Tries `tiers`, cheapest first, until a bound is within the allowance. `measure` moves the model
/// and bounds it, however it likes; this stage knows no algorithm. The answer is the last call's.
/// @throws UsageError for an allowance that is not finite and > 0, and for tiers that are none or
/// not in order. Cost: that of the measures.
[[nodiscard]] TierChoice choose_tier(double allowance,
                                     const std::function<DistanceBound(Tier)>& measure,
                                     std::span<const Tier> tiers = all_tiers());

}  // namespace recant

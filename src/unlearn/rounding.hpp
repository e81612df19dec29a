// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/core/blocks.hpp"

namespace recant {

/// u = 2^-53, half the distance between doubles next to 1.
inline constexpr double kUnit = 0x1p-53;

/// k u / (1 - k u): what k roundings behind one another do to a number, at most.
[[nodiscard]] inline double gamma(Index k) noexcept {
  const double lost = static_cast<double>(k) * kUnit;
  return lost / (1 - lost);
}

}  // namespace recant

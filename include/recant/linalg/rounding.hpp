// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "recant/linalg/types.hpp"

/// What arithmetic of doubles may lose. Source: docs/mathematics.md section 5.3.
namespace recant {

/// u = 2^-53, half the distance between doubles next to 1.
inline constexpr double kUnit = 0x1p-53;

/// k u / (1 - k u): what k roundings behind one another do to a number, at most.
[[nodiscard]] inline double gamma(Index k) noexcept {
  const double lost = static_cast<double>(k) * kUnit;
  return lost / (1 - lost);
}

/// What a Euclidean norm of `size` numbers lacks, at most, where their squares are too small for a
/// double: each loses no more than 2^-1075 of its own.
[[nodiscard]] inline double vanished_norm(Index size) noexcept {
  return std::sqrt(static_cast<double>(size)) * 0x1p-537;
}

/// |v|, never less: with its rounding and with what vanished. 0 for v = 0 alone.
[[nodiscard]] inline double norm_above(ConstVectorRef v) {
  const double norm = v.norm();
  if (norm == 0 && (v.array() == 0).all()) return 0;
  return norm * (1 + gamma(v.size() + 4)) + vanished_norm(v.size());
}

}  // namespace recant

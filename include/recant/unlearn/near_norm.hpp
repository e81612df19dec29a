// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/types.hpp"

namespace recant {

/// |v|_H of vectors v near one, v_0, for whoever has A v, share H <= A <= H, but not H v:
///
///   |v|_H^2 = |v_0|_H^2 + 2 d^T H v_0 + |d|_H^2,   d = v - v_0,   |d|_H^2 <= |d|_A^2 / share
///
/// docs/mathematics.md section 5.3, "rho(v) without a pass".
struct NearNorm {
  Vector at, in_h, in_a;         ///< v_0, H v_0 and A v_0 as computed
  double share = 0;              ///< of H that A has at the least; 0 where nothing is known
  Index changes = -1, kept = 0;  ///< when it was found: those of ShrinkingMatrix

  /// At least |v|_H, rounding included, and at most a hundredth above it; nothing where v is too
  /// far from v_0 for that. `scale`: at least |H|_F and |A|_F, `a_v`: A v, all products off by no
  /// more than symmetric_times() may be. Cost: O(p).
  [[nodiscard]] std::optional<double> of(const Vector& v, const Vector& a_v, double scale) const;
};

}  // namespace recant

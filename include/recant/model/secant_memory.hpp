// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "recant/linalg/types.hpp"

namespace recant {

/// The secant corrections to an old inverse Hessian: what the steps since then have shown of how
/// the Hessian changed. BFGS's inverse formula with the old inverse as its start, by the two-loop
/// recursion over the last 10 steps. Source: [NocedalWright2006] algorithm 7.4.
class SecantMemory {
 public:
  void clear() { pairs_.clear(); }

  /// A step and the change of the gradient over it.
  void add(Vector step, Vector gradient_change) {
    const double curvature = step.dot(gradient_change);
    if (!(curvature > 0)) return;  // rounding: the objective is strongly convex
    if (pairs_.size() == kPairs) pairs_.erase(pairs_.begin());
    pairs_.push_back({std::move(step), std::move(gradient_change), 1 / curvature});
  }

  /// The corrected inverse times q; old_inverse(q) is the old inverse times q.
  template <class OldInverse>
  [[nodiscard]] Vector apply(Vector q, OldInverse&& old_inverse) const {
    std::vector<double> alpha(pairs_.size());
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      alpha[i] = pairs_[i].rho * pairs_[i].step.dot(q);
      q -= alpha[i] * pairs_[i].change;
    }
    Vector r = old_inverse(q);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      r += (alpha[i] - pairs_[i].rho * pairs_[i].change.dot(r)) * pairs_[i].step;
    }
    return r;
  }

 private:
  static constexpr std::size_t kPairs = 10;
  struct Pair {
    Vector step, change;
    double rho;
  };
  std::vector<Pair> pairs_;
};

}  // namespace recant

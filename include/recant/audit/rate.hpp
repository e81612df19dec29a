// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// A share of trials, and an interval that holds the true probability.
struct Rate {
  Index hits = 0, trials = 0;
  double value = 0;          ///< hits / trials; 0 without trials
  double low = 0, high = 1;  ///< two-sided
};

/// The interval of [ClopperPearson1934]: P(low <= true <= high) >= confidence whatever the truth.
/// low solves P(X >= hits) = (1 - confidence) / 2, high P(X <= hits) = the same. Without trials
/// [0, 1].
/// Errs: outward, also for rounding: the tails are shrunk by 1e-15 (1 + log trials!), relative, and
/// `high` is the double above.
/// Cost: 60 evaluations of a continued fraction of O(sqrt(trials)) terms.
/// Source: docs/mathematics.md section 6.1.
/// @throws UsageError for hits outside 0 .. trials, confidence outside (0, 1).
[[nodiscard]] Rate rate(Index hits, Index trials, double confidence = 0.95);

/// x with P(T <= x) = p of Student's t, to 1e-9 of itself; `degrees` need not be whole and count as
/// 100,000 if there are more, which makes |x| a hundred-thousandth larger at most.
/// @throws UsageError unless 0 < p < 1 and degrees > 0.
[[nodiscard]] double student_quantile(double p, double degrees);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <tuple>

#include "recant/audit/rate.hpp"
#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"

namespace recant {

struct NeighbourAuditOptions {
  double delta = 0;            ///< of the claim that is tested
  double confidence = 0.999;   ///< that the true epsilon is at least what is found
  std::int64_t draws = 10000;  ///< of each of the two, at least 4

  static constexpr auto fields() {
    using O = NeighbourAuditOptions;
    return std::tuple{
        Field{"delta", &O::delta, "of the claim", Accept::kUnitInterval},
        Field{"confidence", &O::confidence, "of the lower bound", Accept::kUnitInterval},
        Field{"draws", &O::draws, "models published with the row, and as many without",
              Accept::kPositive}};
  }
};

/// What was found: an event, how often it happened, and what epsilon must be at least.
struct NeighbourAudit {
  double epsilon_low = 0;  ///< no claim (epsilon, delta) below it is true, at the confidence
  bool above = true;       ///< the event is score > threshold, else score <= threshold
  bool likelier_with_row = true;
  double threshold = 0;
  Rate likelier, rarer;  ///< the event's rate where it happens more often, and in the other world
};

/// A score of one published model, larger when the row seems to be in. Called from many threads;
/// draw numbers are 0 .. draws-1 in either world and what it returns must depend on (with_row,
/// draw) alone. For Gaussian noise the best is (published - theta_without)^T (theta_with -
/// theta_without).
using PublishedScore = std::function<double(bool with_row, std::int64_t draw)>;

/// A lower bound on epsilon from many published models with and without a row. For every event A
///
///   P(A) <= e^epsilon Q(A) + delta      so      epsilon >= log((P_low(A) - delta) / Q_high(A))
///
/// A is a half-line of scores; the first half of the draws chooses which, in which world, and the
/// second half measures it, with Clopper-Pearson bounds that share the error.
/// Errs: low. A small bound proves nothing; one above the claim is proof against it but for the
/// error 1 - confidence.
/// Cost: 2 draws scores, and their sorting. Source: docs/mathematics.md section 6.5;
/// [JagielskiUllmanOprea2020].
/// @throws UsageError for options out of range, fewer than 4 draws, a score that is NaN.
[[nodiscard]] NeighbourAudit audit_neighbours(const PublishedScore& score,
                                              const NeighbourAuditOptions& options = {},
                                              const ProgressCallback& progress = {});

}  // namespace recant

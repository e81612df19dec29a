// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/neighbour_audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "recant/audit/roc.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/types.hpp"

// docs/mathematics.md section 6.5.
namespace recant {
namespace {

/// The draws of one half.
struct Worlds {
  Vector with, without;
};

/// Half-line `above` the threshold or below, judged as likelier with or without the row.
struct Event {
  double threshold = 0;
  bool above = true, likelier_with_row = true;
};

/// How often the event happened in either world, as said by `event`.
NeighbourAudit judge(const Event& event, Index with_above, Index without_above, Index draws,
                     const NeighbourAuditOptions& options) {
  const Index with = event.above ? with_above : draws - with_above;
  const Index without = event.above ? without_above : draws - without_above;
  NeighbourAudit out{.above = event.above,
                     .likelier_with_row = event.likelier_with_row,
                     .threshold = event.threshold};
  // Each bound has half of the error: rate() is two-sided.
  out.likelier = rate(event.likelier_with_row ? with : without, draws, options.confidence);
  out.rarer = rate(event.likelier_with_row ? without : with, draws, options.confidence);
  const double more = out.likelier.low - options.delta;
  if (more > 0) out.epsilon_low = std::max(0.0, std::log(more / out.rarer.high));
  return out;
}

/// What epsilon would be if the rates were as counted: bounds on them can only say less.
double most_possible(const Event& event, const RocPoint& point, Index draws, double delta) {
  double with = static_cast<double>(point.true_positives) / static_cast<double>(draws);
  double without = static_cast<double>(point.false_positives) / static_cast<double>(draws);
  if (!event.above) {
    with = 1 - with;
    without = 1 - without;
  }
  if (!event.likelier_with_row) std::swap(with, without);
  return with > delta ? std::log((with - delta) / without) : -1;
}

/// A point of the curve every few per cent of the draws, counted from both ends.
std::vector<RocPoint> thinned(const std::vector<RocPoint>& curve) {
  constexpr double kGrowth = 1.05;
  std::vector<RocPoint> out;
  const auto last = static_cast<double>(curve.size() - 1);
  for (double step = 1; step <= last; step = std::max(step + 1, std::floor(step * kGrowth))) {
    out.push_back(curve[static_cast<std::size_t>(step)]);
    out.push_back(curve[static_cast<std::size_t>(last - step)]);
  }
  return out;
}

Event best_event(const Worlds& half, const NeighbourAuditOptions& options) {
  Event best;
  double most = -1;
  for (const RocPoint& point : thinned(roc_curve(half.with, half.without))) {
    for (const bool above : {true, false}) {
      for (const bool with : {true, false}) {
        const Event event{point.threshold, above, with};
        if (!(most_possible(event, point, half.with.size(), options.delta) > most)) continue;
        const double found =
            judge(event, point.true_positives, point.false_positives, half.with.size(), options)
                .epsilon_low;
        if (!(found > most)) continue;
        most = found;
        best = event;
      }
    }
  }
  return best;
}

}  // namespace

NeighbourAudit audit_neighbours(const PublishedScore& score, const NeighbourAuditOptions& options,
                                const ProgressCallback& progress) {
  validate(options);
  check_at_least("draws", options.draws, 4);
  Worlds all{Vector(options.draws), Vector(options.draws)};
  constexpr Index kAtOnce = 64 * kBlockRows;
  for (Index first = 0; first < options.draws; first += kAtOnce) {
    if (progress) {
      progress({"draws", static_cast<double>(first), static_cast<double>(options.draws)});
    }
    const Index count = std::min(kAtOnce, options.draws - first);
    for_each_block(count, [&](RowBlock block) {
      for (Index t = first + block.begin; t < first + block.end; ++t) {
        all.with[t] = score(true, t);
        all.without[t] = score(false, t);
      }
    });
  }
  if (all.with.hasNaN() || all.without.hasNaN()) throw UsageError("a score is not a number");
  const Index half = options.draws / 2, rest = options.draws - half;
  const Event event = best_event({all.with.head(half), all.without.head(half)}, options);
  const auto above = [&](const Vector& scores) {
    return static_cast<Index>((scores.tail(rest).array() > event.threshold).count());
  };
  return judge(event, above(all.with), above(all.without), rest, options);
}

}  // namespace recant

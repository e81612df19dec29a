// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recant/data/table.hpp"
#include "recant/engine/vault.hpp"
#include "recant/influence/influence.hpp"

namespace recant {

/// Influences of all rows on one metric.
struct InfluenceReport {
  std::string metric;
  double metric_value = 0;
  Index candidates = 1;              ///< metrics that the name stands for; this is the largest
  std::optional<std::string> group;  ///< whose gap, for the gaps
  bool negative_targets = false;     ///< the half of equalized_odds for y = 0
  Index validation_rows_dropped = 0;
  std::vector<UnseenCategories> unseen;  ///< of the validation rows: as in MeasuredRows
  InfluenceSummary summary;
  double curvature_seconds = 0, influence_seconds = 0;
};

/// What each training row does to a metric of `validation`, n values in row order: influences() of
/// the metric that resolve_metric() reads; of several (more than two groups, or equalized odds) the
/// largest in size.
/// Assumes: the model is optimal; at an approximate one influences mean little.
/// @throws UsageError, DataError as resolve_metric(); DataError if the Hessian has no factor.
[[nodiscard]] std::pair<Vector, InfluenceReport> influence(const FittedModel& fitted,
                                                           const Dataset& validation,
                                                           std::string_view metric);

}  // namespace recant

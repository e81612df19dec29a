// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "recant/metrics/metric.hpp"

namespace recant {

/// Central 95 %.
struct Interval {
  double low = 0, high = 0;
};

/// Rows on either side of a gap, or in all without sides, below which resampling shows too little
/// of how rows vary: with 10 on a side intervals covered 64 to 94 % instead of 95.
inline constexpr Index kFewestResampledRows = 30;

/// Intervals of metrics of models over `resamples` bootstrap resamples of the rows (percentile
/// method, [Efron1979]), by model and metric; none for a metric of fewer than kFewestResampledRows.
/// All models are read on the same resamples. `attack` as in metric_values().
/// Ends are the resamples of ranks r and resamples + 1 - r, r = (resamples + 1) / 40 rounded down,
/// so that few resamples make them wider.
/// Errs: narrow. With 30 rows on a side coverage is 94 % of gaps in p and 91 of hard labels, with
/// 50 95 and 93, with 100 94 to 95; less where hardly any row of a side has another label than the
/// rest. Cost: a pass over the rows a model; n draws a resample. Memory: for each model a vector of
/// n numbers for everything that metrics read of a row (p, the loss, a hard label ..), however many
/// groups they compare; four more a thread. Seeded; the same for any number of threads.
/// @throws UsageError for fewer than 40 resamples; DataError for a gap without rows on a side.
[[nodiscard]] std::vector<std::vector<std::optional<Interval>>> bootstrap(
    const std::vector<Metric>& metrics, const Dataset& data, const std::vector<LinearModel>& models,
    const MetricSettings& settings, int resamples, std::uint64_t seed,
    const LinearModel* attack = nullptr);

}  // namespace recant

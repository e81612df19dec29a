// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "recant/metrics/metric.hpp"

namespace recant {

/// Central 95 %.
struct Interval {
  double low = 0, high = 0;
};

/// Intervals of metrics of models over `resamples` bootstrap resamples of the rows (percentile
/// method, [Efron1979]), by model and metric. All models are read on the same resamples. A resample
/// without a row on one side of a gap is left out of that gap. `attack` as in metric_values().
/// Cost: a pass over the rows a model; n draws a resample. Memory: for each model a vector of n
/// numbers for everything that metrics read of a row (p, the loss, a hard label ..), however many
/// groups they compare; four more a thread. Seeded; the same for any number of threads.
/// @throws UsageError for fewer than 40 resamples; DataError where no resample has both sides.
[[nodiscard]] std::vector<std::vector<Interval>> bootstrap(const std::vector<Metric>& metrics,
                                                           const Dataset& data,
                                                           const std::vector<LinearModel>& models,
                                                           const MetricSettings& settings,
                                                           int resamples, std::uint64_t seed,
                                                           const LinearModel* attack = nullptr);

}  // namespace recant

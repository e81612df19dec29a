// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include "recant/data/dataset.hpp"
#include "recant/linalg/types.hpp"

namespace recant::bench {

/// A data set whose numbers depend on its size alone: features uniform in [-1, 1], targets 0 and 1
/// drawn from a logistic model, one sensitive column of two groups, weights 1. Made once per size.
[[nodiscard]] const Dataset& logistic_data(Index rows, Index columns);

/// n numbers uniform in [low, high].
[[nodiscard]] Vector numbers(Index n, double low, double high, unsigned seed);

/// What one iteration must do at least.
struct Work {
  double bytes = 0, flops = 0;
  double floor_seconds = 0;  ///< least seconds for it on this machine, see machine.hpp
};
/// bytes and operations a second, and `times_floor`: seconds taken over the least possible.
void report(benchmark::State& state, const Work& work);

/// One pass over rows by `threads` threads: the floor is reading them once, or the operations if
/// those take longer.
[[nodiscard]] Work pass_over(RowsView rows, double flops, int threads);

}  // namespace recant::bench

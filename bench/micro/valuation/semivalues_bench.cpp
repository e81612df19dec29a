// SPDX-License-Identifier: Apache-2.0
// Sampling with both utilities; an iteration is a round of 32 permutations or subsets.
#include "recant/valuation/semivalues.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"

namespace recant::bench {
namespace {

void sample(benchmark::State& state, const SubsetUtility& utility, Semivalue kind) {
  const SamplingOptions options{.max_samples = 32};
  const SampledValues found = sample_values(utility, kind, options);
  if (kind == Semivalue::kDataShapley) {
    require(std::abs(found.values.sum() - (found.all - found.none)) <= 1e-12, "sum of values");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(sample_values(utility, kind, options).values.data());
  }
  state.counters["seconds_a_sample"] =
      benchmark::Counter(32 * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  set_threads(0);
}

void neighbors(benchmark::State& state, Semivalue kind) {
  set_threads(static_cast<int>(state.range(2)));
  const Dataset& data = logistic_data(state.range(0) + state.range(1), 20);
  const auto utility = neighbor_utility(slice(data, {0, state.range(0)}),
                                        slice(data, {state.range(0), data.rows()}), 5);
  sample(state, *utility, kind);
}
void sizes_of_neighbors(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "validation", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({10'000, 500, threads});
}
BENCHMARK_CAPTURE(neighbors, shapley, Semivalue::kDataShapley)->Apply(sizes_of_neighbors);
BENCHMARK_CAPTURE(neighbors, banzhaf, Semivalue::kDataBanzhaf)->Apply(sizes_of_neighbors);

void model(benchmark::State& state, Semivalue kind) {
  set_threads(static_cast<int>(state.range(1)));
  const Dataset& data = logistic_data(state.range(0) + 500, 10);
  const Dataset rows = slice(data, {0, state.range(0)});
  const auto utility =
      model_utility(Objective(rows, Loss(LossKind::kLogistic), true, 1.0), rows.weights,
                    slice(data, {state.range(0), data.rows()}), ModelScore::kLogLoss);
  sample(state, *utility, kind);
}
void sizes_of_models(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({200, threads});
}
BENCHMARK_CAPTURE(model, shapley, Semivalue::kDataShapley)->Apply(sizes_of_models);
BENCHMARK_CAPTURE(model, banzhaf, Semivalue::kDataBanzhaf)->Apply(sizes_of_models);

}  // namespace
}  // namespace recant::bench

// SPDX-License-Identifier: Apache-2.0
// Leaving out every row, against a few refits. The floor is what its passes multiply, at the peak
// of fused multiply-adds.
#include "recant/valuation/leave_one_out.hpp"

#include <benchmark/benchmark.h>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/model/trainer.hpp"

namespace recant::bench {
namespace {

void every_row(benchmark::State& state) {
  const Dataset& data = logistic_data(state.range(0), state.range(1));
  set_threads(static_cast<int>(state.range(2)));
  const Objective objective(data, Loss(LossKind::kLogistic), true, 1.0);
  const Vector theta = train(objective, data.weights).theta;
  const Measures first = [](ConstMatrixRef thetas) { return Matrix(thetas.topRows(1)); };
  const auto run = [&] { return leave_one_out(objective, theta, data.weights, first); };
  const LeaveOneOut found = run();
  for (const Index row : {Index{0}, data.rows() / 2, data.rows() - 1}) {
    Vector without = data.weights;
    without(row) = 0;
    const double wanted = train_from(objective, without, theta).theta(0) - found.theta(0);
    require(std::abs(found.changes(row, 0) - wanted) <= 1e-5 * std::abs(wanted) + 1e-12, "change");
  }
  for (auto _ : state) benchmark::DoNotOptimize(run().changes.data());
  const auto rows = static_cast<double>(data.rows());
  state.counters["passes_a_row"] = static_cast<double>(found.passes) / rows;
  state.counters["seconds_a_row"] =
      benchmark::Counter(rows * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  // Two products of n x p with p x 1 a pass, and an exponential an entry that is not counted.
  const double flops = 4 * rows * static_cast<double>(objective.width() * found.passes);
  report(state, {.flops = flops, .floor_seconds = flops / peak_flops(threads())});
  set_threads(0);
}
BENCHMARK(every_row)
    ->ArgNames({"rows", "columns", "threads"})
    ->Args({4000, 100, 1})
    ->Args({4000, 100, 2})
    ->Args({16000, 20, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

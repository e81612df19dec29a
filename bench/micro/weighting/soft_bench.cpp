// SPDX-License-Identifier: Apache-2.0
// Soft weights in closed form and bounded, two promises; the floor is reading their input once.
#include "recant/weighting/soft.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace recant::bench {
namespace {

struct Case {
  explicit Case(const benchmark::State& state)
      : n(state.range(0)),
        threads(static_cast<int>(state.range(1))),
        gap(numbers(n, -1, 1, 1)),
        utility(numbers(n, -1, 1, 2) - 0.3 * gap),
        weights(Vector::Ones(n)) {
    set_threads(threads);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  /// Reading two influences and the weights once.
  [[nodiscard]] Work work() const {
    const RowMatrix inputs = RowMatrix::Ones(n, 3);
    return pass_over(RowsView(inputs.data(), n, 3), 0, threads);
  }

  Index n;
  int threads;
  Vector gap, utility, weights;
};

void closed_form(benchmark::State& state) {
  const Case input(state);
  const double value = 0.1 * input.gap.lpNorm<1>();
  const auto solve = [&] { return soft_weights(input.gap, input.utility, value); };
  // Both promises bind: e = v f / v^T v with v orthogonal to the utility.
  const SoftWeights found = solve();
  const Vector v =
      input.gap - input.gap.dot(input.utility) / input.utility.squaredNorm() * input.utility;
  const Vector wanted = v * (value / std::max(input.gap.squaredNorm(), v.squaredNorm()));
  require((found.change.delta - wanted).norm() <= 1e-10 * wanted.norm(), "soft_weights");
  for (auto _ : state) benchmark::DoNotOptimize(solve().a_dot_e);
  report(state, input.work());
}

void bounded(benchmark::State& state) {
  const Case input(state);
  const double value = 0.01 * static_cast<double>(state.range(2)) * input.gap.lpNorm<1>();
  const auto solve = [&] {
    return soft_weights_bounded({{view(input.gap), value}}, input.utility, input.weights);
  };
  const BoundedSoftWeights found = solve();
  require(found.status == QpStatus::kSolved, "soft_weights_bounded: status");
  require(found.at_lower > 0 && found.at_upper > 0, "soft_weights_bounded: bounds that hold");
  // Optimal by its own multipliers: e = clip((a - mu a + nu u) / (2 kappa)).
  const Vector wanted =
      (((1 - found.gap_multipliers[0]) * input.gap + found.utility_multiplier * input.utility) /
       (2 * found.kappa))
          .cwiseMax(-1)
          .cwiseMin(1);
  require((found.change.delta - wanted).norm() <= 1e-9 * wanted.norm(), "soft_weights_bounded");
  for (auto _ : state) benchmark::DoNotOptimize(solve().objective);
  report(state, input.work());
  state.counters["steps"] = static_cast<double>(found.iterations);
  state.counters["at_bound"] = static_cast<double>(found.at_lower + found.at_upper);
}

BENCHMARK(closed_form)
    ->ArgsProduct({{30162, 1'000'000}, {1, 2}})
    ->ArgNames({"rows", "threads"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(bounded)
    ->ArgsProduct({{30162, 1'000'000}, {1, 2}, {70, 90}})
    ->ArgNames({"rows", "threads", "gap_percent"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

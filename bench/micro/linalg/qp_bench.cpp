// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/qp.hpp"

#include <benchmark/benchmark.h>

#include <random>

namespace recant {
namespace {

/// Two promises, one row in five at a bound: what a soft correction of a table of n rows asks.
struct Case {
  explicit Case(Index n) : lower(Vector::Constant(n, -1)), upper(Vector::Ones(n)) {
    std::mt19937_64 engine(7);
    std::normal_distribution<double> normal;
    gap = Vector::NullaryExpr(n, [&](Index) { return normal(engine); });
    utility = Vector::NullaryExpr(n, [&](Index j) { return normal(engine) - 0.3 * gap[j]; });
  }
  Vector gap, utility, lower, upper;
  [[nodiscard]] QpProblem problem(double reach) const {
    return {.linear = view(gap),
            .kappa = 0.15,
            .lower = view(lower),
            .upper = view(upper),
            .constraints = {{view(gap), reach * gap.lpNorm<1>(), QpRelation::kAtMost},
                            {view(utility), 0, QpRelation::kAtLeast}}};
  }
};

void solve(benchmark::State& state) {
  const Case input(state.range(0));
  const QpProblem problem = input.problem(static_cast<double>(state.range(1)) / 100);
  QpResult result;
  for (auto _ : state) {
    result = solve_qp(problem);
    if (result.status != QpStatus::kSolved) state.SkipWithError("not solved");
  }
  state.counters["iterations"] = static_cast<double>(result.iterations);
  state.counters["passes"] = static_cast<double>(result.passes);
  state.counters["at_bound"] = static_cast<double>(result.at_lower + result.at_upper);
  state.counters["multiplier_gap"] = result.multipliers[0];
  state.counters["multiplier_utility"] = result.multipliers[1];
}
BENCHMARK(solve)
    ->ArgsProduct({{30162, 1'000'000}, {30, 60}})
    ->ArgNames({"n", "reach_percent"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant

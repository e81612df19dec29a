// SPDX-License-Identifier: Apache-2.0
// The quadratic program of two promises. The floor is reading its four vectors, gap, utility and
// both bounds, once for each dual step.
#include "recant/linalg/qp.hpp"

#include <benchmark/benchmark.h>

#include <random>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
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

/// Optimal by its own multipliers: both promises are kept, a price is paid only where there is no
/// room left, and no other e in the box is better at these prices.
void require_optimal(const Case& input, const QpProblem& problem, const QpResult& found) {
  require(found.status == QpStatus::kSolved && found.residual.worst() <= 1e-12,
          "solve_qp: status and residual");
  const double limit = problem.constraints[0].limit;
  const double gap_room = limit - input.gap.dot(found.e), utility_room = input.utility.dot(found.e);
  require(gap_room >= -1e-9 * limit && utility_room >= -1e-9 * limit, "solve_qp: promises");
  require(found.multipliers.minCoeff() >= 0, "solve_qp: prices");
  require(found.multipliers[0] * gap_room <= 1e-9 * limit &&
              found.multipliers[1] * utility_room <= 1e-9 * limit,
          "solve_qp: a price with room left");
  const Vector wanted =
      (((1 - found.multipliers[0]) * input.gap + found.multipliers[1] * input.utility) /
       (2 * problem.kappa))
          .cwiseMax(input.lower)
          .cwiseMin(input.upper);
  require((found.e - wanted).norm() <= 1e-9 * wanted.norm(), "solve_qp: stationarity");
}

void solve(benchmark::State& state) {
  const Case input(state.range(0));
  const QpProblem problem = input.problem(static_cast<double>(state.range(1)) / 100);
  QpResult result = solve_qp(problem);
  require_optimal(input, problem, result);
  for (auto _ : state) result = solve_qp(problem);
  const RowMatrix vectors = RowMatrix::Ones(state.range(0), 4);
  Work work = pass_over(RowsView(vectors.data(), vectors.rows(), 4), 0, threads());
  work.floor_seconds *= static_cast<double>(std::max<std::int64_t>(result.iterations, 1));
  work.bytes = 0;  // it reads them more often than that
  report(state, work);
  state.counters["iterations"] = static_cast<double>(result.iterations);
  state.counters["passes"] = static_cast<double>(result.passes);
  state.counters["at_bound"] = static_cast<double>(result.at_lower + result.at_upper);
  state.counters["multiplier_gap"] = result.multipliers[0];
  state.counters["multiplier_utility"] = result.multipliers[1];
}
BENCHMARK(solve)
    ->ArgsProduct({{10'000, 30162, 100'000, 1'000'000}, {30, 60}})
    ->ArgNames({"n", "reach_percent"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

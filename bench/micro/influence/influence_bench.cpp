// SPDX-License-Identifier: Apache-2.0
// The influences of all rows on three metrics: three solves and one pass.
#include "recant/influence/influence.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

struct Case {
  explicit Case(const benchmark::State& state)
      : data(logistic_data(state.range(0), state.range(1))),
        threads(static_cast<int>(state.range(2))),
        objective(data, Loss(LossKind::kLogistic), true, 1.0),
        theta(numbers(objective.parameters(), -0.3, 0.3, 5)) {
    set_threads(threads);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  const Dataset& data;
  int threads;
  Objective objective;
  Vector theta;
};

void influence_pass(benchmark::State& state) {
  const Case input(state);
  const auto hessian = factor_hessian(input.objective, input.theta, input.data.weights);
  Matrix gradients(input.theta.size(), 3);
  for (unsigned m = 0; m < 3; ++m) {
    gradients.col(m) = numbers(input.theta.size(), -1, 1, 10 + m);
  }
  // The solves cost p^2 and are no part of the pass.
  const Matrix solved = hessian->solve_columns(gradients);
  const auto pass = [&] { return input.objective.row_gradient_products(input.theta, solved); };
  const Matrix found = influences(input.objective, input.theta, *hessian, gradients);
  require((pass() - found).norm() == 0, "the pass of influences()");
  for (const Index i : {Index{0}, input.data.rows() / 2, input.data.rows() - 1}) {
    Vector x(input.objective.parameters());
    x << input.data.features.row(i).transpose(), 1;
    const double slope = 1 / (1 + std::exp(-x.dot(input.theta))) - input.data.targets[i];
    const Vector wanted = slope * (solved.transpose() * x);
    require((found.row(i).transpose() - wanted).norm() <= 1e-10 * wanted.norm(), "influences");
  }
  for (auto _ : state) benchmark::DoNotOptimize(pass().data());
  const auto cells = static_cast<double>(input.data.features.view().size());
  report(state, pass_over(input.data.features.view(), 8 * cells, input.threads));
}

void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({100'000, 100, threads});
  for (const int threads : {1, 2}) set->Args({12'000, 784, threads});
  set->Args({1'000'000, 100, 2});
}
BENCHMARK(influence_pass)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

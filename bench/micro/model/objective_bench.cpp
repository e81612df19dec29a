// SPDX-License-Identifier: Apache-2.0
// The passes of an objective over all rows.
#include "recant/model/objective.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

/// rows, columns and threads of a case; its naive answers, row by row.
struct Case {
  explicit Case(const benchmark::State& state)
      : data(logistic_data(state.range(0), state.range(1))),
        threads(static_cast<int>(state.range(2))),
        objective(data, Loss(LossKind::kLogistic), true, 1.0),
        theta(numbers(objective.parameters(), -0.3, 0.3, 5)),
        n(static_cast<double>(data.rows())),
        p(static_cast<double>(objective.parameters())) {
    set_threads(threads);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  [[nodiscard]] Vector row(Index i) const {
    Vector x(objective.parameters());
    x << data.features.row(i).transpose(), 1;
    return x;
  }
  /// sum_i slope_i x_i and sum_i curvature_i (x_i^T v) x_i.
  [[nodiscard]] Vector gradient() const {
    Vector sum = objective.l2() * theta;
    for (Index i = 0; i < data.rows(); ++i) {
      sum += (1 / (1 + std::exp(-row(i).dot(theta))) - data.targets[i]) * row(i);
    }
    return sum;
  }
  [[nodiscard]] Vector hessian_times(const Vector& v) const {
    Vector sum = objective.l2() * v;
    for (Index i = 0; i < data.rows(); ++i) {
      const double probability = 1 / (1 + std::exp(-row(i).dot(theta)));
      sum += probability * (1 - probability) * row(i).dot(v) * row(i);
    }
    return sum;
  }

  const Dataset& data;
  int threads;
  Objective objective;
  Vector theta;
  double n, p;
};

void require_equal(const Vector& found, const Vector& wanted, const char* what) {
  require((found - wanted).norm() <= 1e-10 * wanted.norm(), what);
}

void construction(benchmark::State& state) {
  const Case input(state);
  Vector norms(input.data.rows());
  for (Index i = 0; i < norms.size(); ++i) norms(i) = input.row(i).norm();
  require_equal(input.objective.row_norms(), norms, "row norms");
  for (auto _ : state) {
    const Objective objective(input.data, Loss(LossKind::kLogistic), true, 1.0);
    benchmark::DoNotOptimize(objective.rows());
  }
  report(state, pass_over(input.data.features.view(), 2 * input.n * input.p, input.threads));
}

void gradient_pass(benchmark::State& state) {
  const Case input(state);
  const auto pass = [&] { return input.objective.evaluate(input.theta, input.data.weights); };
  require_equal(pass().gradient, input.gradient(), "gradient");
  for (auto _ : state) benchmark::DoNotOptimize(pass().value);
  report(state, pass_over(input.data.features.view(), 4 * input.n * input.p, input.threads));
}

void hessian_vector(benchmark::State& state) {
  const Case input(state);
  const Vector v = numbers(input.objective.parameters(), -1, 1, 6);
  const auto pass = [&] {
    return input.objective.hessian_times(input.theta, input.data.weights, v);
  };
  require_equal(pass(), input.hessian_times(v), "hessian_times");
  for (auto _ : state) benchmark::DoNotOptimize(pass().data());
  report(state, pass_over(input.data.features.view(), 6 * input.n * input.p, input.threads));
}

void hessian_pass(benchmark::State& state) {
  const Case input(state);
  const auto pass = [&] { return input.objective.hessian(input.theta, input.data.weights); };
  const Vector v = numbers(input.objective.parameters(), -1, 1, 6);
  require_equal(pass() * v, input.hessian_times(v), "hessian");
  for (auto _ : state) benchmark::DoNotOptimize(pass().data());
  report(state,
         pass_over(input.data.features.view(), input.n * input.p * (input.p + 1), input.threads));
}

void small_sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({100'000, 100, threads});
  for (const int threads : {1, 2}) set->Args({12'000, 784, threads});
}
void all_sizes(benchmark::internal::Benchmark* set) {
  small_sizes(set);
  for (const int threads : {1, 2}) set->Args({1'000'000, 100, threads});
}
BENCHMARK(construction)->Apply(small_sizes);
BENCHMARK(gradient_pass)->Apply(all_sizes);
BENCHMARK(hessian_vector)->Apply(small_sizes);
BENCHMARK(hessian_pass)->Apply(small_sizes);

}  // namespace
}  // namespace recant::bench

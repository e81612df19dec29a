// SPDX-License-Identifier: Apache-2.0
// Gradients of three metrics on the same rows.
#include "recant/metrics/metric.hpp"

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
        model{Loss(LossKind::kLogistic), true, data.features.columns(),
              numbers(data.features.columns() + 1, -0.3, 0.3, 5)} {
    settings.privileged = {"1"};
    for (const char* name : {"utility", "demographic_parity", "robust_loss"}) {
      metrics.push_back(resolve_metric(name, data, model, settings).front());
    }
    set_threads(threads);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  const Dataset& data;
  int threads;
  LinearModel model;
  MetricSettings settings;
  std::vector<Metric> metrics;
};

/// The last argument is how many metrics, which share the pass.
void gradients_of_metrics(benchmark::State& state) {
  Case input(state);
  input.metrics.resize(static_cast<std::size_t>(state.range(3)));
  const auto pass = [&] {
    return metric_gradients(input.metrics, input.data, input.model, input.settings);
  };
  // By central differences along one direction.
  const Matrix found = pass();
  const Vector v = numbers(input.model.theta.size(), -1, 1, 6);
  constexpr double kStep = 1e-5;
  const auto values = [&](double t) {
    return metric_values(input.metrics, input.data, input.model.at(input.model.theta + t * v),
                         input.settings);
  };
  const auto ahead = values(kStep), behind = values(-kStep);
  for (std::size_t m = 0; m < input.metrics.size(); ++m) {
    const double wanted = (ahead[m] - behind[m]) / (2 * kStep);
    const double along = v.dot(found.col(static_cast<Index>(m)));
    require(std::abs(along - wanted) <= 1e-5 * (std::abs(wanted) + 1e-3), "metric_gradients");
  }
  for (auto _ : state) benchmark::DoNotOptimize(pass().data());
  const auto cells = static_cast<double>(input.data.features.view().size());
  report(state, pass_over(input.data.features.view(), 8 * cells, input.threads));
}

void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads", "metrics"})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  for (const int metrics : {1, 3}) {
    for (const int threads : {1, 2}) set->Args({100'000, 100, threads, metrics});
    for (const int threads : {1, 2}) set->Args({12'000, 784, threads, metrics});
    set->Args({1'000'000, 100, 2, metrics});
  }
}
BENCHMARK(gradients_of_metrics)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

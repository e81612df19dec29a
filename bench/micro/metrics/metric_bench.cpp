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

void gradients_of_metrics(benchmark::State& state) {
  const Case input(state);
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
  // One pass for the scores, one for the sums.
  Work work = pass_over(input.data.features.view(), 8 * cells, input.threads);
  work.floor_seconds *= 2;
  report(state, work);
}

void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({100'000, 100, threads});
  for (const int threads : {1, 2}) set->Args({12'000, 784, threads});
  set->Args({1'000'000, 100, 2});
}
BENCHMARK(gradients_of_metrics)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

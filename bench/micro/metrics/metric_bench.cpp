// SPDX-License-Identifier: Apache-2.0
// Gradients of several metrics on the same rows.
#include "recant/metrics/metric.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

/// The sets of metrics whose gradients share a pass, by the last argument of a case.
const std::vector<std::vector<const char*>> kSets = {
    {},
    {"utility"},
    {"utility", "demographic_parity"},
    {"utility", "demographic_parity", "equal_opportunity"},
    {"transferred_robust_loss", "robust_loss"},
};

struct Case {
  explicit Case(const benchmark::State& state)
      : data(logistic_data(state.range(0), state.range(1))),
        threads(static_cast<int>(state.range(2))),
        model{Loss(LossKind::kLogistic), true, data.features.columns(),
              numbers(data.features.columns() + 1, -0.3, 0.3, 5)} {
    settings.privileged = {"1"};
    for (const char* name : kSets[static_cast<std::size_t>(state.range(3))]) {
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
  // The attack that is held fixed is the model's own, as in the first round of a correction.
  const auto pass = [&] {
    return metric_gradients(input.metrics, input.data, input.model, input.settings, &input.model);
  };
  // By central differences along one direction.
  const Matrix found = pass();
  const Vector v = numbers(input.model.theta.size(), -1, 1, 6);
  constexpr double kStep = 1e-5;
  const auto values = [&](double t) {
    return metric_values(input.metrics, input.data, input.model.at(input.model.theta + t * v),
                         input.settings, &input.model);
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
  set->ArgNames({"rows", "columns", "threads", "set"})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  for (const int set_of_metrics : {1, 2, 3, 4}) {
    for (const int threads : {1, 2}) set->Args({100'000, 100, threads, set_of_metrics});
    set->Args({30'162, 102, 2, set_of_metrics});
    set->Args({12'000, 784, 2, set_of_metrics});
  }
  for (const int set_of_metrics : {1, 2, 3, 4}) set->Args({1'000'000, 100, 2, set_of_metrics});
}
BENCHMARK(gradients_of_metrics)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

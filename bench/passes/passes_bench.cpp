// SPDX-License-Identifier: Apache-2.0
// Every pass over the rows next to reading them once: all take turns in each round, and what is
// reported is the median of the rounds' ratios. `times_read` is to reading these rows from wherever
// they lie, `times_stream` to their bytes over the rate of memory itself.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/objective.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::bench {
namespace {

struct Request {
  Index rows = 100'000, columns = 100;
  int rounds = 21;
  bool cold = false;
  std::string only;
};

struct Pass {
  const char* name;
  std::function<void()> run;
  std::vector<double> seconds = {}, ratios = {};
};

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(at + 0.5)];
}

/// The passes on one data set. The micro benchmarks check them row by row.
class Passes {
 public:
  Passes(Index rows, Index columns)
      : data_(logistic_data(rows, columns)),
        objective_(data_, Loss(LossKind::kLogistic), true, 1.0),
        model_{objective_.loss(), true, columns, numbers(objective_.parameters(), -0.3, 0.3, 5)},
        along_(numbers(objective_.parameters(), -1e-3, 1e-3, 6)),
        deletions_(objective_, train(objective_, data_.weights).theta, data_.weights),
        solved_(objective_.parameters(), 3) {
    settings_.privileged = {"1"};
    for (unsigned m = 0; m < 3; ++m) {
      solved_.col(m) = numbers(objective_.parameters(), -1, 1, 10 + m);
    }
    require_consistent();
  }

  [[nodiscard]] std::vector<Pass> all() {
    const Vector &theta = model_.theta, &w = data_.weights;
    return {
        {"read", [&] { read_all(data_.features.view()); }},
        {"gradient", [&] { keep(objective_.evaluate(theta, w).value); }},
        {"hessian_times", [&] { keep(objective_.hessian_times(theta, w, along_)(0)); }},
        {"residual", [&] { keep(objective_.residual(theta, w, along_).gross); }},
        {"deletion_at_tier_1", [&] { delete_next(false); }},
        {"deletion_at_tier_1_twice", [&] { delete_next(true); }},
        {"influences_of_3", [&] { keep(objective_.row_gradient_products(theta, solved_)(0)); }},
        gradients("gradient_of_utility", {"utility"}),
        gradients("gradients_of_2", {"utility", "demographic_parity"}),
        gradients("gradients_of_3", {"utility", "demographic_parity", "equal_opportunity"}),
        gradients("gradients_of_2_robust", {"transferred_robust_loss", "robust_loss"}),
        gradients("gradients_of_3_one_robust", {"utility", "demographic_parity", "robust_loss"}),
        {"metric_values_of_3",
         [this, metrics = resolve({"utility", "demographic_parity", "equal_opportunity"})] {
           keep(metric_values(metrics, data_, model_, settings_)[0]);
         }},
    };
  }

 private:
  /// What one pass says, another has to say too.
  void require_consistent() const {
    const Vector &theta = model_.theta, &w = data_.weights;
    const auto close = [](double found, double wanted, double tolerance) {
      return std::abs(found - wanted) <= tolerance * std::abs(wanted);
    };
    const auto here = objective_.evaluate(theta, w);
    const auto before = objective_.evaluate(theta - along_, w);
    const auto after = objective_.evaluate(theta + along_, w);
    require(close(after.value - before.value, 2 * here.gradient.dot(along_), 1e-3), "gradient");
    const Vector times = objective_.hessian_times(theta, w, along_);
    require((after.gradient - before.gradient - 2 * times).norm() <= 1e-3 * times.norm(),
            "hessian_times");
    const Vector residual = objective_.residual(theta, w, along_).gradient;
    require((residual - here.gradient).norm() <= 1e-10 * here.gradient.norm(), "residual");
    const Matrix influences = objective_.row_gradient_products(theta, solved_);
    const Vector of_data = here.gradient - objective_.l2() * theta;
    require((influences.colwise().sum().transpose() - solved_.transpose() * of_data).norm() <=
                1e-9 * influences.colwise().norm().sum(),
            "influences");
    const std::vector<Metric> metrics = resolve({"utility", "demographic_parity", "robust_loss"});
    const Matrix slopes = metric_gradients(metrics, data_, model_, settings_);
    Matrix ends(theta.size(), 2);
    ends << theta - along_, theta + along_;
    const Matrix values = metric_values_of_models(metrics, data_, model_, ends, settings_);
    for (Index m = 0; m < values.rows(); ++m) {
      require(close(values(m, 1) - values(m, 0), 2 * slopes.col(m).dot(along_), 1e-3),
              "gradients and values of metrics");
    }
    require(close(metric_values(metrics, data_, model_, settings_)[0], here.data_loss, 1e-10),
            "values of metrics");
  }

  static void keep(double value) { benchmark::DoNotOptimize(value); }

  /// All of a deletion that tier 0 does not bound: a row leaves, the model moves, both tiers.
  void delete_next(bool twice) {
    const Index row[] = {next_row_++};
    require(deletions_.delete_rows(row) == DeletionStatus::kDone, "a row leaves");
    const Vector moved = deletions_.newton_point();
    keep(bound_from_step(deletions_.frame(), deletions_.measure_step(moved)).value);
    if (deletions_.keeps_pass()) {
      keep(bound_from_residual(deletions_.frame(), deletions_.carried_residual(moved)).value);
    }
    const auto again = [twice](const ResidualMeasure& /*first*/) { return twice; };
    const ResidualMeasure found = deletions_.measure_and_keep(moved, again);
    const double bound = bound_from_residual(deletions_.frame(), found).value;
    require(bound > 0 && bound < DistanceBound::kInfinite, "a bound");
  }

  [[nodiscard]] std::vector<Metric> resolve(std::initializer_list<const char*> names) const {
    std::vector<Metric> metrics;
    for (const char* name : names) {
      metrics.push_back(resolve_metric(name, data_, model_, settings_).front());
    }
    return metrics;
  }
  [[nodiscard]] Pass gradients(const char* name, std::initializer_list<const char*> names) const {
    return {name, [this, metrics = resolve(names)] {
              keep(metric_gradients(metrics, data_, model_, settings_)(0));
            }};
  }

  const Dataset& data_;
  Objective objective_;
  LinearModel model_;
  MetricSettings settings_;
  Vector along_;
  DeletionState deletions_;
  Index next_row_ = 0;
  Matrix solved_;
};

nlohmann::ordered_json run(const Request& request) {
  const double stream = stream_bytes_per_second(threads());
  const double floor = 8.0 * static_cast<double>(request.rows * request.columns) / stream;
  // Read before each pass if rows are to come from memory: no cache holds anything else then.
  const RowMatrix others = RowMatrix::Ones(request.cold ? 1 << 16 : 0, 256);
  const RowsView evicting(others.data(), others.rows(), others.cols());
  Passes on(request.rows, request.columns);
  std::vector<Pass> passes = on.all();
  std::erase_if(passes, [&](const Pass& pass) {
    return !request.only.empty() && pass.name != std::string_view("read") &&
           pass.name != request.only;
  });
  for (Pass& pass : passes) pass.run();  // pages are touched, threads have run
  for (int round = 0; round < request.rounds; ++round) {
    for (Pass& pass : passes) {
      if (request.cold) read_all(evicting);
      Stopwatch watch;
      pass.run();
      pass.seconds.push_back(watch.lap());
      pass.ratios.push_back(pass.seconds.back() / passes.front().seconds.back());
    }
  }
  nlohmann::ordered_json out = {{"rows", request.rows},
                                {"columns", request.columns},
                                {"threads", threads()},
                                {"processor", processor()},
                                {"rounds", request.rounds},
                                {"cold", request.cold},
                                {"stream_bytes_per_second", stream}};
  for (const Pass& pass : passes) {
    out["passes"][pass.name] = {
        {"seconds", quantile(pass.seconds, 0.5)},
        {"least_seconds", quantile(pass.seconds, 0)},
        {"times_read", quantile(pass.ratios, 0.5)},
        {"times_stream", quantile(pass.seconds, 0.5) / floor},
        {"quartiles", {quantile(pass.ratios, 0.25), quantile(pass.ratios, 0.75)}}};
  }
  return out;
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Measures every pass over made rows next to reading them once");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("--rows", request.rows);
  app.add_option("--columns", request.columns);
  app.add_option("--rounds", request.rounds);
  app.add_flag("--cold", request.cold, "128 MB of something else are read before each pass");
  app.add_option("--only", request.only, "name of one pass, measured beside the reading");
  app.add_option("--threads", threads, "0: one per processor");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", recant::bench::run(request).dump(2));
  } catch (const std::exception& error) {
    fmt::print(stderr, "passes_bench: {}\n", error.what());
    return 1;
  }
}

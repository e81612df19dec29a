// SPDX-License-Identifier: Apache-2.0
// Leaves out every row of a data set in turn and compares what happens to four metrics with what
// influences predict; prints the tables of docs/experiments/leave-one-out.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <numeric>

#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/table.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/trainer.hpp"
#include "recant/valuation/agreement.hpp"
#include "recant/valuation/leave_one_out.hpp"

namespace {

using namespace recant;

constexpr Index kRefits = 50;
constexpr double kMostRows = 0.999;  // without the one in a thousand that changes most

struct Rows {
  Dataset train, validation;
};

Rows read_rows(const std::filesystem::path& folder) {
  TableOptions options;
  options.schema = read_schema(folder / "schema.json");
  options.target = options.schema->target.value();
  options.positive = options.schema->positive;
  options.sensitive = {options.schema->sensitive.value()};
  LoadedTable training = read_training_csv(folder / "train.csv", options);
  const Dataset rest = read_csv(folder / "test.csv", training.encoder).data;
  return {std::move(training.data), slice(rest, {0, rest.rows() / 2})};
}

/// Seconds a row and largest difference of the changes, for rows trained one by one: warm, from the
/// model with all rows, and cold, from 0.
void compare_with_refits(const Objective& objective, const Dataset& data, const LeaveOneOut& found,
                         const Measures& measures, double seconds_a_row) {
  double warm_seconds = 0, cold_seconds = 0;
  Vector worst = Vector::Zero(found.measures.size());
  for (Index k = 0; k < kRefits; ++k) {
    const Index row = k * data.rows() / kRefits;
    Vector weights = data.weights;
    weights(row) = 0;
    const TrainerResult warm = train_from(objective, weights, found.theta);
    const TrainerResult cold = train(objective, weights);
    warm_seconds += warm.seconds / kRefits;
    cold_seconds += cold.seconds / kRefits;
    const Vector change = measures(warm.theta).col(0) - found.measures;
    worst = worst.cwiseMax((change - found.changes.row(row).transpose()).cwiseAbs());
  }
  fmt::print("refit of each of {} rows: {:.1f} ms warm ({:.0f}x), {:.1f} ms from 0 ({:.0f}x)\n",
             kRefits, 1e3 * warm_seconds, warm_seconds / seconds_a_row, 1e3 * cold_seconds,
             cold_seconds / seconds_a_row);
  for (Index m = 0; m < worst.size(); ++m) {
    fmt::print("  largest difference from the refitted change, metric {}: {:.1e}\n", m, worst(m));
  }
}

double median(Vector values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values(values.size() / 2);
}

void print_agreement(const std::vector<Metric>& metrics, const LeaveOneOut& found,
                     const Matrix& predicted, const Matrix& gradients, const Cholesky& hessian) {
  fmt::print(
      "| metric | all rows | median size of a change | bound of its error / it, median | Pearson | "
      "Spearman | slope | Pearson of 99.9% | slope of 99.9% | worst row: predicted, actual "
      "|\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (Index m = 0; m < predicted.cols(); ++m) {
    const Vector actual = found.changes.col(m), guess = predicted.col(m);
    const Agreement all = agreement(guess, actual);
    std::vector<Index> most(static_cast<std::size_t>(actual.size()));
    std::iota(most.begin(), most.end(), Index{0});
    std::sort(most.begin(), most.end(),
              [&](Index a, Index b) { return std::abs(actual(a)) < std::abs(actual(b)); });
    most.resize(static_cast<std::size_t>(kMostRows * static_cast<double>(most.size())));
    const Agreement others = agreement(guess(most), actual(most));
    const double size = std::sqrt(gradients.col(m).dot(hessian.solve(gradients.col(m))));
    fmt::print(
        "| {} | {:.5f} | {:.1e} | {:.0e} | {:.4f} | {:.5f} | {:.3f} | {:.5f} | {:.4f} | {}: "
        "{:.2e}, {:.2e} |\n",
        metrics[static_cast<std::size_t>(m)].name, found.measures(m), median(actual.cwiseAbs()),
        median(size * found.left.cwiseQuotient(actual.cwiseAbs())), all.pearson.value(),
        all.spearman.value(), all.slope.value(), others.pearson.value(), others.slope.value(),
        all.worst, guess(all.worst), actual(all.worst));
  }
}

void run(const std::filesystem::path& folder, double l2, double tolerance) {
  const Rows rows = read_rows(folder);
  const Objective objective(rows.train, Loss(LossKind::kLogistic), true, l2);
  const TrainerResult trained = train(objective, rows.train.weights);
  const LinearModel model{objective.loss(), true, rows.train.features.columns(), trained.theta};
  MetricSettings settings;
  settings.privileged = {highest_positive_rate(rows.train, 0, 1)};
  std::vector<Metric> metrics;
  for (const char* name : {"utility", "demographic_parity", "equal_opportunity", "robust_loss"}) {
    metrics.push_back(resolve_metric(name, rows.validation, model, settings).front());
  }
  const Measures measures = [&](ConstMatrixRef thetas) {
    return metric_values_of_models(metrics, rows.validation, model, thetas, settings);
  };
  const LeaveOneOut found =
      leave_one_out(objective, model.theta, rows.train.weights, measures, {.tolerance = tolerance});
  const auto n = static_cast<double>(rows.train.rows());
  const double training = found.seconds - found.measure_seconds;
  fmt::print("{} rows, {} parameters, {} threads, {}\n", rows.train.rows(), objective.parameters(),
             threads(), bench::processor());
  fmt::print(
      "leave one out: {:.1f} s, {:.3f} ms a row ({:.3f} models, {:.3f} metrics), {:.2f} passes a "
      "row, {} trained alone, {} not converged\n",
      found.seconds, 1e3 * found.seconds / n, 1e3 * training / n, 1e3 * found.measure_seconds / n,
      static_cast<double>(found.passes) / n, found.refits, found.not_converged.size());
  fmt::print("largest |grad F_j| {:.1e}, largest left {:.1e}, median left / moved {:.1e}\n",
             found.gradient_norms.maxCoeff(), found.left.maxCoeff(),
             median(found.left.cwiseQuotient(found.moved)));
  compare_with_refits(objective, rows.train, found, measures, training / n);

  const auto hessian = factor_hessian(objective, found.theta, rows.train.weights).value();
  const Matrix gradients =
      metric_gradients(metrics, rows.validation, model.at(found.theta), settings);
  Matrix predicted = influences(objective, found.theta, hessian, gradients);
  predicted.array().colwise() *= rows.train.weights.array();
  print_agreement(metrics, found, predicted, gradients, hessian);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Leaves out every row in turn and compares with influences");
  std::filesystem::path folder;
  double l2 = 1, tolerance = LeaveOneOutOptions{}.tolerance;
  app.add_option("folder", folder, "train.csv, test.csv and schema.json")->required();
  app.add_option("--l2", l2);
  app.add_option("--tolerance", tolerance);
  CLI11_PARSE(app, argc, argv);
  try {
    run(folder, l2, tolerance);
  } catch (const std::exception& error) {
    fmt::print(stderr, "leave_one_out: {}\n", error.what());
    return 1;
  }
}

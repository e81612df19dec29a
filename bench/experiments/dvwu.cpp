// SPDX-License-Identifier: Apache-2.0
// Deletes rows of which a share has flipped labels, by plain and value-weighted Newton steps,
// gradient ascent and retraining, and compares the models on test rows; prints the tables of
// docs/experiments/dvwu.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>

#include "cases.hpp"
#include "recant/audit/retrain.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/data/table.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"
#include "recant/unlearn/gradient_ascent.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/valuation/knn_shapley.hpp"
#include "recant/weighting/value_weighted.hpp"

namespace {

using namespace recant;

struct Settings {
  std::filesystem::path folder;
  double l2 = 1, deleted_share = 0.1;
  int repeats = 10;
  bool knn = true;
};

struct Rows {
  Dataset train, validation, test;
};

Rows read_rows(const std::filesystem::path& folder) {
  if (folder == "synthetic") {
    const Dataset& all = bench::logistic_data(12'000, 20);
    return {slice(all, {0, 4'000}), slice(all, {4'000, 8'000}), slice(all, {8'000, 12'000})};
  }
  TableOptions options;
  options.schema = read_schema(folder / "schema.json");
  options.target = options.schema->target.value();
  options.positive = options.schema->positive;
  options.missing_values = options.schema->missing_values.value();
  LoadedTable training = read_training_csv(folder / "train.csv", options);
  const Dataset rest = read_csv(folder / "test.csv", training.encoder).data;
  const Index half = rest.rows() / 2;
  return {std::move(training.data), slice(rest, {0, half}), slice(rest, {half, rest.rows()})};
}

/// What is measured of one method, a value a repetition.
struct Measured {
  std::vector<double> accuracy, log_loss, distance, same_label;
  std::vector<double> bound;  ///< certified distance; of steps by value only
};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of bounds, some of which may be infinite.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double standard_error(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += (value - mean(values)) * (value - mean(values));
  const auto n = static_cast<double>(values.size());
  return std::sqrt(sum / (n * (n - 1)));
}

/// Methods in the order in which they were first seen.
class Table {
 public:
  void add(const std::string& method, const RetrainAudit& audit, bool retrained = false,
           std::optional<double> bound = {}) {
    if (!rows_.contains(method)) order_.push_back(method);
    Measured& row = rows_[method];
    const TestUtility& utility = retrained ? audit.retrained_utility : audit.unlearned_utility;
    row.accuracy.push_back(utility.accuracy->value);
    row.log_loss.push_back(utility.log_loss);
    row.distance.push_back(retrained ? 0 : audit.distance);
    row.same_label.push_back(retrained ? 1 : audit.unlearned_agreement.same_label->value);
    if (!bound) return;
    row.bound.push_back(*bound);
    if (!(*bound >= audit.distance_low)) throw InternalError("a bound is broken");
  }

  /// Differences are of the same repetition: rows and flips are the same there.
  void print(double flipped) const {
    const Measured& truth = rows_.at("retrained");
    for (const std::string& method : order_) {
      const Measured& row = rows_.at(method);
      std::vector<double> gain = row.accuracy, loss = row.log_loss;
      for (std::size_t r = 0; r < gain.size(); ++r) {
        gain[r] = 100 * (gain[r] - truth.accuracy[r]);
        loss[r] -= truth.log_loss[r];
      }
      fmt::print(
          "| {:.0f} % | {} | {:.2f} % | {:+.3f} ± {:.3f} | {:+.5f} ± {:.5f} | {:.4f} | {} | {:.2f} "
          "% "
          "|\n",
          100 * flipped, method, 100 * mean(row.accuracy), mean(gain), standard_error(gain),
          mean(loss), standard_error(loss), mean(row.distance),
          row.bound.empty() ? "" : fmt::format("{:.3g}", median(row.bound)),
          100 * mean(row.same_label));
    }
  }

 private:
  std::vector<std::string> order_;
  std::map<std::string, Measured> rows_;
};

/// The step by value and the least bound of one pass (tier 1) on its distance to retraining.
struct CertifiedStep {
  Vector theta;
  double bound;
};
CertifiedStep certified_step(const DeletionState& base, const std::vector<Index>& rows,
                             const ValueWeights& values) {
  Vector p(static_cast<Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) p(static_cast<Index>(i)) = values.p(rows[i]);
  const Vector gradient = base.row_gradients(rows, p);
  DeletionState state = base;
  if (state.delete_rows(rows) == DeletionStatus::kRebuild) {
    // Too much has left for downdates: a base of the rows that stay, at the same theta.
    state = state.rebuilt_at(base.base().theta);
  }
  const Vector theta = state.newton_point(gradient);
  return {theta, bound_from_residual(state.frame(), state.measure_residual(theta)).value};
}

struct Weighted {
  std::string name;
  ValueWeights weights;
};

std::vector<Weighted> weightings(const std::string& source, const Vector& values,
                                 const std::vector<Index>& rows, const Vector& weights) {
  std::vector<Weighted> out;
  const auto add = [&](ValueForm form, double alpha) {
    out.push_back({fmt::format("{} {} {}", source, name(form), alpha),
                   value_weights(values, rows, weights, {form, alpha})});
  };
  for (const double alpha : {0.1, 0.5, 1.0, 3.0}) add(ValueForm::kSigmoid, alpha);
  add(ValueForm::kRank, 1);
  add(ValueForm::kExp, 0.5);
  return out;
}

/// Second form: KNN-Shapley values of the rows that stay, of them alone, and their weights by
/// these.
ValueWeights of_retained(const Dataset& train, const Dataset& validation,
                         const std::vector<Index>& deleted, double alpha) {
  std::vector<bool> stays(static_cast<std::size_t>(train.rows()), true);
  for (const Index row : deleted) stays[static_cast<std::size_t>(row)] = false;
  std::vector<Index> staying;
  for (Index row = 0; row < train.rows(); ++row) {
    if (stays[static_cast<std::size_t>(row)]) staying.push_back(row);
  }
  Vector values = Vector::Zero(train.rows());
  values(staying) = knn_shapley(pick_rows(train, staying), validation).values;
  return retained_value_weights({values, ValueMethod::kKnnShapley, true}, deleted, train.weights,
                                {ValueForm::kSigmoid, alpha});
}

void repeat(const Rows& rows, const Settings& settings, double flipped, int repetition,
            Table& table) {
  SeededRandom random(static_cast<std::uint64_t>(repetition), 0);
  std::vector<Index> order(static_cast<std::size_t>(rows.train.rows()));
  std::iota(order.begin(), order.end(), Index{0});
  random.shuffle(std::span(order));
  const double wanted = settings.deleted_share * static_cast<double>(order.size());
  const std::vector<Index> deleted(order.begin(), order.begin() + std::lround(wanted));
  Dataset noisy = rows.train;
  for (long i = 0; i < std::lround(flipped * wanted); ++i) {
    double& y = noisy.targets[deleted[static_cast<std::size_t>(i)]];
    y = 1 - y;
  }
  const Objective objective(noisy, Loss(LossKind::kLogistic), true, settings.l2);
  const Vector& weights = noisy.weights;
  const Vector theta = train(objective, weights).theta;
  const ValueWeights uniform = uniform_weights(deleted, weights);
  const Vector left = weights + uniform.target.delta;

  const auto audit = [&](const Vector& unlearned) {
    return audit_by_retraining(objective, left, theta, unlearned, rows.test);
  };
  const DeletionState base(objective, theta, weights);
  const auto add_step = [&](const std::string& method, const ValueWeights& values) {
    const CertifiedStep step = certified_step(base, deleted, values);
    table.add(method, audit(step.theta), false, step.bound);
  };
  const RetrainAudit start = audit(theta);
  table.add("retrained", start, true);
  table.add("original, nothing deleted", start);
  add_step("Newton, uniform", uniform);

  std::vector<Weighted> weighted;
  const LinearModel model{objective.loss(), true, noisy.features.columns(), theta};
  const auto utility = resolve_metric("utility", rows.validation, model, {});
  const auto hessian = factor_hessian(objective, theta, weights).value();
  const Vector influence =
      influences(objective, theta, hessian, metric_gradients(utility, rows.validation, model, {}));
  weighted = weightings("influence", influence, deleted, weights);
  if (settings.knn) {
    const Vector shapley = knn_shapley(noisy, rows.validation).values;
    for (Weighted& one : weightings("knn_shapley", shapley, deleted, weights)) {
      weighted.push_back(std::move(one));
    }
  }
  for (const Weighted& one : weighted) {
    add_step("Newton, " + one.name, one.weights);
  }
  if (settings.knn) {
    for (const double alpha : {0.1, 0.5, 1.0}) {
      const ValueWeights values = of_retained(noisy, rows.validation, deleted, alpha);
      table.add(fmt::format("Newton, retained knn_shapley sigmoid {}", alpha),
                audit(newton_step(objective, theta, weights, values.change).theta));
    }
  }
  const GradientAscentOptions ascent{.max_steps = 300, .step_size = 0.02};
  const auto climb = [&](const ValueWeights& values) {
    return gradient_ascent(objective, theta, weights, values, rows.validation, ascent).update.theta;
  };
  table.add("ascent, uniform", audit(climb(uniform)));
  for (const Weighted& one : weighted) {
    if (one.name.ends_with("sigmoid 1"))
      table.add("ascent, " + one.name, audit(climb(one.weights)));
  }
}

void run(const Settings& settings) {
  const Rows rows = read_rows(settings.folder);
  fmt::print("{}: {} rows, {} features, l2 {}, {:.0f} % deleted, {} repetitions\n\n",
             settings.folder.filename().string(), rows.train.rows(), rows.train.features.columns(),
             settings.l2, 100 * settings.deleted_share, settings.repeats);
  fmt::print(
      "| flipped | method | accuracy | over retraining, points | log-loss over retraining | "
      "distance | certified, median | same label |\n|---|---|---|---|---|---|---|---|\n");
  for (const double flipped : {0.0, 0.3, 0.6}) {
    Table table;
    for (int r = 0; r < settings.repeats; ++r) repeat(rows, settings, flipped, r, table);
    table.print(flipped);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Compares value-weighted deletion with plain deletion and retraining");
  Settings settings;
  app.add_option("folder", settings.folder, "train.csv, test.csv and schema.json; or: synthetic")
      ->required();
  app.add_option("--l2", settings.l2);
  app.add_option("--deleted-share", settings.deleted_share);
  app.add_option("--repeats", settings.repeats)->check(CLI::Range(2, 1000));
  app.add_flag("!--no-knn", settings.knn, "leave out KNN-Shapley");
  CLI11_PARSE(app, argc, argv);
  try {
    run(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "dvwu: {}\n", error.what());
    return 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "recant/influence/influence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "command.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"
#include "row_values.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags validation;
  std::string metric, output;
};

int run(const Flags& flags, const Common& common) {
  if (!flags.output.empty()) check_row_values_output(flags.output);
  const FittedModel fitted = flags.model.open();
  const MeasuredRows rows = load_rows(fitted, flags.validation.source());
  std::vector<Metric> metrics =
      resolve_metric(flags.metric, rows.data, fitted.model, fitted.settings);
  const std::vector<double> values =
      metric_values(metrics, rows.data, fitted.model, fitted.settings);
  // Several gaps (more than two groups, or equalized odds): the largest is the headline.
  const auto headline =
      std::max_element(values.begin(), values.end(),
                       [](double a, double b) { return std::abs(a) < std::abs(b); }) -
      values.begin();
  metrics = {metrics[static_cast<std::size_t>(headline)]};

  Stopwatch watch;
  InfluenceReport report{.metric = flags.metric,
                         .metric_value = values[static_cast<std::size_t>(headline)],
                         .group = {},
                         .negative_targets = false,
                         .validation_rows_dropped = rows.rows_dropped,
                         .summary = {},
                         .curvature_seconds = 0,
                         .influence_seconds = 0};
  const Metric& metric = metrics.front();
  if (metric.is_gap()) {
    report.group = rows.data.sensitive[static_cast<std::size_t>(metric.column)]
                       .groups[static_cast<std::size_t>(metric.group)];
    report.negative_targets = metric.kind == MetricKind::kEqualOpportunityNegative;
  }
  if (!fitted.optimal) {
    common.warn(
        "the model is an approximate update, not the optimum of its weights: influences at it mean "
        "little");
  }
  const Objective objective = fitted.objective();
  const auto hessian = factor_hessian(objective, fitted.model.theta, fitted.rows.weights);
  if (!hessian)
    throw DataError("the Hessian has no factor: some row weights are negative", flags.model.path);
  report.curvature_seconds = watch.lap();
  Matrix influence =
      influences(objective, fitted.model.theta, *hessian,
                 metric_gradients(metrics, rows.data, fitted.model, fitted.settings));
  report.influence_seconds = watch.lap();
  for (Index row = 0; row < fitted.rows.rows(); ++row) {
    if (is_erased(fitted.rows.ids, row)) influence.row(row).setZero();  // there is no such row
  }
  report.summary = summarize(influence.col(0));
  if (!flags.output.empty()) {
    write_row_values(flags.output, "influence", influence.col(0), fitted.rows.ids);
  }
  common.print_json(to_json(report));
  const InfluenceSummary& s = report.summary;
  const RowIds& ids = fitted.rows.ids;
  common.say(fmt::format(
      "{} = {:+.6g} on {} rows{}", flags.metric, report.metric_value, rows.data.rows(),
      values.size() > 1
          ? fmt::format(" (the largest of {}: {}{})", values.size(), report.group.value_or(""),
                        report.negative_targets ? ", negative targets" : "")
          : ""));
  common.say(fmt::format(
      "influence of {} training rows (more weight on a row lowers the metric by this): sum "
      "{:+.4g}, norm {:.4g}",
      s.count, s.sum, s.norm2));
  common.say(fmt::format("  most  {:+.4g}  row {} (id {})", s.max, s.argmax, ids.text(s.argmax)));
  common.say(fmt::format("  least {:+.4g}  row {} (id {})", s.min, s.argmin, ids.text(s.argmin)));
  if (!flags.output.empty()) common.say("wrote " + flags.output);
  return kDone;
}

}  // namespace

Run add_influence(CLI::App& app, Common& common) {
  CLI::App& command =
      *app.add_subcommand("influence", "What each training row does to a metric, to first order");
  auto flags = std::make_shared<Flags>();
  add_model(command, flags->model);
  add_rows(command, flags->validation, "validation", "", "rows the metric is read on");
  command
      .add_option(
          "--metric", flags->metric,
          "utility, demographic_parity, equal_opportunity, equal_opportunity_loss, equalized_odds, "
          "robust_loss or transferred_robust_loss; gaps take :COLUMN[=GROUP]")
      ->required();
  command.add_option("-o,--output", flags->output,
                     "where to write a value for every row: .npy or .csv");
  add_common(command, common);
  return [flags, &common] { return run(*flags, common); };
}

}  // namespace recant::app

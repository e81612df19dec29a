// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/influence.hpp"

#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "recant/engine/json.hpp"
#include "row_values.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags validation;
  std::string metric, output;
};

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  refuse_unheard(command, {{!is_gap_name(flags.metric),
                            {"--privileged", "--positive-class"},
                            "what is no gap between groups"}});
  if (!flags.output.empty()) check_row_values_output(flags.output);
  const FittedModel fitted = flags.model.open();
  const MeasuredRows rows = load_rows(fitted, flags.validation.source());
  if (!fitted.optimal) {
    common.warn(
        "the model is an approximate update, not the optimum of its weights: influences at it mean "
        "little");
  }
  auto [influence, report] = recant::influence(fitted, rows.data, flags.metric);
  report.validation_rows_dropped = rows.rows_dropped;
  report.unseen = rows.unseen;
  if (!flags.output.empty()) {
    write_row_values(flags.output, "influence", influence, fitted.rows.ids);
  }
  common.print_json([&report = report] { return to_json(report); });
  const InfluenceSummary& s = report.summary;
  const RowIds& ids = fitted.rows.ids;
  common.say_read("validation", rows.rows_dropped, rows.unseen);
  common.say(fmt::format(
      "{} = {:+.6g} on {} rows{}", flags.metric, report.metric_value, rows.data.rows(),
      report.candidates > 1
          ? fmt::format(" (the largest of {}: {}{})", report.candidates, report.group.value_or(""),
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
  command.add_option(
      "-o,--output", flags->output,
      "where to write a value for every row: .npy or .csv; replaces a file that is there");
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

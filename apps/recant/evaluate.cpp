// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"
#include "tables.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags rows;
  MetricSettings settings;
};

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  validate(flags.settings);  // before rows are read
  FittedModel fitted = flags.model.open();
  const LossKind loss = fitted.model.loss.kind();
  refuse_unheard(
      command,
      {{loss == LossKind::kSquared, {"--threshold"}, "the squared loss, which has no classes"},
       {loss != LossKind::kLogistic,
        {"--radius", "--attack-correct-only"},
        "a loss without an attack: only the logistic loss has one"}});
  fitted.settings.radius = flags.settings.radius;
  fitted.settings.threshold = flags.settings.threshold;
  fitted.settings.attack_correct_only = flags.settings.attack_correct_only;
  const MeasuredRows rows = load_rows(fitted, flags.rows.source());
  Stopwatch watch;
  const Evaluation evaluation = evaluate(rows.data, fitted.model, fitted.settings);
  common.print_json([&] { return to_json(evaluation, rows, watch.lap()); });
  common.say(fmt::format("{} rows", evaluation.rows));
  common.say_read("", rows.rows_dropped, rows.unseen);
  std::string text = describe_evaluation(evaluation, fitted.model);
  text.pop_back();
  common.say_lines(text);
  return kDone;
}

}  // namespace

Run add_evaluate(CLI::App& app, Common& common) {
  CLI::App& command =
      *app.add_subcommand("evaluate", "Utility, fairness and robustness of a model on rows");
  auto flags = std::make_shared<Flags>();
  add_model(command, flags->model);
  add_rows(command, flags->rows, "", "data", "rows to measure on");
  add_fields(command, flags->settings);
  command.add_flag("--attack-correct-only", flags->settings.attack_correct_only,
                   "the robust losses move only rows that are classified rightly");
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

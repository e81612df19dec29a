// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "tables.hpp"

namespace recant::app {
namespace {

struct Flags {
  RowFlags rows;
  FitRequest request;
  std::string loss = "logistic", missing = "drop", encoding = "full", positive, id, weight, schema,
              output;
  bool no_intercept = false, no_header = false;
  std::vector<std::string> missing_values;
};

/// A schema file fills in what no flag says.
void apply_schema(Flags& flags) {
  if (flags.schema.empty()) return;
  Schema schema = read_schema(flags.schema);
  TableOptions& table = flags.request.table;
  if (table.target.empty() && schema.target) table.target = *schema.target;
  if (!table.positive && schema.positive) table.positive = schema.positive;
  if (table.sensitive.empty() && schema.sensitive) table.sensitive = {*schema.sensitive};
  if (flags.request.privileged.empty() && schema.privileged && schema.sensitive) {
    flags.request.privileged = {*schema.sensitive + "=" + *schema.privileged};
  }
  if (flags.missing_values.empty() && schema.missing_values)
    table.missing_values = *schema.missing_values;
  table.schema = std::move(schema);
}

FitRequest make_request(Flags& flags) {
  FitRequest& request = flags.request;
  TableOptions& table = request.table;
  request.rows = flags.rows.source();
  request.loss = loss_kind(flags.loss);
  request.intercept = !flags.no_intercept;
  if (!flags.positive.empty()) table.positive = flags.positive;
  if (!flags.id.empty()) table.id = flags.id;
  if (!flags.weight.empty()) table.weight = flags.weight;
  if (!flags.missing_values.empty()) table.missing_values = flags.missing_values;
  table.missing = flags.missing == "drop" ? MissingPolicy::kDrop : MissingPolicy::kError;
  table.encoding = flags.encoding == "full" ? Encoding::kFull : Encoding::kReference;
  table.header = !flags.no_header;
  apply_schema(flags);
  if (request.rows.csv && table.target.empty()) {
    throw UsageError("--target COLUMN is needed to train on a CSV file", "fit");
  }
  return request;
}

int run(Flags& flags, const Common& common) {
  const FitRequest request = make_request(flags);
  check_model_output(flags.output, common);
  const auto [fitted, report] = fit(request, common.callback());
  const TrainerResult& training = report.training;
  if (training.converged) Vault::create(flags.output, fitted, common.force);
  common.print_json(to_json(fitted, report));
  common.say(
      fmt::format("{} rows{}, {} features, {:.2f} s", report.rows,
                  report.rows_dropped > 0
                      ? fmt::format(" ({} more dropped for missing values)", report.rows_dropped)
                      : "",
                  fitted.model.features, report.load_seconds));
  common.say(
      fmt::format("{} loss, l2 = {:g}: {} in {} steps, gradient {:.1e} (needed {:.1e}), {:.2f} s",
                  name(fitted.model.loss.kind()), fitted.l2,
                  training.converged ? "converged" : "did not converge", training.iterations,
                  training.gradient_norm, training.gradient_tolerance, training.seconds));
  if (!training.converged) {
    end_progress();
    fmt::print(
        stderr,
        "recant: fit: did not converge, so nothing was written; raise --max-iterations or --l2\n");
    return kOutcomeIsNo;
  }
  std::string text = describe_evaluation(report.evaluation, fitted.model);
  text.pop_back();
  common.say("on the training rows:\n" + text);
  common.say("wrote " + flags.output);
  return kDone;
}

}  // namespace

Run add_fit(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand("fit", "Train a linear model and keep it with its rows");
  auto flags = std::make_shared<Flags>();
  FitRequest& request = flags->request;
  add_rows(command, flags->rows, "", "train", "training rows");
  command.add_option("-o,--output", flags->output, "model folder to write, e.g. model.rct")
      ->required();
  command.add_flag("--force", common.force, "replace the model if it exists");
  const char* columns = "Columns";
  command.add_option("--target", request.table.target, "column to predict")->group(columns);
  command
      .add_option("--positive", flags->positive,
                  "value of the target that counts as 1 (softmax: the "
                  "class whose probability metrics read)")
      ->group(columns);
  command.add_option("--sensitive", request.table.sensitive, "columns whose groups are compared")
      ->delimiter(',')
      ->group(columns);
  command
      .add_option("--privileged", request.privileged,
                  "COLUMN=GROUP whose gap is that group minus all "
                  "others (default, of two groups: the one with the highest positive rate)")
      ->group(columns);
  command.add_option("--id", flags->id, "column that names the rows (default: row numbers)")
      ->group(columns);
  command.add_option("--weight", flags->weight, "column with row weights")->group(columns);
  command.add_option("--drop", request.table.drop, "columns that are no features")
      ->delimiter(',')
      ->group(columns);
  command
      .add_option("--schema", flags->schema, "JSON file with column types (default: by inspection)")
      ->group(columns);
  command
      .add_flag("--no-header", flags->no_header,
                "the first line is data; columns are called 1, 2, ...")
      ->group(columns);
  command.add_option("--missing", flags->missing, "rows with a missing cell: drop or error")
      ->check(CLI::IsMember({"drop", "error"}))
      ->capture_default_str()
      ->group(columns);
  command
      .add_option("--na", flags->missing_values,
                  "cells that are missing (default: ?, NA and empty)")
      ->delimiter(',')
      ->group(columns);
  command
      .add_option("--encoding", flags->encoding,
                  "categories: full (all levels) or reference (all but the first)")
      ->check(CLI::IsMember({"full", "reference"}))
      ->capture_default_str()
      ->group(columns);
  const char* model = "Model";
  command.add_option("--loss", flags->loss, "logistic, squared or softmax")
      ->capture_default_str()
      ->group(model);
  command
      .add_option("--l2", request.l2,
                  "L2 strength of the summed loss (1; scikit-learn's C is 1/l2)")
      ->group(model);
  command.add_option("--l2-per-row", request.l2_per_row, "the same divided by the number of rows")
      ->group(model);
  command.add_flag("--no-intercept", flags->no_intercept, "no constant feature")->group(model);
  add_fields(command, request.trainer);
  add_common(command, common);
  return [flags, &common] { return run(*flags, common); };
}

}  // namespace recant::app

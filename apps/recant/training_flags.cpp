// SPDX-License-Identifier: Apache-2.0
#include "training_flags.hpp"

#include "flag_texts.hpp"
#include "recant/core/error.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

/// A schema file fills in what no flag says.
void apply_schema(const TrainingFlags& flags, FitRequest& request) {
  if (flags.schema.empty()) return;
  Schema schema = read_schema(flags.schema);
  TableOptions& table = request.table;
  if (table.target.empty() && schema.target) table.target = *schema.target;
  if (!table.positive && schema.positive) table.positive = schema.positive;
  if (table.sensitive.empty() && schema.sensitive) table.sensitive = {*schema.sensitive};
  if (request.privileged.empty() && schema.privileged && schema.sensitive) {
    request.privileged = {*schema.sensitive + "=" + *schema.privileged};
  }
  if (flags.missing_values.empty() && schema.missing_values) {
    table.missing_values = *schema.missing_values;
  }
  table.schema = std::move(schema);
}

}  // namespace

FitRequest TrainingFlags::make_request(const CLI::App& command) const {
  FitRequest made = request;
  TableOptions& table = made.table;
  made.rows = rows.source();
  made.loss = loss_kind(loss);
  refuse_unheard(command, {{made.rows.arrays.has_value(),
                            {"--target", "--sensitive", "--id", "--weight", "--drop", "--schema",
                             "--no-header", "--missing", "--na", "--encoding"},
                            "arrays, which have no columns with names and no cells",
                            "arrays are --features, --targets, --groups and --row-weights"},
                           {made.loss == LossKind::kSquared,
                            {"--positive"},
                            "the squared loss, whose target is a number"}});
  made.intercept = !no_intercept;
  if (!positive.empty()) table.positive = positive;
  if (!id.empty()) table.id = id;
  if (!weight.empty()) table.weight = weight;
  if (!missing_values.empty()) table.missing_values = missing_values;
  table.missing = missing == "drop" ? MissingPolicy::kDrop : MissingPolicy::kError;
  table.encoding = encoding == "full" ? Encoding::kFull : Encoding::kReference;
  table.header = !no_header;
  apply_schema(*this, made);
  if (made.rows.csv && table.target.empty()) {
    throw UsageError("--target COLUMN is needed to train on a CSV file", command.get_name());
  }
  return made;
}

void add_training(CLI::App& command, TrainingFlags& flags) {
  add_rows(command, flags.rows, "", "train", "training rows");
  command.add_option("--row-weights", flags.rows.weights, "n NPY, >= 0")
      ->group(command.get_option("--features")->get_group());
  const char* columns = "Columns";
  command.add_option("--target", flags.request.table.target, "column to predict")->group(columns);
  command
      .add_option("--positive", flags.positive,
                  "value of the target that counts as 1 (softmax: the "
                  "class whose probability metrics read)")
      ->group(columns);
  add_list(command, "--sensitive", flags.request.table.sensitive,
           "columns whose groups are compared")
      ->group(columns);
  command
      .add_option("--privileged", flags.request.privileged,
                  "COLUMN=GROUP whose gap is that group minus all "
                  "others (default, of two groups: the one with the highest positive rate)")
      ->group(columns);
  command.add_option("--id", flags.id, "column that names the rows (default: row numbers)")
      ->group(columns);
  command.add_option("--weight", flags.weight, "column with row weights")->group(columns);
  add_list(command, "--drop", flags.request.table.drop, "columns that are no features")
      ->group(columns);
  command
      .add_option("--schema", flags.schema, "JSON file with column types (default: by inspection)")
      ->group(columns);
  command
      .add_flag("--no-header", flags.no_header,
                "the first line is data; columns are called 1, 2, ...")
      ->group(columns);
  command.add_option("--missing", flags.missing, "rows with a missing cell: drop or error")
      ->check(CLI::IsMember({"drop", "error"}))
      ->capture_default_str()
      ->group(columns);
  add_list(command, "--na", flags.missing_values,
           "cells that are missing (default: ?, NA and empty)")
      ->group(columns);
  command
      .add_option("--encoding", flags.encoding,
                  "categories: full (all levels) or reference (all but the first)")
      ->check(CLI::IsMember({"full", "reference"}))
      ->capture_default_str()
      ->group(columns);
  const char* model = "Model";
  command.add_option("--loss", flags.loss, "logistic, squared or softmax")
      ->capture_default_str()
      ->group(model);
  command
      .add_option("--l2", flags.request.l2,
                  "L2 strength of the summed loss (1; scikit-learn's C is 1/l2)")
      ->group(model);
  command
      .add_option("--l2-per-row", flags.request.l2_per_row,
                  "the same divided by the number of rows")
      ->group(model);
  command.add_flag("--no-intercept", flags.no_intercept, "no constant feature")->group(model);
  add_fields(command, flags.request.trainer);
}

}  // namespace recant::app

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "row_values.hpp"
#include "tables.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags validation;
  ValueRequest request;
  std::string ties = "row_number", features, validation_features, output;
};

const std::vector<std::string> kNeighborFlags = {"--neighbors",     "--truncate",
                                                 "--baseline",      "--ties",
                                                 "--features-file", "--validation-features-file"};

ValueRequest make_request(const Flags& flags, const Common& common, const CLI::App& command) {
  ValueRequest request = flags.request;
  request.knn.ties = tie_rule(flags.ties);
  if (!flags.features.empty()) request.features_file = flags.features;
  if (!flags.validation_features.empty()) {
    request.validation_features_file = flags.validation_features;
  }
  request.seed = common.seed;
  if (!value_method(request.method).neighbors) {
    for (const std::string& flag : kNeighborFlags) {
      if (command.count(flag) > 0) {
        throw UsageError(
            fmt::format("says nothing to {}, which looks at no neighbours", request.method), flag);
      }
    }
  }
  return request;
}

std::string describe(const ValueReport& report) {
  const MethodValues& found = report.found;
  const InfluenceSummary& s = report.summary;
  std::string text = fmt::format("{} of {} training rows by {} validation rows: sum {:+.6g}",
                                 report.method, s.count, report.validation_rows, s.sum);
  if (found.total) text += fmt::format(" = v(all rows) - v(none), {:+.6g}", *found.total);
  if (found.error_bound > 0) text += fmt::format(", each off by at most {:.3g}", found.error_bound);
  if (found.standard_errors.size() > 0) {
    text += fmt::format(", standard errors up to {:.3g}", found.standard_errors.maxCoeff());
  }
  return text;
}

std::string describe(const char* title, const std::vector<RowValue>& rows, const RowIds& ids) {
  std::vector<std::vector<std::string>> cells = {{"row", "id", "value"}};
  for (const RowValue& row : rows) {
    cells.push_back(
        {std::to_string(row.row), ids.text(row.row), fmt::format("{:+.4g}", row.value)});
  }
  std::string text = fmt::format("{}\n{}", title, table(cells));
  text.pop_back();  // the end of the last line
  return text;
}

std::string describe(const FlipCheck& check) {
  return fmt::format(
      "with {} of {} labels flipped, as many lowest values hold {:.1f}% of them (by chance "
      "{:.1f}%);\n  area under the curve {:.4f} (by chance 0.5, at best {:.4f})",
      check.flipped, check.rows, 100 * check.precision, 100 * check.chance(), check.area,
      check.best_area());
}

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  if (!flags.output.empty()) check_row_values_output(flags.output);
  const ValueRequest request = make_request(flags, common, command);
  const FittedModel fitted = flags.model.open();
  const MeasuredRows rows = load_rows(fitted, flags.validation.source());
  if (!fitted.optimal && value_method(request.method).reads_model) {
    common.warn(
        "the model is an approximate update, not the optimum of its weights: influences at it mean "
        "little");
  }
  ValueReport report = value(fitted, rows.data, request, common.callback());
  report.validation_rows_dropped = rows.rows_dropped;
  const MethodValues& found = report.found;
  if (found.weights_ignored) {
    common.warn(
        fmt::format("the row weights differ, which {} does not look at (but for rows of "
                    "weight 0, which take no part)",
                    request.method));
  }
  const RowIds& ids = fitted.rows.ids;
  if (!flags.output.empty()) {
    write_row_values(flags.output, "value", found.values, ids, found.standard_errors);
  }
  common.print_json(to_json(report, ids));
  common.say(describe(report));
  if (request.top > 0) {
    common.say(describe("highest values: these rows help most", report.highest, ids));
    common.say(describe("lowest values: these rows hurt most", report.lowest, ids));
  } else {
    const InfluenceSummary& s = report.summary;
    common.say(
        fmt::format("  highest {:+.4g}  row {} (id {})", s.max, s.argmax, ids.text(s.argmax)));
    common.say(
        fmt::format("  lowest  {:+.4g}  row {} (id {})", s.min, s.argmin, ids.text(s.argmin)));
  }
  if (report.flip_check) common.say(describe(*report.flip_check));
  if (!flags.output.empty()) common.say("wrote " + flags.output);
  return kDone;
}

std::string methods_help() {
  std::string text;
  for (const ValueMethod& method : value_methods()) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", method.name, method.help);
  }
  return text;
}

}  // namespace

Run add_value(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "value", "What each training row is worth to the rows that the model is measured on");
  auto flags = std::make_shared<Flags>();
  ValueRequest& request = flags->request;
  add_model(command, flags->model);
  add_rows(command, flags->validation, "validation", "",
           "rows that the training rows help or hurt");
  command.add_option("--method", request.method, methods_help())->required();
  const char* neighbors = "Nearest neighbours";
  add_fields(command, request.knn);
  for (const char* flag : {"--neighbors", "--truncate", "--baseline"}) {
    command.get_option(flag)->group(neighbors);
  }
  command
      .add_option("--ties", flags->ties,
                  "training rows at the same distance: row_number (the first is nearer) or shared "
                  "(either, with equal chances)")
      ->capture_default_str()
      ->group(neighbors);
  command
      .add_option("--features-file", flags->features,
                  "NPY to measure distances in, such as embeddings: a row for every training row "
                  "of the model")
      ->group(neighbors);
  command
      .add_option("--validation-features-file", flags->validation_features,
                  "the same of the validation rows")
      ->group(neighbors);
  command.add_option("--top", request.top, "print so many rows of highest and of lowest value");
  command.add_option("--flip-check", request.flip_check,
                     "flip this share of the labels on a copy, and say how many of them the lowest "
                     "values find");
  command.add_option("-o,--output", flags->output,
                     "where to write a value for every row: .npy or .csv");
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

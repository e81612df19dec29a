// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "command.hpp"
#include "interrupt.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "row_values.hpp"
#include "tables.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags validation;
  ValueRequest request;
  std::string ties = "row_number", utility = "vote", features, validation_features, state, output;
};

/// The flags that only some methods listen to.
struct FlagGroup {
  const char* about;
  bool ListedValueMethod::*taken_by;
  std::vector<std::string> flags;
};
const std::vector<FlagGroup>& flag_groups() {
  static const std::vector<FlagGroup> groups = {
      {"which looks at no neighbours",
       &ListedValueMethod::neighbors,
       {"--neighbors", "--features-file", "--validation-features-file"}},
      {"which is not knn_shapley",
       &ListedValueMethod::ranks,
       {"--truncate", "--baseline", "--ties"}},
      {"which is about no metric", &ListedValueMethod::any_metric, {"--metric"}},
      {"which leaves out no row", &ListedValueMethod::leaves_out, {"--tolerance"}},
      {"which draws no samples",
       &ListedValueMethod::samples,
       {"--utility", "--max-samples", "--standard-error", "--truncation", "--alpha", "--beta",
        "--state-file"}},
  };
  return groups;
}

std::vector<Unheard> unheard_by(const ValueRequest& request) {
  const ListedValueMethod method = value_method(request.method);
  std::vector<Unheard> rules;
  const auto add = [&](bool here, std::vector<std::string> flags, const std::string& why) {
    rules.push_back({here, std::move(flags), request.method + ", " + why});
  };
  for (const FlagGroup& group : flag_groups())
    add(!(method.*group.taken_by), group.flags, group.about);
  const bool of_model = method.samples && request.utility != SetUtility::kVote;
  add(of_model, {"--neighbors", "--features-file", "--validation-features-file"},
      "whose utility here is a model's");
  add(method.samples && request.method != "beta_shapley", {"--alpha", "--beta"},
      "which is not beta_shapley");
  add(request.method == "data_banzhaf", {"--truncation"}, "which draws no permutations");
  rules.push_back({!method.any_metric || !is_gap_name(request.metric),
                   {"--privileged", "--positive-class"},
                   "what is no gap between groups"});
  return rules;
}

ValueRequest make_request(const Flags& flags, const Common& common, const CLI::App& command) {
  ValueRequest request = flags.request;
  request.knn.ties = tie_rule(flags.ties);
  request.utility = set_utility(flags.utility);
  request.sampling.state_file = flags.state;
  if (!flags.features.empty()) request.features_file = flags.features;
  if (!flags.validation_features.empty()) {
    request.validation_features_file = flags.validation_features;
  }
  request.seed = common.seed;
  refuse_unheard(command, unheard_by(request));
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

std::string describe(const SamplingReport& drawn) {
  std::string text = fmt::format("  {} samples", drawn.samples);
  if (drawn.resumed > 0) text += fmt::format(", {} of them from the state file", drawn.resumed);
  text += fmt::format("; {} values of sets", drawn.evaluations);
  if (drawn.truncation > 0) {
    text += fmt::format("; {} permutations cut short, a bias that no standard error shows",
                        drawn.truncated);
  }
  return text;
}

std::string describe(const LeaveOneOutReport& left) {
  const auto figure = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.4f}", *value) : std::string("none");
  };
  return fmt::format(
      "  influences predict it with correlation {} (of ranks {}), slope {}; they are furthest off "
      "at row {}, by {:.3g}",
      figure(left.influence.pearson), figure(left.influence.spearman), figure(left.influence.slope),
      left.influence.worst, left.influence.largest_error);
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
    common.warn(request.method == "influence"
                    ? "the model is an approximate update, not the optimum of its weights: "
                      "influences at it mean little"
                    : "the model is an approximate update, not the optimum of its weights: rows "
                      "are left out of that optimum");
  }
  const RowIds& ids = fitted.rows.ids;
  std::optional<ThrowOnInterrupt> keep_samples;
  if (!request.sampling.state_file.empty()) {
    check_writable(request.sampling.state_file);
    keep_samples.emplace();
  }
  ValueReport report =
      value(fitted, rows.data, request, common.callback(), [&](const ValueReport& values) {
        if (flags.output.empty()) return;
        write_row_values(flags.output, "value", values.found.values, ids,
                         values.found.standard_errors);
      });
  keep_samples.reset();
  report.validation_rows_dropped = rows.rows_dropped;
  report.unseen = rows.unseen;
  const MethodValues& found = report.found;
  if (found.weights_ignored) {
    common.warn(
        fmt::format("the row weights differ, which {} does not look at (but for rows of "
                    "weight 0, which take no part)",
                    request.method));
  }
  if (found.leave_one_out && !found.leave_one_out->last_of_class.empty()) {
    common.warn(
        fmt::format("{} rows are the last of their class: without them the model knows one "
                    "class less, and their values say little",
                    found.leave_one_out->last_of_class.size()));
  }
  common.print_json([&] { return to_json(report, ids); });
  common.say_read("validation", rows.rows_dropped, rows.unseen);
  common.say(describe(report));
  if (found.sampling) common.say(describe(*found.sampling));
  if (found.leave_one_out) common.say(describe(*found.leave_one_out));
  if (request.top > 0) {
    // A gap has two good directions, or none: only of a utility a row can help or hurt.
    const bool gap = value_method(request.method).any_metric && found.utility != "loss" &&
                     !found.utility.ends_with("robust_loss");
    common.say_lines(describe(gap ? "highest values: without these rows it is highest"
                                  : "highest values: these rows help most",
                              report.highest, ids));
    common.say_lines(describe(gap ? "lowest values: without these rows it is lowest"
                                  : "lowest values: these rows hurt most",
                              report.lowest, ids));
  } else {
    const InfluenceSummary& s = report.summary;
    common.say(
        fmt::format("  highest {:+.4g}  row {} (id {})", s.max, s.argmax, ids.text(s.argmax)));
    common.say(
        fmt::format("  lowest  {:+.4g}  row {} (id {})", s.min, s.argmin, ids.text(s.argmin)));
  }
  if (report.flip_check) common.say_lines(describe(*report.flip_check));
  if (!flags.output.empty()) common.say("wrote " + flags.output);
  if (found.leave_one_out && !found.leave_one_out->not_converged.empty()) {
    common.warn(fmt::format("{} rows did not reach the tolerance",
                            found.leave_one_out->not_converged.size()));
    return kOutcomeIsNo;
  }
  if (request.sampling.standard_error > 0 && found.sampling && !found.sampling->precise) {
    common.warn(fmt::format("the standard error asked for, {:g}, was not reached with {} samples",
                            request.sampling.standard_error, found.sampling->samples));
    return kOutcomeIsNo;
  }
  return kDone;
}

std::string methods_help() {
  std::string text;
  for (const ListedValueMethod& method : value_methods()) {
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
  command
      .add_option(
          "--metric", request.metric,
          "influence and leave_one_out: a metric in place of utility, NAME[:COLUMN[=GROUP]]")
      ->capture_default_str();
  add_fields(command, request.leave_one_out);
  const char* sampling = "Sampling";
  command
      .add_option("--utility", flags->utility,
                  "what a set of rows is worth: vote (of the nearest of its rows, for the right "
                  "class), or of the model trained on it accuracy or log_loss (minus the mean)")
      ->capture_default_str()
      ->group(sampling);
  add_fields(command, request.sampling);
  for (const char* flag :
       {"--max-samples", "--standard-error", "--truncation", "--alpha", "--beta"}) {
    command.get_option(flag)->group(sampling);
  }
  command
      .add_option("--state-file", flags->state,
                  "keeps what was drawn, and goes on from it if it exists")
      ->group(sampling);
  command.add_option("--top", request.top, "print so many rows of highest and of lowest value");
  command.add_option("--flip-check", request.flip_check,
                     "flip this share of the labels on a copy, and say how many of them the lowest "
                     "values find");
  command.add_option(
      "-o,--output", flags->output,
      "where to write a value for every row: .npy or .csv; replaces a file that is there");
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/correct.hpp"

#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "command.hpp"
#include "flag_texts.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "row_values.hpp"
#include "tables.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags validation, test;
  CorrectionRequest request;
  std::string keep = "utility", scheme = "soft", update = "polish", bounds = "-1,1", output,
              weights;
  std::vector<std::string> rows;
};

double parse_number(const std::string& text, const char* what) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) {
    throw UsageError(fmt::format("'{}' is not a number", text), what);
  }
  return value;
}

/// "utility", "utility:TOL" or "none".
void parse_keep(const std::string& keep, CorrectionOptions& options) {
  options.keep_utility = keep != "none";
  if (keep == "none" || keep == "utility") return;
  if (!keep.starts_with("utility:")) {
    throw UsageError("must be utility, utility:TOL or none", "--keep",
                     "TOL is the share by which the validation loss may rise");
  }
  options.utility_tolerance = parse_number(keep.substr(8), "--keep");
}

/// "LO,HI" or "none".
void parse_bounds(const std::string& bounds, CorrectionOptions& options) {
  options.bounded = bounds != "none";
  if (!options.bounded) return;
  const auto comma = bounds.find(',');
  if (comma == std::string::npos) throw UsageError("must be LO,HI or none", "--bounds");
  options.lower = parse_number(bounds.substr(0, comma), "--bounds");
  options.upper = parse_number(bounds.substr(comma + 1), "--bounds");
}

/// What hard deletion, the closed form and a single round do not look at.
void refuse(const Flags& flags, const CLI::App& command) {
  const CorrectionOptions& options = flags.request.options;
  const bool hard = options.scheme == Scheme::kHard;
  const char* const use_soft = "leave it out, or use --scheme soft";
  refuse_unheard(
      command,
      {{hard, {"--bounds", "--kappa", "--kappa-rel", "--repay"}, "hard deletion", use_soft},
       {hard && flags.keep == "utility",
        {"--keep"},
        "hard deletion, which keeps it only to a TOL",
        "write utility:TOL"},
       {!options.keep_utility,
        {"--repay"},
        "a correction that keeps no utility",
        "leave it out, or leave out --keep none"},
       {!options.bounded || options.rounds == 1,
        {"--repay"},
        "a single round",
        "leave it out, or give several --rounds and bounds"},
       {flags.output.empty(), {"--force"}, "a correction that writes no model", "it goes with -o"},
       {!command.get_option("--force")->as<bool>(),
        {"--wait"},
        "a new folder, which nobody else writes to",
        "it goes with --force"}});
}

CorrectionRequest make_request(Flags& flags, const CLI::App& command) {
  CorrectionOptions& options = flags.request.options;
  options.scheme = scheme_kind(flags.scheme);
  options.update = update_kind(flags.update);
  options.delete_rows = parse_rows(flags.rows, "--rows");
  parse_keep(flags.keep, options);
  parse_bounds(flags.bounds, options);
  refuse(flags, command);
  if (command.count("--rounds") == 0) options.rounds = default_rounds(options);
  return flags.request;
}

/// Both files or none of them.
void write_outputs(const Flags& flags, const FittedModel& corrected, const Common& common) {
  // The model first: where it cannot be written, a weights file of an earlier run stays as it is.
  const bool new_model = !flags.output.empty() && !std::filesystem::exists(flags.output);
  if (!flags.output.empty()) {
    Vault::create(flags.output, corrected, common.force, nullptr, std::nullopt,
                  common.writer_wait(flags.output));
  }
  if (flags.weights.empty()) return;
  try {
    write_row_values(flags.weights, "weight", corrected.rows.weights, corrected.rows.ids);
  } catch (...) {
    std::error_code ignored;  // both or neither
    if (new_model) std::filesystem::remove_all(flags.output, ignored);
    throw;
  }
}

int run(Flags& flags, const Common& common, const CLI::App& command) {
  const CorrectionRequest request = make_request(flags, command);
  check_model_output(flags.output, common);
  if (!flags.weights.empty()) check_row_values_output(flags.weights);
  // Rows that were erased must not get a weight again; those after them move up.
  const FittedModel fitted = without_erased_rows(flags.model.open());
  if (!flags.validation.given())
    throw UsageError("--validation is needed: gaps are never read on training rows", "correct");
  const MeasuredRows validation = load_rows(fitted, flags.validation.source());
  std::optional<MeasuredRows> test;
  if (flags.test.given()) test = load_rows(fitted, flags.test.source());

  auto [corrected, report] =
      correct(fitted, validation.data, test ? &test->data : nullptr, request, common.callback());
  const auto note = [](SplitChange& split, const MeasuredRows& rows) {
    split.rows_dropped = rows.rows_dropped;
    split.unseen = rows.unseen;
  };
  note(report.split("validation"), validation);
  if (test) note(report.split("test"), *test);
  const CorrectionResult& result = report.result;
  const bool nothing = !has_outcome(report, request.options);
  if (!nothing) write_outputs(flags, corrected, common);
  common.print_json([&request, &corrected = corrected, &report = report] {
    return to_json(corrected, report, request);
  });
  if (nothing) {
    const std::string why = result.stop == CorrectionStop::kUpdateFailed
                                ? std::string(describe(result.update_status))
                                : std::string(describe(result.stop));
    const bool bounds_help = result.update_status == UpdateStatus::kNegativeWeights ||
                             result.update_status == UpdateStatus::kNotPositiveDefinite;
    complain(fmt::format("correct: nothing was written: {}{}", why,
                         bounds_help ? "; --bounds -1,1 keeps them from it" : ""));
    return kOutcomeIsNo;
  }
  for (const SplitChange& split : report.splits) {
    common.say_read(split.split, split.rows_dropped, split.unseen);
  }
  common.say_lines(describe_correction(report, request.options, fitted.model));
  if (!flags.weights.empty()) common.say("wrote " + flags.weights);
  if (!flags.output.empty()) common.say("wrote " + flags.output);
  const bool wanted = request.options.target_gap > 0;
  const bool reached =
      result.stop == CorrectionStop::kTarget || result.stop == CorrectionStop::kNoGap;
  if (wanted && !reached) {
    complain(fmt::format("correct: the target gap was not reached: {}", describe(result.stop)));
    return kOutcomeIsNo;
  }
  return kDone;
}

}  // namespace

Run add_correct(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "correct", "Close a gap by reweighting training rows, and show what it costs");
  auto flags = std::make_shared<Flags>();
  CorrectionOptions& options = flags->request.options;
  add_model(command, flags->model);
  add_rows(command, flags->validation, "validation", "", "rows the gaps are read on");
  add_rows(command, flags->test, "test", "", "rows only measured on");
  add_list(command, "--close", flags->request.goals,
           "gaps to close: demographic_parity, equal_opportunity, equal_opportunity_loss, "
           "equalized_odds, robust_loss or transferred_robust_loss; gaps take :COLUMN[=GROUP]")
      ->required();
  command
      .add_option("--keep", flags->keep,
                  "utility (to first order, the cost reported), utility:TOL (the "
                  "validation loss may rise by this share) or none")
      ->capture_default_str();
  command.add_option("--scheme", flags->scheme, "soft weights or hard deletion")
      ->capture_default_str();
  command.add_option("--update", flags->update, "influence or newton (one step), polish (exact)")
      ->capture_default_str();
  command
      .add_option("--bounds", flags->bounds,
                  "LO,HI of every weight's change, or none (closed form)")
      ->capture_default_str();
  command.add_option("--count", options.count, "hard: delete this many rows");
  add_list(command, "--rows", flags->rows, "hard: delete exactly these training rows, from 0",
           "INT");
  command.add_option("--share", options.share, "hard: delete this share of all rows");
  add_fields(command, options, {"keep_utility", "utility_tolerance", "lower", "upper"});
  command.add_option("-o,--output", flags->output, "model folder to write");
  command.add_option("--weights", flags->weights,
                     "where to write every row's new weight: .csv or .npy; replaces a file that is "
                     "there");
  command.add_flag("--force", common.force, "replace the model of -o if it exists");
  add_wait(command, common);
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/compare.hpp"

#include <fmt/format.h>

#include <memory>

#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"
#include "tables.hpp"
#include "training_flags.hpp"

namespace recant::app {
namespace {

struct Flags {
  TrainingFlags training;
  RowFlags validation, test;
  CompareRequest request;
};

struct Splits {
  Dataset validation, test;
  std::vector<CompareFile> files;  // that they came from
};

/// A test file alone is halved: its first half chooses the weights, its second only measures.
Splits measured_splits(const FittedModel& fitted, const Flags& flags) {
  if (!flags.test.given()) throw UsageError("--test is needed", "compare");
  Splits splits;
  const auto read = [&](const char* name, const RowFlags& rows) {
    MeasuredRows measured = load_rows(fitted, rows.source());
    splits.files.push_back(
        {name, measured.data.rows(), measured.rows_dropped, std::move(measured.unseen)});
    return std::move(measured.data);
  };
  if (flags.validation.given()) splits.validation = read("validation", flags.validation);
  splits.test = read("test", flags.test);
  if (!flags.validation.given()) {
    const Index rows = splits.test.rows(), half = rows / 2;
    splits.validation = slice(splits.test, {0, half});
    splits.test = slice(splits.test, {half, rows});
  }
  return splits;
}

int run(Flags& flags, const Common& common, const CLI::App& command) {
  Stopwatch watch;
  const FitRequest fit_request = flags.training.make_request(command);
  flags.request.seed = common.seed;
  const auto [fitted, report] = fit(fit_request, common.callback());
  if (!report.training.converged) {
    common.print_json([&fitted = fitted, &report = report] { return to_json(fitted, report); });
    complain("compare: the fit did not converge; raise --max-iterations or --l2");
    return kOutcomeIsNo;
  }
  const Splits splits = measured_splits(fitted, flags);
  CompareReport comparison =
      compare(fitted, splits.validation, splits.test, flags.request, common.callback());
  comparison.files = {{"train", report.rows, report.rows_dropped, {}}};
  comparison.files.insert(comparison.files.end(), splits.files.begin(), splits.files.end());
  common.print_json([&] { return to_json(comparison, watch.lap()); });
  for (const CompareFile& file : comparison.files) {
    common.say_read(file.name, file.rows_dropped.value_or(0), file.unseen);
  }
  common.say_lines(describe_comparison(comparison));
  return kDone;
}

}  // namespace

Run add_compare(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "compare", "Soft weights and deletion under every update, next to retraining, in one table");
  auto flags = std::make_shared<Flags>();
  CompareRequest& request = flags->request;
  add_training(command, flags->training);
  add_rows(command, flags->validation, "validation", "",
           "rows the gap is closed on (default: first half of the test rows)");
  add_rows(command, flags->test, "test", "", "rows only measured on");
  command.add_option("--close", request.goal, "the gap to close")->capture_default_str();
  command.add_option("--close-share", request.close_share, "share of the validation gap to close")
      ->capture_default_str();
  command
      .add_option("--rounds", request.rounds,
                  "equal steps to the target, and up to as many again where one has to be halved")
      ->capture_default_str();
  command.add_option("--resamples", request.resamples, "bootstrap resamples of each interval")
      ->capture_default_str();
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

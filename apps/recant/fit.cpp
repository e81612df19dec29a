// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "tables.hpp"
#include "training_flags.hpp"

namespace recant::app {
namespace {

struct Flags {
  TrainingFlags training;
  std::string output;
};

/// How many features, and from what: a stray text in a column of numbers shows here.
std::string describe_features(const FittedModel& fitted) {
  const std::string count = fmt::format("{} features", fitted.model.features);
  if (!fitted.encoder) return count;
  const auto& columns = fitted.encoder->features;
  const auto numeric = std::count_if(columns.begin(), columns.end(), [](const FeatureColumn& c) {
    return c.type == ColumnType::kNumeric;
  });
  return fmt::format("{} from {} numeric and {} categorical columns", count, numeric,
                     columns.size() - static_cast<std::size_t>(numeric));
}

int run(const Flags& flags, const Common& common) {
  const FitRequest request = flags.training.make_request("fit");
  check_model_output(flags.output, common);
  const auto [fitted, report] = fit(request, common.callback());
  const TrainerResult& training = report.training;
  if (training.converged) Vault::create(flags.output, fitted, common.force);
  common.print_json(to_json(fitted, report));
  common.say(
      fmt::format("{} rows{}, {}, {:.2f} s", report.rows,
                  report.rows_dropped > 0
                      ? fmt::format(" ({} more dropped for missing values)", report.rows_dropped)
                      : "",
                  describe_features(fitted), report.load_seconds));
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
  add_training(command, flags->training);
  command.add_option("-o,--output", flags->output, "model folder to write, e.g. model.rct")
      ->required();
  command.add_flag("--force", common.force, "replace the model if it exists");
  add_common(command, common);
  return [flags, &common] { return run(*flags, common); };
}

}  // namespace recant::app

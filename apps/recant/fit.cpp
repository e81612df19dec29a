// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "recant/core/error.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/vault.hpp"
#include "tables.hpp"
#include "training_flags.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  TrainingFlags training;
  std::string output, ledger;
  EnrolmentRequest enrolment;
  std::string when_spent = "refuse";
  RowFlags validation;
  bool plan = false;
};

const std::vector<const char*> kEnrolmentFlags = {
    "--epsilon",          "--delta",          "--releases",        "--sigma",
    "--allowance",        "--utility-price",  "--on-budget-spent", "--difference-epsilon",
    "--difference-delta", "--difference-step"};

/// Enrolled as soon as one of its flags is given; then epsilon and delta must be.
bool wants_enrolment(const Flags& flags, const CLI::App& command) {
  const bool any = std::any_of(kEnrolmentFlags.begin(), kEnrolmentFlags.end(),
                               [&](const char* flag) { return command.count(flag) > 0; });
  if (any && (command.count("--epsilon") == 0 || command.count("--delta") == 0)) {
    throw UsageError("a budget needs both --epsilon and --delta", "fit");
  }
  if (!any && !flags.ledger.empty()) {
    throw UsageError("a model without a budget gets its ledger from its first recant forget",
                     "--ledger", "give it there, or --epsilon and --delta here");
  }
  if (!flags.ledger.empty()) Ledger::check_address(flags.ledger);
  if (!any && flags.validation.given()) {
    throw UsageError("validation rows price the noise of a budget: give --epsilon and --delta too",
                     "--validation");
  }
  return any;
}

/// What the noise costs, before anything is written.
void describe_enrolment(const EnrolmentPlan& plan, const Common& common) {
  const PrivacyBudget& budget = plan.budget;
  common.say(fmt::format(
      "budget: epsilon {:g}, delta {:g} over {} releases; sigma {:.4g}, allowance {:.4g}",
      budget.epsilon, budget.delta, budget.releases, budget.sigma(), budget.allowance));
  if (plan.price->rise < plan.price->rounding) {
    common.say("  the noise raises the mean loss by less than rounding lets one measure");
  } else if (plan.price->relative_rise) {
    common.say(fmt::format(
        "  the noise raises the mean loss of the {} rows by {:.3g}% on average (one release: "
        "give or take {:.3g}%)",
        plan.priced_on_training ? "training" : "validation", 100 * *plan.price->relative_rise,
        100 * plan.price->spread / plan.price->loss));
  }
  if (!budget.difference) return;
  common.say(
      fmt::format("  who holds two releases that follow each other: epsilon {:g}, delta {:g}, for "
                  "steps up to {:g}",
                  budget.difference->epsilon, budget.difference->delta, budget.difference->step));
  const std::optional<NoisePrice>& without = plan.price_without_difference;
  if (without && without->relative_rise) {
    common.say(fmt::format("  without that: sigma {:.4g}, {:.3g}%", without->sigma,
                           100 * *without->relative_rise));
  }
}

int refuse(const EnrolmentPlan& plan) {
  complain("fit: nothing was written: " + plan.refusal->text);
  return kOutcomeIsNo;
}

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

/// None without a budget.
std::optional<EnrolmentPlan> plan(const Flags& flags, const FittedModel& fitted,
                                  const Common& common) {
  EnrolmentRequest request = flags.enrolment;
  request.when_spent = when_spent(flags.when_spent);
  std::optional<MeasuredRows> validation;
  if (flags.validation.given()) validation = load_rows(fitted, flags.validation.source());
  return plan_enrolment(fitted, request, validation ? &validation->data : nullptr,
                        common.callback());
}

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  const FitRequest request = flags.training.make_request(command);
  refuse_unheard(command, {{!common.force,
                            {"--wait"},
                            "a new folder, which nobody else writes to",
                            "it goes with --force"}});
  if (!flags.plan) {
    if (flags.output.empty())
      throw UsageError("--output is required", "fit", "see recant fit --help");
    check_model_output(flags.output, common);
  }
  const bool enrol = wants_enrolment(flags, command);
  if (flags.plan && !enrol) {
    throw UsageError("there is no budget to plan", "--plan", "give --epsilon and --delta");
  }
  const auto [fitted, report] = fit(request, common.callback());
  const TrainerResult& training = report.training;
  std::optional<EnrolmentPlan> enrolment;
  if (enrol && training.converged) enrolment = plan(flags, fitted, common);
  if (enrolment) enrolment->only_planned = flags.plan;
  const EnrolmentPlan* planned = enrolment ? &*enrolment : nullptr;
  const bool refused = enrolment && enrolment->refusal;
  if (training.converged && !refused && !flags.plan) {
    Vault::create(flags.output, fitted, common.force, planned,
                  flags.ledger.empty() ? std::nullopt : std::optional(flags.ledger),
                  common.writer_wait(flags.output));
  }
  common.print_json(
      [&planned, &fitted = fitted, &report = report] { return to_json(fitted, report, planned); });
  if (refused) return refuse(*enrolment);
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
    complain("fit: did not converge, so nothing was written; raise --max-iterations or --l2");
    return kOutcomeIsNo;
  }
  std::string text = describe_evaluation(report.evaluation, fitted.model);
  text.pop_back();
  common.say_lines("on the training rows:\n" + text);
  if (enrolment) describe_enrolment(*enrolment, common);
  common.say(flags.plan ? "nothing was written: this was the plan" : "wrote " + flags.output);
  return kDone;
}

}  // namespace

Run add_fit(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand("fit", "Train a linear model and keep it with its rows");
  auto flags = std::make_shared<Flags>();
  add_training(command, flags->training);
  const char* budget = "Budget of deletions";
  add_fields(command, flags->enrolment);
  command
      .add_option("--on-budget-spent", flags->when_spent,
                  "when all releases are used: refuse, or retrain as the first of a new enrolment")
      ->capture_default_str();
  for (const char* flag : kEnrolmentFlags) command.get_option(flag)->group(budget);
  command
      .add_option("--ledger", flags->ledger,
                  "keep the ledger in an empty schema of a PostgreSQL server, postgresql://..; the "
                  "password comes from PGPASSWORD or ~/.pgpass")
      ->group(budget);
  add_rows(command, flags->validation, "validation", "", "rows on which the noise is priced");
  command
      .add_flag("--plan", flags->plan,
                "say what the budget would cost in loss, and write nothing: -o is not needed then")
      ->group(budget);
  command.add_option("-o,--output", flags->output, "model folder to write, e.g. model.rct");
  command.add_flag("--force", common.force, "replace the model if it exists");
  add_wait(command, common);
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

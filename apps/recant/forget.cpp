// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/forget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "command.hpp"
#include "flag_texts.hpp"
#include "lines_file.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/requests_file.hpp"
#include "recant/engine/value.hpp"
#include "recant/engine/vault.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  std::string model;
  std::vector<std::string> rows, ids;
  std::string rows_from, ids_from, requests, key,
      weighting = "uniform", form = "sigmoid", values, value_method, method = "newton",
      tier_at_most, rule = "constant", checkpoint, ledger, newer_ledger;
  RowFlags validation;
  GradientAscentOptions ascent;
  std::string of_ascent;  // the last flag given that only ascent reads
  bool one_by_one = false, third_derivative = false;

  [[nodiscard]] bool name_rows() const {
    return !(rows.empty() && ids.empty() && rows_from.empty() && ids_from.empty());
  }
};

Tier parse_tier(const std::string& text) {
  for (const Tier tier : all_tiers()) {
    if (text == name(tier)) return tier;
  }
  throw UsageError(fmt::format("'{}' is not a tier", text), "--tier-at-most",
                   "choose 0, half, 1, 2 or retrain");
}

/// "uniform", "value:ALPHA", "value:auto" or "retained:ALPHA".
ForgetWeighting parse_weighting(const Flags& flags) {
  ForgetWeighting weighting;
  if (flags.weighting == "uniform") return weighting;
  constexpr std::string_view kRetained = "retained:";
  weighting.retained = flags.weighting.starts_with(kRetained);
  const std::string alpha = weighting.retained ? flags.weighting.substr(kRetained.size())
                            : flags.weighting.starts_with("value:") ? flags.weighting.substr(6)
                                                                    : std::string();
  if (alpha.empty()) {
    throw UsageError("must be uniform, value:ALPHA, value:auto or retained:ALPHA", "--weighting");
  }
  weighting.by_value = !weighting.retained;
  weighting.form = value_form(flags.form);
  if (alpha == "auto" && weighting.by_value) return weighting;
  double number = 0;
  const auto [end, code] = std::from_chars(alpha.data(), alpha.data() + alpha.size(), number);
  if (code != std::errc() || end != alpha.data() + alpha.size()) {
    throw UsageError(fmt::format("'{}' is {}", alpha,
                                 weighting.by_value ? "neither a number nor auto" : "no number"),
                     "--weighting");
  }
  weighting.alpha = number;
  return weighting;
}

/// Sampling takes long: before it starts what else could be done, and once enough is drawn to tell,
/// how long it will take.
ProgressCallback with_estimate(const ValueRequest& request, Index rows, const Common& common) {
  common.warn(fmt::format(
      "{} draws {} samples of sets of {} rows, while the model folder is locked; recant value "
      "--method {} --state-file FILE -o VALUES.npy draws them without the lock, in as many goes as "
      "needed, for --values VALUES.npy",
      request.method, request.sampling.max_samples, rows, request.method));
  struct Course {
    Stopwatch watch;
    double seconds = 0;
    bool told = false;
  };
  const auto course = std::make_shared<Course>();
  return [=, &common, shown = common.callback()](const Progress& progress) {
    constexpr double kEnoughSeconds = 5;
    const double seconds = course->seconds += course->watch.lap();
    if (!course->told && seconds >= kEnoughSeconds && progress.done > 0 &&
        progress.total > progress.done) {
      course->told = true;
      common.warn(
          fmt::format("about {:.0f} more minutes for the values; Ctrl-C ends it, and nothing "
                      "is deleted",
                      std::ceil((progress.total / progress.done - 1) * seconds / 60)));
    }
    if (shown) shown(progress);
  };
}

/// Rows that stay are weighted by values that know of no other row: the deletion finds them itself.
void check_retained(const Flags& flags) {
  if (!flags.values.empty() ||
      (!flags.value_method.empty() && flags.value_method != "knn_shapley")) {
    throw UsageError(
        "weights of rows that stay come from their KNN-Shapley values, computed "
        "without those that leave: any other value may have seen them",
        flags.values.empty() ? "--value-method" : "--values",
        "leave it out, or use --weighting value:ALPHA");
  }
}

/// Values of all training rows, from a file or by a method on the validation rows.
Vector read_values(const Flags& flags, const FittedModel& model, const MeasuredRows* validation,
                   const Common& common) {
  if (flags.values.empty() == flags.value_method.empty()) {
    throw UsageError("weighting by value needs either --values or --value-method", "--weighting");
  }
  if (!flags.values.empty()) return read_npy_vector(flags.values);
  if (validation == nullptr) {
    throw UsageError("--value-method needs --validation", "--value-method");
  }
  ValueRequest request;
  request.method = flags.value_method;
  request.seed = common.seed;
  const bool samples = value_method(request.method).samples;
  return value(model, validation->data, request,
               samples ? with_estimate(request, model.rows.rows(), common) : common.callback())
      .found.values;
}

ForgetRequest make_request(const Flags& flags) {
  ForgetRequest request;
  request.rows = parse_rows(flags.rows, "--rows");
  request.ids = flags.ids;
  if (!flags.rows_from.empty()) {
    for (const FileLine& line : read_lines(flags.rows_from)) {
      if (parse_row(line.text, request.rows.emplace_back())) continue;
      throw DataError("holds something else than a row number", line.where,
                      "write one a line, from 0");
    }
  }
  if (!flags.ids_from.empty()) {
    for (FileLine& line : read_lines(flags.ids_from)) request.ids.push_back(std::move(line.text));
  }
  request.key = flags.key;
  request.method = forget_method(flags.method);
  request.weighting = parse_weighting(flags);
  if (!flags.tier_at_most.empty()) request.tier_at_most = parse_tier(flags.tier_at_most);
  request.third_derivative = flags.third_derivative;
  if (request.tier_at_most == Tier::kHalf && !request.third_derivative) {
    throw UsageError("tier half needs the third derivative", "--tier-at-most",
                     "add --third-derivative");
  }
  if (!flags.of_ascent.empty() && request.method != ForgetMethod::kAscent) {
    throw UsageError("is about gradient ascent", flags.of_ascent, "add --method ascent");
  }
  request.ascent = flags.ascent;
  request.ascent.rule = step_rule(flags.rule);
  if (request.weighting.retained) {
    check_retained(flags);
    request.weighting.source = "knn_shapley";
  }
  return request;
}

/// One request, or with --one-by-one one for every row, with keys of their own.
std::vector<ForgetRequest> split(const ForgetRequest& request, bool one_by_one) {
  if (!one_by_one) return {request};
  std::vector<ForgetRequest> each;
  const auto add = [&](ForgetRequest one) {
    if (!one.key.empty()) one.key += fmt::format("#{}", each.size() + 1);
    each.push_back(std::move(one));
  };
  for (const Index row : request.rows) {
    ForgetRequest one = request;
    one.rows = {row};
    add(std::move(one));
  }
  for (const std::string& id : request.ids) {
    ForgetRequest one = request;
    one.ids = {id};
    add(std::move(one));
  }
  return each;
}

std::string text_of(const std::optional<double>& value) {
  return value ? fmt::format("{:.3g}", *value) : std::string("none");
}

constexpr std::string_view kShownTerms[] = {"statement",
                                            "statement_2",
                                            "statement_3",
                                            "statement_4",
                                            "residual_h_inverse_norm",
                                            "rounding",
                                            "s_norm",
                                            "rho",
                                            "c",
                                            "eta",
                                            "E",
                                            "t",
                                            "E_ball",
                                            "g",
                                            "least_eigenvalue",
                                            "span_eigenvalue"};

void describe_bound(const ForgetReport& report, const Common& common) {
  const std::string distance =
      fmt::format("within {} of the model retrained without {}", text_of(report.distance),
                  report.rows == 1 ? "it" : "them");
  if (report.tier) {
    common.say(fmt::format("  tier {}: {}{}", *report.tier, distance,
                           report.budget
                               ? fmt::format("; allowance {:.3g}", report.budget->allowance)
                               : std::string()));
  } else if (report.distance) {  // as older records have it
    common.say("  " + distance);
  }
  // Few are shown whole, of many those that say what made the bound what it is; --json has all.
  const bool few = report.terms.size() <= std::size(kShownTerms);
  std::string terms;
  for (const BoundTerm& term : report.terms) {
    if (!few && std::ranges::find(kShownTerms, term.name) == std::end(kShownTerms)) continue;
    terms += fmt::format("{}{} {:.3g}", terms.empty() ? "" : ", ", term.name, term.value);
  }
  if (!terms.empty()) common.say("  terms: " + terms);
  for (const TierBound& tried : report.tried) {
    if (tried.tier != report.tier) {
      const std::string gave =
          tried.bound ? fmt::format("{:.3g}, which is more than the allowance", *tried.bound)
                      : "no bound";
      common.say(fmt::format("  tier {} gave {}", tried.tier, gave));
    }
  }
  if (report.dearer) common.say(fmt::format("  tier {} would look closer", *report.dearer));
  if (report.ascent) {
    const AscentRun& run = *report.ascent;
    common.say(fmt::format("  gradient ascent, {} step{}: {}", run.steps, run.steps == 1 ? "" : "s",
                           describe(run.stop)));
  }
  if (report.weighting == "retained") {
    common.say(fmt::format(
        "  the rows that stay weighted by value, alpha {:.4g}: compared with training on them so "
        "weighted",
        report.alpha.value_or(0)));
  } else if (report.alpha) {
    common.say(fmt::format("  weighted by value, alpha {:.4g}; uniform deletion: within {}",
                           *report.alpha, text_of(report.uniform_distance)));
  }
}

/// What the operator must not read into the result.
const char* not_promised(const ForgetReport& report) {
  if (report.budget) {
    return "not promised: anything about models published before or without noise, about who sees "
           "the state or the annex, or about what others learned already";
  }
  return "not promised: any epsilon and delta; who has the model from before can compare the two";
}

void describe_release(const ForgetReport& report, const std::string& model, const Common& common) {
  describe_bound(report, common);
  if (report.budget) {
    const PrivacyBudget& budget = *report.budget;
    common.say(fmt::format(
        "  noise: sigma {:.3g}, so epsilon {:g} and delta {:g} over {} releases; this is release "
        "{}, {} are left",
        budget.sigma(), budget.epsilon, budget.delta, budget.releases, report.release,
        report.spent->releases_left));
    if (const std::optional<double> share = report.share_of_difference_step()) {
      common.say(fmt::format(
          "  who also holds the release before it: epsilon {:g}, delta {:g}, for steps up to {:g}; "
          "this step took {:.3g} % of that",
          budget.difference->epsilon, budget.difference->delta, budget.difference->step,
          100 * *share));
    }
    if (report.new_enrolment) {
      common.say("  the budget was spent: retrained, and the first release of a new enrolment");
    }
  }
  common.say(fmt::format("  certificate {}; what may leave the house: {}/published",
                         report.certificate.string(), model));
  common.say(std::string("  ") + not_promised(report));
}

void describe(const ForgetReport& report, const std::string& model, const Common& common) {
  if (report.repeated) common.say("this key was used before; what came of it then:");
  if (!report.done()) return;
  common.say(fmt::format("{} row{} deleted, request {}: level {}", report.rows,
                         report.rows == 1 ? "" : "s", report.request, name(report.level)));
  describe_release(report, model, common);
}

/// With the limit, which every certificate states; not with the step, which is about the rows.
std::string why_not(const ForgetReport& report, const std::string& model) {
  if (report.state == RequestState::kNotFound) return "a row is not in this model";
  if (report.state == RequestState::kAlreadyErased) return "a row was erased before";
  std::string why(describe_reason(report.reason));
  if (report.reason != "difference_exceeded") return why;
  const std::optional<PrivacyBudget> budget = Vault::status(model).budget;
  if (budget && budget->difference) {
    why += fmt::format(": by more than {:g}, the --difference-step of the enrolment",
                       budget->difference->step);
  }
  return why;
}

/// Why there was no deletion, on standard error; the exit code.
int refuse(std::string_view why, ExitCode code) {
  complain(fmt::format("forget: nothing was deleted: {}", why));
  return code;
}
int refuse(const ForgetReport& report, const std::string& model) {
  return refuse(why_not(report, model),
                report.state == RequestState::kNotFound ? kNotFound : kOutcomeIsNo);
}

/// What came of many requests: of each no a line, and the release once.
int describe_batch(const std::vector<ForgetReport>& reports, const std::string& model,
                   const Common& common) {
  std::size_t done = 0, repeated = 0;
  std::int64_t rows = 0;
  const ForgetReport* released = nullptr;
  int code = kDone;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const ForgetReport& report = reports[i];
    if (report.done()) {
      ++done;
      repeated += report.repeated ? 1U : 0U;
      rows += report.rows;
      if (!report.repeated) released = &report;
      continue;
    }
    code =
        report.state == RequestState::kNotFound && code != kOutcomeIsNo ? kNotFound : kOutcomeIsNo;
    complain(fmt::format("forget: request {} of {}: nothing was deleted: {}", i + 1, reports.size(),
                         why_not(report, model)));
  }
  common.say(fmt::format("{} of {} requests done{}: {} row{}", done, reports.size(),
                         repeated > 0 ? fmt::format(", {} of them before", repeated) : "", rows,
                         rows == 1 ? "" : "s"));
  if (released != nullptr) describe_release(*released, model, common);
  return code;
}

/// Deletions that a restored backup does not know of.
int catch_up(const Flags& flags, const Common& common) {
  if (flags.name_rows() || !flags.requests.empty()) {
    throw UsageError("takes the rows from the ledger, so none can be named", "--from-ledger");
  }
  std::optional<std::filesystem::path> checkpoint;
  if (!flags.checkpoint.empty()) checkpoint = flags.checkpoint;
  const Vault::CaughtUp result =
      Vault::catch_up(flags.model, flags.newer_ledger, checkpoint, common.writer_wait(flags.model));
  for (const std::string& line : result.recovered) common.warn(line);
  const VaultStatus status = Vault::status(flags.model);
  common.print_json([&] { return to_json(status); });
  if (!result.reason.empty()) return refuse(describe_reason(result.reason), kOutcomeIsNo);
  common.say(fmt::format("{} rows deleted again; {} continues the newer ledger", result.rows,
                         flags.model));
  return kDone;
}

/// What the deletion that was asked for does not look at.
std::vector<Unheard> unheard_by(const Flags& flags) {
  const bool uniform = flags.weighting == "uniform";
  const bool retained = flags.weighting.starts_with("retained:");
  const bool reads_rows = flags.method == "ascent" || retained ||
                          (!uniform && flags.values.empty() && !flags.value_method.empty());
  return {{uniform,
           {"--values", "--value-method", "--form"},
           "uniform deletion",
           "add --weighting value:ALPHA"},
          {!reads_rows, row_flags("validation"),
           "a deletion that finds no values and makes no gradient ascent",
           "it goes with --value-method, --weighting retained:ALPHA or --method ascent"},
          {retained,
           {"--third-derivative"},
           "weights of rows that stay, which tier half does not apply to"},
          {flags.tier_at_most == "0",
           {"--third-derivative"},
           "tier 0, which is below half",
           "leave it out, or give --tier-at-most half"}};
}

/// From a newer ledger, which says itself which rows, and the deletion is the plain one.
Unheard unheard_by_catch_up() {
  std::vector<std::string> flags = {
      "--request-key", "--one-by-one", "--method", "--tier-at-most", "--third-derivative",
      "--weighting",   "--form",       "--values", "--value-method", "--max-steps",
      "--step-size",   "--clip",       "--rule",   "--ledger"};
  for (const std::string& flag : row_flags("validation")) flags.push_back(flag);
  return {true, flags, "deletions that are made again from a ledger", "leave it out"};
}

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  if (!flags.newer_ledger.empty()) refuse_unheard(command, {unheard_by_catch_up()});
  if (!flags.newer_ledger.empty()) return catch_up(flags, common);
  ForgetRequest request = make_request(flags);
  refuse_unheard(command, unheard_by(flags));
  const bool many = !flags.requests.empty();
  if (many && (flags.name_rows() || flags.one_by_one || !flags.key.empty())) {
    throw UsageError("names rows and keys itself", "--requests", "leave the other flags out");
  }
  std::vector<ForgetRequest> requests;
  if (many) requests = read_requests(flags.requests, request);
  Vault::WriteOptions options{.wait = common.writer_wait(flags.model)};
  if (!flags.ledger.empty()) options.ledger = flags.ledger;
  if (!flags.checkpoint.empty()) options.require_checkpoint = flags.checkpoint;
  Vault vault = Vault::open_for_writing(flags.model, options);
  for (const std::string& line : vault.recovered()) common.warn(line);
  std::optional<MeasuredRows> validation;
  if (flags.validation.given()) {
    validation = load_rows(vault.model(), flags.validation.source());
    request.holdout = &validation->data;
  }
  if (request.weighting.by_value) {
    request.weighting.values =
        read_values(flags, vault.model(), validation ? &*validation : nullptr, common);
    request.weighting.source =
        flags.values.empty() ? flags.value_method : source_of_given(request.weighting.values);
  }
  int code = kDone;
  std::vector<ForgetReport> reports;
  if (many) {
    const Vector values = std::exchange(request.weighting.values, {});
    for (ForgetRequest& one : requests) {
      one.holdout = request.holdout;
      one.weighting = request.weighting;
    }
    requests.front().weighting.values = values;  // of all: a number a row
    reports = vault.forget(std::span<const ForgetRequest>(requests), common.callback());
    common.print_json([&] { return to_json(std::span<const ForgetReport>(reports)); });
    return describe_batch(reports, flags.model, common);
  }
  for (const ForgetRequest& one : split(request, flags.one_by_one)) {
    reports.push_back(vault.forget(one, common.callback()));
    describe(reports.back(), flags.model, common);
    if (!reports.back().done()) code = refuse(reports.back(), flags.model);
  }
  common.print_json([&] {
    return flags.one_by_one ? to_json(std::span<const ForgetReport>(reports))
                            : to_json(reports.front());
  });
  return code;
}

}  // namespace

Run add_forget(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "forget", "Delete rows from a model and its folder, with a certificate of how far it got");
  auto flags = std::make_shared<Flags>();
  command.add_option("model", flags->model, "folder written by recant fit")->required();
  const char* which = "Which rows";
  add_list(command, "--rows", flags->rows, "positions among the training rows, from 0", "INT")
      ->group(which);
  command
      .add_option("--rows-from", flags->rows_from,
                  "the same from a file, one a line; - is "
                  "standard input")
      ->group(which);
  add_list(command, "--ids", flags->ids,
           "values of the id column, or row numbers of the training file, from 1", "ID")
      ->group(which);
  command
      .add_option("--ids-from", flags->ids_from,
                  "the same from a file, one a line; - is "
                  "standard input")
      ->group(which);
  command
      .add_option("--requests", flags->requests,
                  "many requests as one batch with one release: a CSV file with the header key,row "
                  "or key,id; lines with the same key are one request")
      ->group(which);
  command
      .add_flag("--one-by-one", flags->one_by_one,
                "a request and a release for every row, not one for all")
      ->group(which);
  command.add_option("--request-key", flags->key,
                     "your name for this request: the same key again is answered, not done again");
  command
      .add_option(
          "--method", flags->method,
          "newton (measured, and certified under a budget) or ascent (gradient ascent on "
          "the rows until they look like rows never seen; heuristic, but under a budget refused "
          "where a pass does not show it within the allowance)")
      ->capture_default_str();
  command.add_option("--tier-at-most", flags->tier_at_most,
                     "under a budget: look no closer at the result than tier 0, half, 1, 2 or "
                     "retrain");
  command.add_flag(
      "--third-derivative", flags->third_derivative,
      "under a budget: keep the loss's third derivative with the base, and so have tier half: many "
      "deletions one by one then need no pass; costs as much as a Hessian for every "
      "parameter, once; not for softmax");
  const char* values = "Value-weighted deletion";
  command
      .add_option("--weighting", flags->weighting,
                  "uniform; value:ALPHA, or value:auto (the most that half of the allowance pays "
                  "for): rows of low value are removed with more force; retained:ALPHA: rows that "
                  "stay count more the higher their value, by KNN-Shapley on the validation rows")
      ->capture_default_str()
      ->group(values);
  command.add_option("--form", flags->form, "how values become weights: sigmoid, rank or exp")
      ->capture_default_str()
      ->group(values);
  command.add_option("--values", flags->values, "NPY with a value for every training row")
      ->group(values);
  command
      .add_option("--value-method", flags->value_method,
                  "or find them by a method of recant value, on the validation rows")
      ->group(values);
  add_rows(command, flags->validation, "validation", "",
           "rows that values are about, or that gradient ascent compares with");
  add_fields(command, flags->ascent);
  command
      .add_option("--rule", flags->rule,
                  "constant: every step as long; decaying: step t divided by the root of t")
      ->capture_default_str();
  for (const char* flag : {"--max-steps", "--step-size", "--clip", "--rule"}) {
    command.get_option(flag)
        ->each([flags, flag](const std::string& /*value*/) { flags->of_ascent = flag; })
        ->group("Gradient ascent");
  }
  command.add_option("--require-checkpoint", flags->checkpoint,
                     "refuse unless the ledger contains this checkpoint: it may come from an older "
                     "backup");
  command.add_option("--ledger", flags->ledger,
                     "where the first deletion makes the ledger: an empty schema of a PostgreSQL "
                     "server, postgresql://..; the password comes from PGPASSWORD or ~/.pgpass");
  command.add_option("--from-ledger", flags->newer_ledger,
                     "for a model restored from an older backup: a newer copy of its ledger, or "
                     "postgresql://.., whose deletions are made again");
  add_wait(command, common);
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

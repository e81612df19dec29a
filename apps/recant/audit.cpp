// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/audit.hpp"

#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "recant/core/check.hpp"
#include "recant/engine/annex_claim.hpp"
#include "tables.hpp"
#include "unheard.hpp"

namespace recant::app {
namespace {

struct Flags {
  ModelFlags model;
  RowFlags deleted, test;
  std::string before, annex;
  bool against_retrain = false, membership = false, reconstruction = false;
  std::optional<double> bound;
  std::vector<double> sigmas;
  int shadow_models = 16;
  double confidence = 0.95;
};

double bound_of_annex(const Flags& flags) {
  const std::optional<double> bound = claimed_bound(flags.annex, flags.model.path);
  if (!bound) throw UsageError("claims no bound", flags.annex, "give one with --bound");
  return *bound;
}

/// What was asked for; with no flag everything that the files given allow.
AuditRequest make_request(const Flags& flags, const Common& common, const CLI::App& command) {
  if (flags.bound && !flags.annex.empty()) {
    throw UsageError("give --bound or --annex, not both", "bound");
  }
  AuditRequest request{.bound = flags.bound, .sigmas = flags.sigmas, .seed = common.seed};
  if (flags.bound) check_non_negative("bound", *flags.bound);
  if (!flags.annex.empty()) request.bound = bound_of_annex(flags);
  for (const double sigma : flags.sigmas) check_non_negative("sigma", sigma);
  const bool all = !flags.against_retrain && !flags.membership && !flags.reconstruction;
  request.membership = flags.membership || (all && flags.test.given());
  request.reconstruction = flags.reconstruction || all;
  refuse_unheard(command, {{!request.membership,
                            {"--shadow-models"},
                            "an audit without membership inference",
                            "it goes with --test"},
                           {!flags.test.given(),
                            {"--confidence"},
                            "an audit without test rows: nothing else has an interval",
                            "it goes with --test"},
                           {!request.reconstruction,
                            {"--sigma"},
                            "an audit without reconstruction",
                            "add --reconstruction"}});
  check_at_least("shadow-models", flags.shadow_models, 0);
  if (flags.shadow_models == 0) {
    request.attack.shadows.reset();
  } else {
    check_at_least("shadow-models", flags.shadow_models, 4);
    request.attack.shadows->count = flags.shadow_models;
  }
  if (!(flags.confidence > 0 && flags.confidence < 1)) {
    throw UsageError(fmt::format("must be above 0 and below 1, but is {}", flags.confidence),
                     "confidence");
  }
  request.attack.confidence = flags.confidence;
  return request;
}

using Cells = std::vector<std::string>;

std::string figure(double number) {
  return fmt::format("{:.4f}", number);
}
std::string with_interval(double value, double low, double high) {
  return fmt::format("{:.3f} ({:.3f} .. {:.3f})", value, low, high);
}
std::string with_interval(const Rate& rate) {
  return with_interval(rate.value, rate.low, rate.high);
}
const char* const kUnresolved = " *";

void add_utilities(const AuditReport& report, std::vector<Cells>& rows) {
  const RetrainAudit& r = report.retraining;
  const auto before = [](const auto& figures, const auto& cell) {
    return figures ? cell(*figures) : std::string("-");
  };
  const auto loss = [](const TestUtility& utility) { return figure(utility.log_loss); };
  rows.push_back({"mean loss on test", before(r.original_utility, loss), loss(r.unlearned_utility),
                  loss(r.retrained_utility)});
  if (!r.unlearned_utility.accuracy) return;
  const auto accuracy = [](const TestUtility& utility) { return with_interval(*utility.accuracy); };
  rows.push_back({"accuracy on test", before(r.original_utility, accuracy),
                  accuracy(r.unlearned_utility), accuracy(r.retrained_utility)});
  const auto same = [](const PredictionAgreement& with) { return with_interval(*with.same_label); };
  rows.push_back({"same label as retrained", before(r.original_agreement, same),
                  same(r.unlearned_agreement), "1"});
}

void add_attack(const AttackAudit& attack, std::vector<Cells>& rows) {
  const ModelUnderAttack* models[] = {&attack.original, &attack.unlearned, &attack.retrained};
  const auto line = [&](const char* what, const auto& cell) {
    Cells cells = {fmt::format("{}: {}", name(attack.attack), what)};
    for (const ModelUnderAttack* model : models) cells.push_back(cell(*model));
    rows.push_back(std::move(cells));
  };
  const auto auc = [](const AttackResult& r) {
    return with_interval(r.auc.value, r.auc.low, r.auc.high);
  };
  line("AUC of deleted rows", [&](const auto& model) { return auc(model.deleted); });
  line("AUC of retained rows", [&](const auto& model) { return auc(model.retained); });
  line("advantage, deleted rows", [](const auto& model) {
    const AttackResult& r = model.deleted;
    return with_interval(r.advantage, r.advantage_low, r.advantage_high);
  });
  const auto tpr = [](const OperatingPoint& point) {
    return with_interval(point.tpr) + (point.resolved ? "" : kUnresolved);
  };
  line("TPR at 1 % FPR, deleted rows",
       [&](const auto& model) { return tpr(model.deleted.at_one_percent); });
  line("TPR at 0.1 % FPR, deleted rows",
       [&](const auto& model) { return tpr(model.deleted.at_one_in_thousand); });
}

void print(const AuditReport& report, const Common& common) {
  std::vector<Cells> rows = {{"", "original", "audited", "retrained"}};
  if (report.test_rows > 0) add_utilities(report, rows);
  if (report.membership) {
    for (const AttackAudit& attack : report.membership->attacks) add_attack(attack, rows);
  }
  if (rows.size() > 1) {
    std::string text = table(rows);
    if (text.find(kUnresolved) != std::string::npos) {
      text += "  * not resolved: too few unseen rows to set a threshold for that FPR\n";
    }
    text.pop_back();
    common.say_lines(text);
  }
  for (const std::string& sentence : report.sentences) common.say(sentence);
}

int run(const Flags& flags, const Common& common, const CLI::App& command) {
  AuditRequest request = make_request(flags, common, command);
  const FittedModel fitted = flags.model.open();
  std::optional<FittedModel> before;
  if (!flags.before.empty()) before = Vault::open(flags.before);
  const FittedModel* former = before ? &*before : nullptr;
  const bool need_deleted = flags.membership || flags.reconstruction;
  std::optional<Dataset> deleted;
  if (flags.deleted.given()) {
    deleted = load_rows(fitted, flags.deleted.source()).data;
  } else if (need_deleted || !deleted_rows_erased(fitted, former)) {
    deleted = deleted_rows(fitted, former);
  } else {
    request.membership = request.reconstruction = false;
  }
  std::optional<Dataset> test;
  if (flags.test.given()) test = load_rows(fitted, flags.test.source()).data;
  if (request.membership && !test) {
    throw UsageError("membership inference needs rows that no model was trained on", "--test",
                     "give a CSV file, or arrays of features and targets");
  }
  if (request.membership && !flags.membership && deleted->rows() < 2) {
    request.membership = false;
    common.warn("membership inference is left out: it needs 2 deleted rows or more");
  }
  const AuditReport report = audit(fitted, deleted ? &*deleted : nullptr, former,
                                   test ? &*test : nullptr, request, common.callback());
  common.print_json([&] { return to_json(report); });
  print(report, common);
  if (report.membership && report.membership->shadows_not_converged > 0) {
    common.warn(fmt::format("{} shadow models did not reach their tolerance",
                            report.membership->shadows_not_converged));
  }
  if (report.retraining.verdict != BoundVerdict::kBroken) return kDone;
  complain(fmt::format("{}: the distance to retraining is {:.6g} at least, but {:.6g} was claimed",
                       flags.model.path, report.retraining.distance_low, *request.bound));
  return kOutcomeIsNo;
}

}  // namespace

Run add_audit(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "audit", "Train again without the deleted rows and compare; attack the model");
  command.footer(
      "Without --against-retrain, --membership or --reconstruction all are run that the files\n"
      "allow. Deleted rows are those of weight 0 in the model folder. Training again needs none "
      "of\n"
      "their content; where it has been erased, give the rows with --deleted or a model from "
      "before\n"
      "with --before for the attacks and the original model.");
  auto flags = std::make_shared<Flags>();
  // Nothing that is audited depends on which group is privileged.
  command.add_option("model", flags->model.path, "folder written by recant fit")->required();
  command.add_flag("--against-retrain", flags->against_retrain,
                   "distance to the model trained again without the deleted rows");
  command.add_flag("--membership", flags->membership,
                   "can deleted rows be told from unseen ones? Needs --test");
  command.add_flag("--reconstruction", flags->reconstruction,
                   "can a deleted row be rebuilt from the models before and after?");
  command.add_option("--bound", flags->bound, "claimed distance; exit 4 if it is broken");
  command.add_option("--annex", flags->annex,
                     "sealed annex of the model's newest certificate, which states the bound");
  command.add_option("--before", flags->before,
                     "model folder from before the deletion; without it that model is trained");
  add_rows(command, flags->deleted, "deleted", "", "the rows that were deleted");
  add_rows(command, flags->test, "test", "", "rows that no model was trained on");
  command
      .add_option("--shadow-models", flags->shadow_models,
                  "models of random halves for the stronger attack, at least 4; 0: without it")
      ->capture_default_str();
  command.add_option("--sigma", flags->sigmas,
                     "reconstruction: noise on both models that is tried");
  command.add_option("--confidence", flags->confidence, "of every interval")->capture_default_str();
  add_common(command, common);
  return [flags, &common, &command] { return run(*flags, common, command); };
}

}  // namespace recant::app

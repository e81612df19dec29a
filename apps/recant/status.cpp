// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/vault.hpp"

namespace recant::app {
namespace {

struct Flags {
  std::string model, checkpoint;
  bool check = false;
};

void describe(const VaultStatus& status, const Common& common) {
  common.say(fmt::format("model {}, format {}: {} of {} rows left", status.model_id,
                         status.format_version, status.rows_left, status.rows));
  if (!status.ledger) {
    common.say("  no ledger yet: no deletion was asked for, and there is no budget");
    return;
  }
  const LedgerStatistics& ledger = *status.ledger;
  std::string requests;
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    if (ledger.requests[s] > 0) {
      requests += fmt::format("{}{} {}", requests.empty() ? "" : ", ", ledger.requests[s],
                              name(static_cast<RequestState>(s)));
    }
  }
  common.say(fmt::format("  requests: {}", requests.empty() ? "none" : requests));
  common.say(fmt::format(
      "  releases: {} in all; ledger of {} events, changed {:%Y-%m-%d %H:%M} UTC", ledger.batches,
      ledger.events, std::chrono::floor<std::chrono::seconds>(ledger.changed_at)));
  if (status.ledger_address) common.say("  ledger at " + *status.ledger_address);
  if (status.budget) {
    const PrivacyBudget& budget = *status.budget;
    common.say(fmt::format(
        "  budget: epsilon {:g}, delta {:g} over {} releases; {} used (epsilon {:.3g}), {} left, "
        "then {}; sigma {:.3g}, allowance {:.3g}",
        budget.epsilon, budget.delta, budget.releases, ledger.budget.used,
        status.spent->epsilon_spent, status.spent->releases_left, name(*status.when_spent),
        budget.sigma(), budget.allowance));
  } else {
    common.say("  budget: none, deletions promise no epsilon and delta");
  }
  if (status.unfinished) {
    common.say(
        fmt::format("  a batch is {}: the next recant forget finishes it", *status.unfinished));
  }
}

int run(const Flags& flags, const Common& common) {
  const VaultStatus status = Vault::status(flags.model);
  std::optional<VaultCheck> check;
  if (flags.check) check = Vault::check(flags.model);
  if (!flags.checkpoint.empty()) Vault::write_checkpoint(flags.model, flags.checkpoint);
  common.print_json([&] { return to_json(status, check ? &*check : nullptr); });
  describe(status, common);
  if (!flags.checkpoint.empty()) common.say("wrote " + flags.checkpoint);
  if (!check) return kDone;
  for (const std::string& line : check->checked) common.say("ok  " + line);
  if (!check->fault) return kDone;
  complain(*check->fault);
  return kDamaged;
}

}  // namespace

Run add_status(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "status", "Requests, releases and budget of a model; never what was deleted");
  auto flags = std::make_shared<Flags>();
  command.add_option("model", flags->model, "folder written by recant fit")->required();
  command.add_flag(
      "--check", flags->check,
      "re-derive the chain of events, the budget and the hashes of all files, and name "
      "the first thing that does not fit");
  command.add_option("--checkpoint", flags->checkpoint,
                     "write the newest signed checkpoint here, to be kept elsewhere");
  add_common(command, common);
  return [flags, &common] { return run(*flags, common); };
}

}  // namespace recant::app

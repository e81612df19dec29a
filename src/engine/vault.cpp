// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/vault.hpp"

#include <chrono>
#include <optional>
#include <thread>

#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "vault_writer.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// What batch 0 says: the fit itself, published as it is or under the budget.
BatchRecord record_of_fit(const FittedModel& fitted, const EnrolmentPlan* enrolment) {
  BatchRecord record;
  record.optimal = fitted.optimal;
  record.method = "fit";
  record.bound = fitted.gradient.norm() / fitted.l2;
  record.residual_norm = fitted.gradient.norm();
  record.tier = "retrain";
  if (enrolment != nullptr) {
    record.level = CertificateLevel::kCertified;
    record.bound = enrolment->fit_bound;
    record.assumptions = enrolment->assumptions;
  } else if (fitted.optimal) {
    record.assumptions.emplace_back("published without noise: no epsilon and delta are promised");
  } else {
    record.level = CertificateLevel::kHeuristic;
    record.assumptions.emplace_back(
        "an approximate update that was published without noise: no promise");
  }
  return record;
}

}  // namespace

/// Makes keys and ledger in a folder that has rows and state, and publishes the fit.
void start_ledger(const ModelFolder& folder, const std::string& location, const FittedModel& fitted,
                  const EnrolmentPlan* enrolment) {
  const VaultSecrets secrets = VaultSecrets::exist(folder.path) ? VaultSecrets::load(folder.path)
                                                                : VaultSecrets::create(folder.path);
  Ledger ledger = create_ledger(folder, location, enrolment);
  ledger.acquire();
  publish_fit(folder, secrets, ledger, fitted, enrolment);
  gather(std::move(ledger));
}

void gather(Ledger ledger) {
  if (!ledger.scrub()) {
    throw BusyError("somebody is reading the ledger", "ledger", "try again");
  }
}

Ledger create_ledger(const ModelFolder& folder, const std::string& location,
                     const EnrolmentPlan* enrolment) {
  EnrolmentStatement statement;
  EnrolmentRecord record{folder.model_id, std::nullopt, ""};
  if (enrolment != nullptr) {
    statement = {enrolment->budget, enrolment->when_spent, enrolment->assumptions};
    record.releases = enrolment->budget.releases;
  }
  record.statement = to_text(statement);
  return Ledger::create(location, record);
}

void publish_fit(ModelFolder folder, const VaultSecrets& secrets, Ledger& ledger,
                 const FittedModel& fitted, const EnrolmentPlan* enrolment) {
  if (!ledger.last_batch()) {
    BatchPlan plan;
    plan.plan = to_text(record_of_fit(fitted, enrolment));
    ledger.prepare(plan);
  }
  if (const std::optional<Batch> batch = ledger.open_batch()) {
    BatchFinisher(folder, ledger, secrets).finish(*batch);
  }
}

void Vault::check_replaceable(const fs::path& path) {
  if (fs::exists(path) && !fs::exists(path / "manifest.json")) {
    throw UsageError("exists and is not a model, so it is not replaced", path.string(),
                     "choose another name");
  }
}

void Vault::create(const fs::path& path, const FittedModel& fitted, bool replace,
                   const EnrolmentPlan* enrolment, const std::optional<std::string>& ledger) {
  if (ledger) {
    Ledger::check_address(*ledger);
    if (enrolment == nullptr) {
      throw UsageError("a model without a budget gets its ledger from its first deletion", "ledger",
                       "give it to that");
    }
  }
  if (enrolment != nullptr && enrolment->refusal) {
    throw UsageError(enrolment->refusal->text, "enrolment");
  }
  std::optional<WriterLock> lock;
  if (replace) {
    check_replaceable(path);
    if (fs::exists(path / "lock")) lock.emplace(path);
  }
  StagedFolder staged(path, replace);
  write_model(staged.path(), fitted, enrolment != nullptr, ledger);
  if (enrolment != nullptr) {
    const ModelFolder folder = read_model_folder(staged.path());
    start_ledger(folder, folder.ledger_location(), fitted, enrolment);
  }
  staged.commit();
}

FittedModel Vault::open(const fs::path& path) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  while (true) {
    const ModelFolder folder = read_model_folder(path);
    const VaultView view = read_view(folder);
    try {
      return read_fitted(folder, view);
    } catch (const DamagedError&) {
      // A writer may have gone on in the meantime; if it has not, the folder is damaged.
      if (read_view(folder).same_moment(view)) throw;
    } catch (const BusyError&) {
      // Rows are zeroed in milliseconds, unless their writer died.
      if (std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::sleep_for(5ms);
    }
  }
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/vault.hpp"

#include <optional>

#include "batch_finisher.hpp"
#include "model_folder.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "writer_lock.hpp"

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
  EnrolmentStatement statement;
  EnrolmentRecord record{folder.model_id, std::nullopt, ""};
  if (enrolment != nullptr) {
    statement = {enrolment->budget, enrolment->when_spent, enrolment->assumptions};
    record.releases = enrolment->budget.releases;
  }
  record.statement = to_text(statement);
  Ledger ledger = Ledger::create(location, record);
  ledger.acquire();
  BatchPlan plan;
  plan.plan = to_text(record_of_fit(fitted, enrolment));
  const std::int64_t batch = ledger.prepare(plan);
  BatchFinisher(folder, ledger, secrets).finish(ledger.batch(batch));
}

void Vault::check_replaceable(const fs::path& path) {
  if (fs::exists(path) && !fs::exists(path / "manifest.json")) {
    throw UsageError("exists and is not a model, so it is not replaced", path.string(),
                     "choose another name");
  }
}

void Vault::create(const fs::path& path, const FittedModel& fitted, bool replace,
                   const EnrolmentPlan* enrolment) {
  if (enrolment != nullptr && enrolment->refusal) {
    throw UsageError(enrolment->refusal->text, "enrolment");
  }
  std::optional<WriterLock> lock;
  if (replace) {
    check_replaceable(path);
    if (fs::exists(path / "lock")) lock.emplace(path);
  }
  StagedFolder staged(path, replace);
  write_model(staged.path(), fitted, enrolment != nullptr, std::nullopt);
  if (enrolment != nullptr) {
    const ModelFolder folder = read_model_folder(staged.path());
    start_ledger(folder, folder.ledger_location(), fitted, enrolment);
  }
  staged.commit();
}

FittedModel Vault::open(const fs::path& path) {
  while (true) {
    const ModelFolder folder = read_model_folder(path);
    const VaultView view = read_view(folder);
    try {
      return read_fitted(folder, view);
    } catch (const DamagedError&) {
      // A writer may have gone on in the meantime; if it has not, the folder is damaged.
      if (read_view(folder).same_moment(view)) throw;
    }
  }
}

}  // namespace recant

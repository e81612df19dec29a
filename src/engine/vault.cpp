// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/vault.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "recant/certify/bound_terms.hpp"
#include "recant/certify/tiers.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/output_place.hpp"
#include "recant/model/minimum_distance.hpp"
#include "vault_reader.hpp"
#include "vault_writer.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// |theta - argmin F|: of an enrolled model by all that is known, else by a pass.
DistanceBound bound_of_fit(const FittedModel& fitted, const EnrolmentPlan* enrolment) {
  if (enrolment != nullptr) return enrolment->fit_bound;
  const Vector& weights = fitted.trained_weights ? *fitted.trained_weights : fitted.rows.weights;
  return bound_from_gradient(
      fitted.l2, minimum_distance(fitted.objective(), fitted.model.theta, weights).measured);
}

/// What batch 0 says: the fit itself, published as it is or under the budget. A model that was
/// moved before it was saved is not retrained: a pass told how far it is.
BatchRecord record_of_fit(const FittedModel& fitted, const EnrolmentPlan* enrolment) {
  BatchRecord record;
  record.version = version();
  record.optimal = fitted.optimal;
  record.method = "fit";
  record.residual_norm = fitted.gradient.norm();
  record.tier = name(fitted.optimal ? Tier::kRetrain : Tier::kPass);
  const DistanceBound bound = bound_of_fit(fitted, enrolment);
  if (std::isfinite(bound.value)) record.bound = bound.value;
  record.terms = terms_of(bound);
  if (enrolment != nullptr) {
    record.level = CertificateLevel::kCertified;
    record.assumptions = enrolment->assumptions;
  } else if (fitted.optimal) {
    record.assumptions.emplace_back("published without noise: no epsilon and delta are promised");
  } else {
    record.level = CertificateLevel::kHeuristic;
    record.assumptions.emplace_back(
        "an approximate update that was published without noise: no promise");
    if (fitted.trained_weights) {
      record.assumptions.emplace_back(
          "compared with training on the rows weighted as they were when the model was last "
          "trained");
    }
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
                   const EnrolmentPlan* enrolment, const std::optional<std::string>& ledger,
                   const WriterWait& wait) {
  check_outside_models(path);
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
    if (fs::exists(path / "lock")) lock.emplace(path, wait);
  }
  StagedFolder staged(path, replace);
  write_model(staged.path(), fitted, enrolment != nullptr, ledger);
  if (enrolment != nullptr) {
    const ModelFolder folder = read_model_folder(staged.path());
    start_ledger(folder, folder.ledger_location(), fitted, enrolment);
  }
  staged.commit();
}

std::string Vault::mark(const fs::path& path) {
  // Generations are made and destroyed by every batch; another manifest is another file, or the
  // same with another time of change, which copies that keep times do not keep.
  std::vector<std::string> generations;
  std::error_code failed;
  for (fs::directory_iterator at(path / "state", failed), end; at != end;) {
    generations.push_back(at->path().filename());
    at.increment(failed);
  }
  std::sort(generations.begin(), generations.end());
  struct stat manifest = {};
  static_cast<void>(::stat((path / "manifest.json").c_str(), &manifest));
  return fmt::format("{} {} {}.{} {}", manifest.st_dev, manifest.st_ino, manifest.st_ctim.tv_sec,
                     manifest.st_ctim.tv_nsec, fmt::join(generations, " "));
}

FittedModel Vault::open(const fs::path& path) {
  FittedModel fitted = read_beside_writer(path);
  const ModelFolder folder = read_model_folder(path);
  if (folder.has_ledger()) {
    check_published_beside_writer(folder,
                                  Ledger::open(folder.ledger_location(), LedgerAccess::kRead));
  }
  return fitted;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "generation.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "row_eraser.hpp"
#include "vault_writer.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// A copy of the newer ledger beside ours, that continues ours and is between two batches. None:
/// ours has all of it already.
std::optional<Ledger> copy_newer(const ModelFolder& folder, const std::string& newer,
                                 const fs::path& copy) {
  Ledger::open(newer, LedgerAccess::kRead).backup_to(copy);
  Ledger ledger = Ledger::open(copy.string(), LedgerAccess::kWrite);
  const Ledger ours = Ledger::open(folder.ledger_location(), LedgerAccess::kRead);
  const std::optional<Checkpoint> ours_last = ours.last_checkpoint();
  const std::optional<Checkpoint> newer_last = ledger.last_checkpoint();
  if (newer_last && ours.contains(*newer_last)) return std::nullopt;
  if (!ours_last || !ledger.contains(*ours_last)) {
    throw UsageError("does not continue the ledger of this model", newer);
  }
  if (read_view(ours).stage != BatchStage::kCertified || ledger.open_batch()) {
    throw UsageError("ends in the middle of a batch, whose files are not here", newer);
  }
  ledger.acquire();
  return ledger;
}

/// Rows that are here and were erased there.
std::vector<Index> rows_erased_since(const FittedModel& fitted, const Ledger& newer,
                                     const VaultKey& key) {
  const std::vector<Digest> erased = newer.erased_rows();
  std::vector<Index> rows;
  for (Index row = 0; row < fitted.rows.rows(); ++row) {
    if (is_erased(fitted.rows.ids, row)) continue;
    const Digest digest = key.keyed_hash("recant.row/1", fitted.rows.ids.text(row));
    if (std::binary_search(erased.begin(), erased.end(), digest)) rows.push_back(row);
  }
  return rows;
}

/// The batch that makes the deletions again: prepared in the copy, before that takes its place.
void prepare_again(const ModelFolder& folder, const FittedModel& fitted,
                   const std::vector<Index>& rows, const VaultSecrets& secrets, Ledger& newer) {
  const Objective objective = fitted.objective();
  const BudgetUse use = newer.budget();
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  const bool retrain = use.spent() && enrolment.when_spent == WhenSpent::kRetrain;
  if (use.spent() && !retrain) {
    throw UsageError(std::string(describe_reason("budget_spent")), folder.path.string());
  }
  std::vector<Index> counting;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(counting),
               [&](Index row) { return fitted.rows.weights[row] > 0; });
  DeletionStep step =
      ModelMover(fitted, objective).move(counting, {}, enrolment.budget, retrain, {});
  if (!step.refusal.empty()) {
    throw UsageError(std::string(describe_reason(step.refusal)), folder.path.string());
  }
  BatchFinisher::check_publishable(enrolment.budget, step.theta);
  BatchRecord& record = step.record;
  record.version = version();
  record.generation = newer.last_batch()->number + 1;
  record.rows = static_cast<std::int64_t>(rows.size());
  if (fitted.encoder) {
    const CategoriesLeft left(*fitted.encoder, fitted.rows);
    record.emptied = left.emptied_by(left.held_by(rows), *fitted.encoder);
  }
  record.assumptions.insert(record.assumptions.end(), enrolment.assumptions.begin(),
                            enrolment.assumptions.end());
  record.files = write_generation(folder.path, record.generation, step.theta, rows, secrets.key);
  BatchPlan plan;
  plan.chunks = RowEraser(folder.path, folder.row_files(), folder.rows).hashes_after(rows);
  if (retrain) {
    plan.enrolment =
        EnrolmentRecord{hexadecimal_of(draw_salt()).substr(0, 32), use.releases, use.statement};
  }
  plan.plan = to_text(record);
  newer.prepare(plan);
}

}  // namespace

std::int64_t Vault::catch_up(const fs::path& path, const std::string& newer,
                             const WriterWait& wait) {
  const ModelFolder folder = read_model_folder(path);
  if (Ledger::on_server(newer)) {
    Ledger::check_address(newer);
  } else if (!fs::exists(newer)) {
    throw NotFoundError("does not exist", newer);
  }
  if (!folder.has_ledger() || folder.ledger) {
    throw UsageError("has no ledger of its own in the folder", path.string());
  }
  static_cast<void>(
      open_for_writing(path, {.wait = wait}));  // finishes what was interrupted, this too
  std::int64_t deleted = 0;
  {
    const WriterLock lock(path, wait);
    remove_partial_files(path);
    const VaultSecrets secrets = VaultSecrets::load(path);
    const fs::path copy = path / ".ledger.partial";
    const FittedModel fitted = read_fitted(folder, read_view(folder));
    {
      std::optional<Ledger> ledger = copy_newer(folder, newer, copy);
      if (!ledger) {
        remove_partial_files(path);
        return 0;
      }
      const std::vector<Index> rows = rows_erased_since(fitted, *ledger, secrets.key);
      deleted = static_cast<std::int64_t>(rows.size());
      prepare_again(folder, fitted, rows, secrets, *ledger);
      gather(*std::move(ledger));
      gather(Ledger::open(folder.ledger_location(), LedgerAccess::kWrite));
    }
    // What lies beside ours would be taken for the newer one's.
    for (const char* rest : {"-wal", "-shm"}) fs::remove(folder.ledger_location() + rest);
    fs::rename(copy, folder.ledger_location());
    sync_folder(path);
  }
  static_cast<void>(
      open_for_writing(path, {.wait = wait}));  // finishes the batch, certificates included
  return deleted;
}

}  // namespace recant

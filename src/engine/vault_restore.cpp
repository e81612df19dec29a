// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "checkpoint_signature.hpp"
#include "generation.hpp"
#include "ledger_parting.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "row_eraser.hpp"
#include "vault_writer.hpp"

/// A vault from an older backup is brought up to date from a newer ledger: docs/formats/vault.md,
/// "A restored backup".
namespace recant {
namespace {

namespace fs = std::filesystem;

/// Catching up is prepared in a copy of the newer ledger, beside ours, which then takes its place.
class CatchUp {
 public:
  CatchUp(const fs::path& path, std::string newer)
      : folder_(read_model_folder(path)),
        newer_(std::move(newer)),
        copy_(path / ".ledger.partial"),
        secrets_(VaultSecrets::load(path)),
        ours_(Ledger::open(folder_.ledger_location(), LedgerAccess::kRead)) {
    check_what_was_left(folder_, *ours_);
    Ledger::open(newer_, LedgerAccess::kRead).backup_to(copy_);
  }
  ~CatchUp();
  CatchUp(const CatchUp&) = delete;
  CatchUp& operator=(const CatchUp&) = delete;

  void check(const std::optional<fs::path>& checkpoint);
  [[nodiscard]] bool anything_newer() const;
  void prepare();
  void replace_ours();
  [[nodiscard]] bool prepared_batch() const noexcept { return prepared_batch_; }
  [[nodiscard]] Vault::CaughtUp take_result() { return std::move(result_); }

 private:
  ModelFolder folder_;
  std::string newer_;
  fs::path copy_;
  VaultSecrets secrets_;
  std::optional<Ledger> ours_, ledger_;  // the copy
  Vault::CaughtUp result_;
  bool prepared_batch_ = false;

  [[nodiscard]] std::vector<Index> rows_due(const FittedModel& fitted) const;
  void prepare_batch(const FittedModel& fitted, const std::vector<Index>& rows, DeletionStep step,
                     bool retrain);
  [[nodiscard]] static DeletionStep step_without(const std::vector<Index>& rows,
                                                 const FittedModel& fitted,
                                                 const EnrolmentStatement& enrolment, bool retrain,
                                                 const Batch& last);
  void count_release(BatchStage found, const DeletionStep& step);
};

CatchUp::~CatchUp() {
  ledger_.reset();
  std::error_code ignored;  // what cannot be removed goes with the next opening
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(copy_.string() + end, ignored);
}

/// All that the newer ledger says is believed from then on.
void CatchUp::check(const std::optional<fs::path>& checkpoint) {
  try {
    ledger_ = Ledger::open(copy_.string(), LedgerAccess::kWrite);
    const LedgerCheck found = ledger_->check(verifier_of(folder_.path));
    if (found.fault) throw DamagedError(*found.fault);
  } catch (const DamagedError& error) {
    throw DamagedError(error.message(), newer_, "take a sound copy of the newer ledger");
  }
  if (checkpoint && !ledger_->contains(read_kept_checkpoint(*checkpoint, folder_.path))) {
    throw DamagedError("the newer ledger does not contain the checkpoint: it is older than that",
                       newer_, "take the newest copy of the ledger");
  }
}

bool CatchUp::anything_newer() const {
  const LedgerParting parting = part(*ours_, *ledger_);
  if (!parting.second_went_on) return false;
  if (parting.first_went_on) {
    throw UsageError("does not continue the ledger of this model", newer_,
                     "restore the backup again if it was used since");
  }
  if (!ours_->last_batch() || ours_->open_batch()) {
    throw DamagedError("was copied in the middle of a deletion, and cannot be brought up to date",
                       folder_.path.string(), "restore a copy that recant backup made");
  }
  return true;
}

/// Rows that are here and were erased there.
std::vector<Index> CatchUp::rows_due(const FittedModel& fitted) const {
  const std::vector<Digest> there = ledger_->erased_rows(), here = ours_->erased_rows();
  std::vector<Digest> due;
  std::set_difference(there.begin(), there.end(), here.begin(), here.end(),
                      std::back_inserter(due));
  std::vector<Index> rows;
  std::set<Digest> found;
  for (Index row = 0; row < fitted.rows.rows(); ++row) {
    if (is_erased(fitted.rows.ids, row)) continue;
    const Digest digest = secrets_.key.keyed_hash("recant.row/1", fitted.rows.ids.text(row));
    if (!std::binary_search(due.begin(), due.end(), digest)) continue;
    rows.push_back(row);
    found.insert(digest);
  }
  if (found.size() != due.size()) {
    throw DamagedError("erased rows that this model does not have", newer_);
  }
  return rows;
}

/// In the copy: what was under way there is ended, and the batch that makes the deletions again is
/// prepared. Or the result says why not.
void CatchUp::prepare() {
  ledger_->acquire();
  const Batch last = *ledger_->last_batch();
  if (last.number == ours_->last_batch()->number) return;  // only requests: opening does them
  if (last.stage == BatchStage::kPrepared) {
    ledger_->mark_applied(last.number);  // so that its rows are among those that are due
  }
  const FittedModel fitted = read_fitted(folder_, read_view(*ours_));
  const std::vector<Index> rows = rows_due(fitted);
  BudgetUse use = ledger_->budget();
  if (!ledger_->release_of_batch(last.number)) ++use.used;  // as count_release() will
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  const bool retrain = use.spent() && enrolment.when_spent == WhenSpent::kRetrain;
  if (use.spent() && !retrain) {
    result_.reason = "budget_spent";
    return;
  }
  DeletionStep step = step_without(rows, fitted, enrolment, retrain, last);
  result_.reason = step.refusal;
  if (!step.refusal.empty()) return;
  if (last.stage != BatchStage::kCertified) count_release(last.stage, step);
  prepare_batch(fitted, rows, std::move(step), retrain);
  result_.rows = static_cast<std::int64_t>(rows.size());
}

/// Makes the step's norm what it is at most from the state that was published last. That state is
/// not here, but rests on the same rows: it and ours are known to be so far from training on these.
/// Where a batch was under way it may be the one before, further by that batch's own step.
/// False if the promise about releases that follow each other does not hold so far: V + B_max
/// (docs/mathematics.md section 5.7; here B_max is not needed for the retrained model).
bool keeps_difference(const PrivacyBudget& budget, const Batch& last, BatchRecord& step) {
  if (!budget.difference) return true;
  const BatchRecord there = read_batch_record(last.plan, "ledger");
  const bool published = last.stage == BatchStage::kCertified;
  if (!there.bound || !(published || there.step_norm)) {
    throw DamagedError("holds a plan without bounds", "ledger");
  }
  const double most = *there.bound + *step.bound + (published ? 0 : *there.step_norm);
  step.step_norm = most * (1 + 1e-15);  // the sum was rounded
  return difference_covers(budget, std::max(0.0, *step.step_norm - budget.allowance));
}

DeletionStep CatchUp::step_without(const std::vector<Index>& rows, const FittedModel& fitted,
                                   const EnrolmentStatement& enrolment, bool retrain,
                                   const Batch& last) {
  std::vector<Index> counting;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(counting),
               [&](Index row) { return fitted.rows.weights[row] > 0; });
  const Objective objective = fitted.objective();
  ModelMover mover(fitted, objective);
  const std::optional<PrivacyBudget>& budget = enrolment.budget;
  DeletionStep step = budget
                          ? mover.move_within(budget->allowance,
                                              retrain ? Tier::kRetrain : Tier::kStep, counting, {})
                          : mover.move(counting, {}, {}, retrain, {});
  if (budget && step.refusal.empty() && !keeps_difference(*budget, last, step.record)) {
    step.refusal = "difference_exceeded";
  }
  const std::string_view fault = BatchFinisher::fault_of_parameters(enrolment.budget, step.theta);
  if (step.refusal.empty()) step.refusal = fault;
  if (!step.refusal.empty()) return step;
  BatchRecord& record = step.record;
  record.version = version();
  record.rows = static_cast<std::int64_t>(rows.size());
  record.assumptions.insert(record.assumptions.end(), enrolment.assumptions.begin(),
                            enrolment.assumptions.end());
  step.state.reset();  // it is about the objective
  return step;
}

/// The process that was at it may have gone on after the copy was made: whether its release was
/// drawn and published cannot be known, and so it counts as used, and ours is the next.
void CatchUp::count_release(BatchStage found, const DeletionStep& step) {
  const Batch open = *ledger_->open_batch();
  BatchFinisher(folder_, *ledger_, secrets_).count_release(open, step.record, step.theta);
  result_.recovered.push_back(
      fmt::format("batch {} of the newer ledger was {}: its release {} counts as published",
                  open.number, name(found), ledger_->release_of_batch(open.number)->release));
}

void CatchUp::prepare_batch(const FittedModel& fitted, const std::vector<Index>& rows,
                            DeletionStep step, bool retrain) {
  BatchRecord& record = step.record;
  record.generation = ledger_->last_batch()->number + 1;
  if (fitted.encoder) {
    const CategoriesLeft left(*fitted.encoder, fitted.rows);
    record.emptied = left.emptied_by(left.held_by(rows), *fitted.encoder);
  }
  record.files = write_generation(folder_.path, record.generation, step.theta, rows, secrets_.key);
  BatchPlan plan;
  plan.chunks = RowEraser(folder_.path, folder_.row_files(), folder_.rows).hashes_after(rows);
  if (retrain) {
    const BudgetUse use = ledger_->budget();
    plan.enrolment =
        EnrolmentRecord{hexadecimal_of(draw_salt()).substr(0, 32), use.releases, use.statement};
  }
  plan.plan = to_text(record);
  ledger_->prepare(plan);
  prepared_batch_ = true;
}

void CatchUp::replace_ours() {
  gather(*std::exchange(ledger_, std::nullopt));
  ours_.reset();
  gather(Ledger::open(folder_.ledger_location(), LedgerAccess::kWrite));
  // What lies beside ours would be taken for the newer one's.
  for (const char* rest : {"-wal", "-shm"}) fs::remove(folder_.ledger_location() + rest);
  fs::rename(copy_, folder_.ledger_location());
  sync_folder(folder_.path);
}

}  // namespace

Vault::CaughtUp Vault::catch_up(const fs::path& path, const std::string& newer,
                                const std::optional<fs::path>& require_checkpoint,
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
  CaughtUp result;
  bool ours = false;  // the batch that opening finishes
  {
    const WriterLock lock(path, wait);
    remove_partial_files(path);
    CatchUp work(path, newer);
    work.check(require_checkpoint);
    if (work.anything_newer()) {
      work.prepare();
      ours = work.prepared_batch();
      result = work.take_result();
      if (!result.reason.empty()) return result;
      work.replace_ours();
    }
  }
  // Finishes the batch, certificates included, and the requests that were received; and what an
  // earlier call left.
  const Vault vault = open_for_writing(path, {.wait = wait});
  const std::vector<std::string>& lines = vault.recovered();
  result.recovered.insert(result.recovered.end(), lines.begin() + (ours ? 1 : 0), lines.end());
  return result;
}

}  // namespace recant

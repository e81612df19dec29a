// SPDX-License-Identifier: Apache-2.0
#include "vault_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "forget_request.hpp"
#include "generation.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/json.hpp"
#include "row_eraser.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// An older format becomes a new folder in place of the old, in one step.
ModelFolder current_format(const fs::path& path) {
  ModelFolder folder = read_model_folder(path);
  if (folder.format_version == kFormatVersion) return folder;
  Vault::create(path, read_fitted(folder, {}), true);
  return read_model_folder(path);
}

/// Everything that was asked for, but the rows and their values.
Json asked(const ForgetRequest& request) {
  const ForgetWeighting& weighting = request.weighting;
  return {
      {"method", name(request.method)},
      {"weighting", weighting.by_value ? "value" : "uniform"},
      {"alpha", weighting.by_value ? (weighting.alpha ? Json(*weighting.alpha) : Json("auto"))
                                   : Json(nullptr)},
      {"form", weighting.by_value ? Json(name(weighting.form)) : Json(nullptr)},
      {"tier_at_most", request.tier_at_most ? Json(name(*request.tier_at_most)) : Json(nullptr)},
      {"third_derivative", request.third_derivative}};
}

std::string text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Vault::Impl::Impl(const fs::path& path, const WriteOptions& options)
    : folder_(current_format(path)), lock_(path) {
  remove_partial_files(path);
  open_ledger();
  if (options.require_checkpoint) require(*options.require_checkpoint);
  finisher_.emplace(folder_, *ledger_, *secrets_);
  finish_open_batch();
  load();
  finish_requests();
}

void Vault::Impl::open_ledger() {
  const std::string location = folder_.ledger_location();
  if (!folder_.has_ledger()) {
    // Under another name until the fit is in it: a ledger is there whole or not at all.
    const fs::path partial = folder_.path / ".ledger.partial";
    fs::remove(partial);
    start_ledger(folder_, partial.string(), read_fitted(folder_, {}), nullptr);
    fs::rename(partial, location);
    sync_folder(folder_.path);
  }
  secrets_ = VaultSecrets::load(folder_.path);
  try {
    ledger_ = Ledger::open(location, LedgerAccess::kWrite);
  } catch (const NotFoundError& error) {
    throw DamagedError("the ledger of this model is missing", error.where(),
                       "restore it from a backup");
  }
  ledger_->acquire();
}

void Vault::Impl::require(const fs::path& file) const {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw NotFoundError("does not exist", file.string());
  const Checkpoint checkpoint =
      read_checkpoint(std::string(std::istreambuf_iterator<char>(in), {}));
  if (ledger_->contains(checkpoint)) return;
  throw DamagedError(
      "the ledger does not contain the checkpoint: this model comes from an older backup, and "
      "deletions since then are not in it",
      file.string(), "recant forget --from-ledger NEWER.sqlite makes them again");
}

void Vault::Impl::finish_open_batch() {
  if (const std::optional<Batch> batch = ledger_->open_batch()) {
    finisher_->finish(*batch);
    recovered_.push_back(fmt::format("batch {}, which was {}", batch->number, name(batch->stage)));
  }
  const std::optional<Batch> last = ledger_->last_batch();
  destroy_other_generations(folder_.path, last ? last->number : 0);
}

void Vault::Impl::load() {
  fitted_ = read_fitted(folder_, read_view(*ledger_));
  objective_.emplace(fitted_.objective());
  mover_.emplace(fitted_, *objective_);
}

/// Requests that were taken in and not begun.
void Vault::Impl::finish_requests() {
  for (const RequestState state : {RequestState::kReceived, RequestState::kValidated}) {
    std::int64_t after = 0;
    while (true) {
      const std::vector<Request> waiting = ledger_->requests(state, after, 100);
      if (waiting.empty()) break;
      for (const Request& one : waiting) {
        after = one.id;
        const Json pinned = Json::parse(one.parameters);
        if (pinned.at("weighting") != "uniform" || pinned.at("method") != "newton" ||
            !pinned.at("tier_at_most").is_null()) {
          // Its values, its hold-out are not in the ledger: whoever asks again brings them.
          decide(one.id, RequestEvent::kFailed, "interrupted");
          continue;
        }
        ForgetRequest same;
        same.third_derivative = pinned.value("third_derivative", false);
        carry_out(one.id, find_digests(ledger_->rows_of_request(one.id)), same, {});
        recovered_.push_back(fmt::format("request {}, which was {}", one.id, name(state)));
      }
    }
  }
}

Digest Vault::Impl::digest_of(const std::string& id) const {
  return secrets_->key.keyed_hash("recant.row/1", id);
}

bool Vault::Impl::present(Index row) const {
  return !is_erased(fitted_.rows.ids, row);
}

FoundRows Vault::Impl::find(const ForgetRequest& request) {
  FoundRows found;
  for (const Index row : request.rows) {
    if (present(row)) {
      found.rows.push_back(row);
      found.digests.push_back(digest_of(fitted_.rows.ids.text(row)));
    } else {
      found.erased = true;
    }
  }
  if (!request.ids.empty() && row_of_id_.empty()) {
    for (Index row = 0; row < fitted_.rows.rows(); ++row) {
      if (present(row)) row_of_id_.emplace(fitted_.rows.ids.text(row), row);
    }
  }
  for (const std::string& id : request.ids) {
    found.digests.push_back(digest_of(id));
    const auto at = row_of_id_.find(id);
    if (at != row_of_id_.end()) {
      found.rows.push_back(at->second);
    } else if (ledger_->erased(found.digests.back())) {
      found.erased = true;
    } else {
      found.missing = true;
    }
  }
  std::sort(found.rows.begin(), found.rows.end());
  return found;
}

FoundRows Vault::Impl::find_digests(const std::vector<Digest>& digests) const {
  FoundRows found;
  found.digests = digests;
  std::set<Digest> left(digests.begin(), digests.end());
  for (Index row = 0; row < fitted_.rows.rows(); ++row) {
    if (present(row) && left.erase(digest_of(fitted_.rows.ids.text(row))) > 0) {
      found.rows.push_back(row);
    }
  }
  for (const Digest& digest : left) {
    (ledger_->erased(digest) ? found.erased : found.missing) = true;
  }
  return found;
}

/// A keyed hash of what was asked for, in the words it was asked in: rows that are gone meanwhile
/// can still be asked for again.
Digest Vault::Impl::content_of(const ForgetRequest& request) const {
  std::string content = asked(request).dump();
  if (request.weighting.by_value) content += " values: " + request.weighting.source;
  std::vector<Index> rows = request.rows;
  std::sort(rows.begin(), rows.end());
  for (const Index row : rows) content += fmt::format(" {}", row);
  std::vector<std::string> ids = request.ids;
  std::sort(ids.begin(), ids.end());
  for (const std::string& id : ids) content += fmt::format(" {}:{}", id.size(), id);
  return secrets_->key.keyed_hash("recant.content/1", content);
}

Digest Vault::Impl::key_of(const std::string& key) const {
  return secrets_->key.keyed_hash("recant.request_key/1", key);
}

Submission Vault::Impl::submission(const ForgetRequest& request, const FoundRows& found) const {
  Json parameters = asked(request);
  parameters["enrolment"] = Json::parse(ledger_->budget().statement);
  parameters["version"] = version();
  // Without a key of its own a request is one of a kind.
  return {request.key.empty() ? draw_salt() : key_of(request.key), content_of(request),
          parameters.dump(), found.digests};
}

void Vault::Impl::decide(std::int64_t id, RequestEvent event, const std::string& reason) {
  const Decision decision{id, event, reason};
  ledger_->decide(std::span(&decision, 1));
}

/// What came of the same request before. @throws UsageError for a key that was used otherwise.
std::optional<ForgetReport> Vault::Impl::answered(const ForgetRequest& request) const {
  if (request.key.empty()) return std::nullopt;
  const std::optional<Request> known = ledger_->find(key_of(request.key));
  if (!known || known->state == RequestState::kFailedRetryable) return std::nullopt;
  if (known->content != content_of(request)) {
    throw UsageError("this key was used for another request", "request-key",
                     "give every request a key of its own");
  }
  return report(known->id, true);
}

ForgetReport Vault::Impl::forget(const ForgetRequest& request, const ProgressCallback& progress) {
  Stopwatch watch;
  check_request(request, objective_->loss(), fitted_.rows.rows());
  if (std::optional<ForgetReport> known = answered(request)) return *known;
  const FoundRows found = find(request);
  if (found.digests.size() < request.rows.size()) {
    // Named by a position whose id is gone: there is nothing to remember it by.
    ForgetReport report;
    report.state = RequestState::kAlreadyErased;
    report.rows = static_cast<std::int64_t>(request.rows.size());
    return report;
  }
  const Submission submission = this->submission(request, found);
  const Receipt receipt = ledger_->receive(std::span(&submission, 1)).front();
  const bool again = receipt.state == RequestState::kFailedRetryable;
  if (again) decide(receipt.request, RequestEvent::kRetried);
  if (receipt.first || again) carry_out(receipt.request, found, request, progress);
  ForgetReport report = this->report(receipt.request, !receipt.first && !again);
  report.total_seconds = watch.lap();
  return report;
}

void Vault::Impl::carry_out(std::int64_t id, const FoundRows& found, const ForgetRequest& request,
                            const ProgressCallback& progress) {
  if (found.erased) return decide(id, RequestEvent::kAlreadyErased);
  if (found.missing) return decide(id, RequestEvent::kNotFound);
  const BudgetUse use = ledger_->budget();
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  std::string refusal = refusal_of(fitted_.rows, found.rows);
  const bool retrain = use.spent() && enrolment.when_spent == WhenSpent::kRetrain;
  if (refusal.empty() && use.spent() && !retrain) refusal = "budget_spent";
  if (!refusal.empty()) return decide(id, RequestEvent::kRejected, refusal);

  std::vector<Index> counting;  // rows of weight 0 have no say in the model
  std::copy_if(found.rows.begin(), found.rows.end(), std::back_inserter(counting),
               [&](Index row) { return fitted_.rows.weights[row] > 0; });
  DeletionStep step;
  try {
    step = mover_->move(counting, request, enrolment.budget, retrain, progress);
    BatchFinisher::check_publishable(enrolment.budget, step.theta);
  } catch (...) {
    decide(id, RequestEvent::kFailed, "not_computed");
    throw;
  }
  if (!step.refusal.empty()) return decide(id, RequestEvent::kRejected, step.refusal);
  if (ledger_->request(id).state == RequestState::kReceived) decide(id, RequestEvent::kValidated);
  std::vector<std::string> assumptions = enrolment.assumptions;
  assumptions.insert(assumptions.begin(), step.record.assumptions.begin(),
                     step.record.assumptions.end());
  step.record.assumptions = std::move(assumptions);
  std::string digests;
  for (const Digest& digest : found.digests) digests += text_of(digest);
  step.record.request_digests = {
      request_digest(secrets_->key.keyed_hash("recant.annex_key/1", ""), digests)};
  release(id, found.rows, std::move(step), retrain);
}

void Vault::Impl::release(std::int64_t id, const std::vector<Index>& rows, DeletionStep step,
                          bool retrain) {
  const std::optional<Batch> last = ledger_->last_batch();
  BatchRecord& record = step.record;
  record.generation = last ? last->number + 1 : 0;
  record.rows = static_cast<std::int64_t>(rows.size());
  record.files = write_generation(folder_.path, record.generation, step.theta, rows, secrets_->key);
  BatchPlan plan;
  plan.requests = {id};
  plan.chunks = RowEraser(folder_.path, folder_.row_files(), folder_.rows).hashes_after(rows);
  if (retrain) {
    const BudgetUse use = ledger_->budget();
    plan.enrolment =
        EnrolmentRecord{hexadecimal_of(draw_salt()).substr(0, 32), use.releases, use.statement};
  }
  plan.plan = to_text(record);
  const std::int64_t batch = ledger_->prepare(plan);  // from here on it will happen
  finisher_->finish(ledger_->batch(batch));
  forget_in_memory(rows, step);
  mover_->adopt(std::move(step));
}

void Vault::Impl::forget_in_memory(const std::vector<Index>& rows, const DeletionStep& step) {
  Dataset& data = fitted_.rows;
  for (const Index row : rows) {
    if (!row_of_id_.empty()) row_of_id_.erase(data.ids.text(row));
  }
  mark_erased(data, rows);
  fitted_.model.theta = step.theta;
  fitted_.optimal = step.record.optimal;
}

ForgetReport Vault::Impl::outcome(const std::string& key) const {
  const std::optional<Request> request = ledger_->find(key_of(key));
  if (!request) throw NotFoundError("no request has this key", "request-key");
  return report(request->id, true);
}

ForgetReport Vault::Impl::report(std::int64_t id, bool repeated) const {
  const Request request = ledger_->request(id);
  ForgetReport report;
  report.request = id;
  report.state = request.state;
  report.reason = request.reason;
  report.repeated = repeated;
  report.rows = static_cast<std::int64_t>(ledger_->rows_of_request(id).size());
  if (!request.batch) return report;
  const Batch batch = ledger_->batch(*request.batch);
  const BatchRecord record = read_batch_record(batch.plan, "ledger");
  tell_step(record, report);
  const std::optional<Release> release = ledger_->release_of_batch(batch.number);
  if (!release) return report;
  const Certificate certificate = read_certificate(release->certificate);
  report.budget = certificate.budget;
  report.release = release->release;
  report.new_enrolment = report.budget.has_value() && release->release == 1 && batch.number > 0;
  if (report.budget) report.spent = budget_status(*report.budget, release->release);
  report.certificate = certificate_file(folder_.path, batch.number);
  report.annex = certificate_file(folder_.path, batch.number, true);
  return report;
}

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vault::Vault(Vault&&) noexcept = default;
Vault& Vault::operator=(Vault&&) noexcept = default;
Vault::~Vault() = default;

Vault Vault::open_for_writing(const fs::path& path, const WriteOptions& options) {
  return Vault(std::make_unique<Impl>(path, options));
}
ForgetReport Vault::forget(const ForgetRequest& request, const ProgressCallback& progress) {
  return impl_->forget(request, progress);
}
ForgetReport Vault::outcome(const std::string& key) const {
  return impl_->outcome(key);
}
const FittedModel& Vault::model() const noexcept {
  return impl_->model();
}
std::int64_t Vault::rebuilds() const noexcept {
  return impl_->rebuilds();
}
const std::vector<std::string>& Vault::recovered() const noexcept {
  return impl_->recovered();
}

}  // namespace recant

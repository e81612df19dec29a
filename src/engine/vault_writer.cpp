// SPDX-License-Identifier: Apache-2.0
#include "vault_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "forget_request.hpp"
#include "generation.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"
#include "row_eraser.hpp"
#include "rows_left.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// How gradient ascent is to climb.
Json ascent_of(const GradientAscentOptions& ascent) {
  return {{"max_steps", ascent.max_steps},
          {"step_size", ascent.step_size},
          {"rule", name(ascent.rule)},
          {"clip", ascent.clip ? Json(*ascent.clip) : Json(nullptr)}};
}

/// Everything that was asked for, but the rows and their values. What only gradient ascent reads is
/// not among what other requests are, whose keys earlier versions have hashed without it.
Json asked(const ForgetRequest& request) {
  const ForgetWeighting& weighting = request.weighting;
  const bool by_value = weighting.by_value || weighting.retained;
  Json settings = {
      {"method", name(request.method)},
      {"weighting", name_of_weighting(weighting)},
      {"alpha",
       by_value ? (weighting.alpha ? Json(*weighting.alpha) : Json("auto")) : Json(nullptr)},
      {"form", by_value ? Json(name(weighting.form)) : Json(nullptr)},
      {"tier_at_most", request.tier_at_most ? Json(name(*request.tier_at_most)) : Json(nullptr)},
      {"third_derivative", request.third_derivative}};
  if (request.method == ForgetMethod::kAscent) settings["ascent"] = ascent_of(request.ascent);
  return settings;
}

ForgetReport refused(const ForgetRequest& request, RequestState state, std::string_view reason) {
  ForgetReport report;
  report.request_key = request.key;
  report.state = state;
  report.reason = reason;
  report.rows = static_cast<std::int64_t>(request.rows.size() + request.ids.size());
  return report;
}

}  // namespace

/// Whatever kept the lock and the token from keeping others out: what is decided here is about the
/// model in memory.
void Vault::Impl::require_current() const {
  lock_->require_held();
  const std::optional<Batch> last = ledger_->last_batch();
  if (last && last->number == batch_) return;
  throw BusyError("has changed since it was opened for writing here", folder_.path.string(),
                  "open it again");
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

/// What the ledger keeps of how the requests of a batch are to be carried out.
std::string Vault::Impl::parameters_of(const ForgetRequest& settings) const {
  Json parameters = asked(settings);
  parameters["enrolment"] =
      Json::parse(pinned_statement(ledger_->budget().statement, folder_.ledger_location()));
  parameters["version"] = version();
  return parameters.dump();
}

std::string_view Vault::Impl::changed_since(const std::string& parameters) const {
  const std::string where = folder_.ledger_location();
  const PinnedParameters pinned = read_pinned_parameters(parameters, where);
  if (pinned.version != version()) return "other_version";
  const std::string now = pinned_statement(ledger_->budget().statement, where);
  return pinned.enrolment == now ? std::string_view() : "other_enrolment";
}

Submission Vault::Impl::submission(const ForgetRequest& request, const FoundRows& found,
                                   const std::string& parameters) const {
  // Without a key of its own a request is one of a kind.
  return {request.key.empty() ? draw_salt() : key_of(request.key), content_of(request), parameters,
          found.digests};
}

/// The request that has this key, unless it is to be begun again. @throws UsageError for a key that
/// was used otherwise.
std::optional<std::int64_t> Vault::Impl::known(const ForgetRequest& request) const {
  if (request.key.empty()) return std::nullopt;
  const std::optional<Request> known = ledger_->find(key_of(request.key));
  if (!known) return std::nullopt;
  if (known->content != content_of(request)) {
    throw UsageError("this key was used for another request", "request-key",
                     "give every request a key of its own");
  }
  if (known->state == RequestState::kFailedRetryable) return std::nullopt;
  return known->id;
}

/// What can be said without the ledger's taking the request in.
std::optional<ForgetReport> Vault::Impl::answer(const ForgetRequest& request,
                                                const FoundRows& found) const {
  if (const RowFault fault = fault_of_rows(request, fitted_.rows.rows()); !fault.reason.empty()) {
    return refused(request, fault.state, fault.reason);
  }
  try {
    if (const std::optional<std::int64_t> id = known(request)) return report(*id, true);
  } catch (const UsageError&) {
    return refused(request, RequestState::kRejected, "key_used");
  }
  if (found.digests.size() < request.rows.size()) {
    // Named by a position whose id is gone: there is nothing to remember it by.
    return refused(request, RequestState::kAlreadyErased, {});
  }
  return std::nullopt;
}

ForgetReport Vault::Impl::forget(const ForgetRequest& request, const ProgressCallback& progress) {
  lock_->require_own();
  check_request(request, objective_->loss(), fitted_.rows.rows());
  require_budget_for(request);
  ensure_ledger();
  static_cast<void>(known(request));
  return forget(std::span(&request, 1), progress).front();
}

/// @throws UsageError for what only a budget gives a meaning, where there is none.
void Vault::Impl::require_budget_for(const ForgetRequest& request) const {
  const ForgetWeighting& weighting = request.weighting;
  const bool chosen = weighting.by_value && !weighting.alpha;
  if (!chosen && !request.tier_at_most && !request.third_derivative) return;
  if (ledger_ &&
      read_enrolment_statement(ledger_->budget().statement, folder_.ledger_location()).budget) {
    return;
  }
  if (chosen) {
    throw UsageError("alpha is chosen from the allowance of a budget, and this model has none",
                     "weighting", "give value:ALPHA");
  }
  throw UsageError(
      "how closely a model is looked at is chosen within the allowance of a budget, and this model "
      "has none",
      request.tier_at_most ? "tier_at_most" : "third_derivative", "leave it out");
}

std::vector<ForgetReport> Vault::Impl::forget(std::span<const ForgetRequest> requests,
                                              const ProgressCallback& progress) {
  lock_->require_own();
  if (requests.empty()) return {};
  Stopwatch watch;
  check_settings(requests.front(), objective_->loss(), fitted_.rows.rows());
  require_budget_for(requests.front());
  ensure_ledger();
  std::vector<std::optional<ForgetReport>> answers(requests.size());
  std::vector<FoundRows> found(requests.size());
  std::vector<Submission> submissions;
  std::vector<std::size_t> submitted;  // which request each is
  ledger_->read_together([&] {
    require_current();
    submit(requests, answers, found, submissions, submitted);
  });
  carry_out(submissions, submitted, found, requests.front(), progress, answers);
  std::vector<ForgetReport> reports;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    reports.push_back(*std::move(answers[i]));
    reports.back().request_key = requests[i].key;
  }
  reports.front().total_seconds = watch.lap();
  return reports;
}

/// Answers the requests that need not be carried out, finds the rows of the others and makes
/// submissions of them.
void Vault::Impl::submit(std::span<const ForgetRequest> requests,
                         std::vector<std::optional<ForgetReport>>& answers,
                         std::vector<FoundRows>& found, std::vector<Submission>& submissions,
                         std::vector<std::size_t>& submitted) {
  const Json settings = asked(requests.front());
  const std::string parameters = parameters_of(requests.front());
  std::map<std::string_view, Digest> contents;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ForgetRequest& request = requests[i];
    if (asked(request) != settings) {
      throw UsageError(
          "the requests of a batch share method, weighting and tier and their settings", "forget");
    }
    if (fault_of_rows(request, fitted_.rows.rows()).reason.empty()) found[i] = find(request);
    answers[i] = answer(request, found[i]);
    if (answers[i]) continue;
    Submission one = submission(request, found[i], parameters);
    if (!request.key.empty() && !contents.emplace(request.key, one.content).second &&
        contents.at(request.key) != one.content) {
      answers[i] = refused(request, RequestState::kRejected, "key_used");
      continue;
    }
    submissions.push_back(std::move(one));
    submitted.push_back(i);
  }
}

/// Takes the submissions in, begins those that are new or failed, and says what came of each.
void Vault::Impl::carry_out(std::span<const Submission> submissions,
                            const std::vector<std::size_t>& submitted,
                            std::vector<FoundRows>& found, const ForgetRequest& settings,
                            const ProgressCallback& progress,
                            std::vector<std::optional<ForgetReport>>& answers) {
  if (submissions.empty()) return;
  const std::vector<Receipt> receipts = ledger_->receive(submissions);
  std::vector<Waiting> waiting;
  std::vector<Decision> again;
  std::set<std::int64_t> begun;
  for (std::size_t s = 0; s < receipts.size(); ++s) {
    const Receipt& receipt = receipts[s];
    const bool retried = receipt.state == RequestState::kFailedRetryable;
    if ((!receipt.first && !retried) || !begun.insert(receipt.request).second) continue;
    if (retried) {
      // Not silently: the ledger keeps that this is not what was pinned.
      const std::string parameters = ledger_->request(receipt.request).parameters;
      again.push_back(
          {receipt.request, RequestEvent::kRetried, std::string(changed_since(parameters))});
    }
    waiting.push_back({receipt.request, RequestState::kReceived, std::move(found[submitted[s]])});
  }
  ledger_->decide(again);
  carry_out(std::move(waiting), settings, progress);
  ledger_->read_together([&] {
    for (std::size_t s = 0; s < receipts.size(); ++s) {
      // A second one with the same key finds what came of the first.
      const bool first = begun.erase(receipts[s].request) > 0;
      answers[submitted[s]] = report(receipts[s].request, !first);
    }
  });
}

void Vault::Impl::carry_out(std::vector<Waiting> waiting, const ForgetRequest& settings,
                            const ProgressCallback& progress) {
  while (!waiting.empty()) {
    std::vector<Waiting> later;
    const std::vector<Waiting> batch = choose_batch(waiting, settings, later);
    if (!batch.empty()) carry_out_batch(batch, settings, progress);
    waiting = std::move(later);
  }
}

/// Why the budget allows no deletion of this kind; empty: it allows one.
std::string_view Vault::Impl::fault_of_budget(const ForgetRequest& settings) const {
  const BudgetUse use = ledger_->budget();
  if (!use.spent()) return {};
  if (read_enrolment_statement(use.statement, "ledger").when_spent != WhenSpent::kRetrain) {
    return "budget_spent";
  }
  return forbids_retraining(settings) ? "budget_spent_needs_retraining" : std::string_view();
}

/// Those that can be done together, in the order in which they came; decides those that cannot be
/// done, and leaves for later those that want a row that one before them takes.
std::vector<Vault::Impl::Waiting> Vault::Impl::choose_batch(std::vector<Waiting>& waiting,
                                                            const ForgetRequest& settings,
                                                            std::vector<Waiting>& later) {
  const std::string_view spent = fault_of_budget(settings);
  RowsLeft left(fitted_.rows);
  std::set<Index> taken;
  std::vector<Waiting> batch;
  std::vector<Decision> noes;
  for (Waiting& one : waiting) {
    const std::vector<Index>& rows = one.found.rows;
    const auto is_taken = [&](Index row) { return taken.contains(row); };
    const auto is_gone = [&](Index row) { return !present(row); };
    if (one.found.erased || std::any_of(rows.begin(), rows.end(), is_gone)) {
      noes.push_back({one.id, RequestEvent::kAlreadyErased, {}});
    } else if (one.found.missing) {
      noes.push_back({one.id, RequestEvent::kNotFound, {}});
    } else if (std::any_of(rows.begin(), rows.end(), is_taken)) {
      later.push_back(std::move(one));
    } else if (const std::string_view reason = left.take(rows); !reason.empty()) {
      noes.push_back({one.id, RequestEvent::kRejected, std::string(reason)});
    } else if (!spent.empty()) {
      noes.push_back({one.id, RequestEvent::kRejected, std::string(spent)});
    } else {
      taken.insert(rows.begin(), rows.end());
      batch.push_back(std::move(one));
    }
  }
  ledger_->decide(noes);
  return batch;
}

void Vault::Impl::decide_all(const std::vector<Waiting>& batch, RequestEvent event,
                             const std::string& reason) {
  std::vector<Decision> decisions;
  for (const Waiting& one : batch) {
    if (event == RequestEvent::kValidated && one.state == RequestState::kValidated) continue;
    decisions.push_back({one.id, event, reason});
  }
  ledger_->decide(decisions);
}

/// Validates, moves the model and releases it. What is decided is in the ledger.
void Vault::Impl::carry_out_batch(const std::vector<Waiting>& batch, const ForgetRequest& settings,
                                  const ProgressCallback& progress) {
  const BudgetUse use = ledger_->budget();
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  const bool retrain = use.spent();
  std::vector<Index> rows, counting;  // rows of weight 0 have no say in the model
  for (const Waiting& one : batch) {
    rows.insert(rows.end(), one.found.rows.begin(), one.found.rows.end());
  }
  std::sort(rows.begin(), rows.end());
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(counting),
               [&](Index row) { return fitted_.rows.weights[row] > 0; });
  DeletionStep step;
  try {
    step = mover_->move(counting, settings, enrolment.budget, retrain, progress);
    const std::string_view fault = BatchFinisher::fault_of_parameters(enrolment.budget, step.theta);
    if (step.refusal.empty()) step.refusal = fault;
  } catch (const UsageError& error) {
    // An alpha is part of what was asked for: of what the key stands for, too.
    const bool never = error.where() == "alpha";
    decide_all(batch, never ? RequestEvent::kRejected : RequestEvent::kFailed,
               never ? "alpha_too_large" : "not_computed");
    throw;
  } catch (...) {
    decide_all(batch, RequestEvent::kFailed, "not_computed");
    throw;
  }
  if (!step.refusal.empty()) return decide_all(batch, RequestEvent::kRejected, step.refusal);
  decide_all(batch, RequestEvent::kValidated, {});
  step.record.assumptions.insert(step.record.assumptions.end(), enrolment.assumptions.begin(),
                                 enrolment.assumptions.end());
  const Digest annex_key = secrets_->key.keyed_hash("recant.annex_key/1", "");
  std::vector<std::int64_t> ids;
  for (const Waiting& one : batch) {
    ids.push_back(one.id);
    // In an order that the ledger keeps too: whoever recovers a request makes the same annex.
    std::vector<Digest> sorted = one.found.digests;
    std::sort(sorted.begin(), sorted.end());
    std::string digests;
    for (const Digest& digest : sorted) digests += text_of(digest);
    step.record.request_digests.push_back(request_digest(annex_key, digests));
  }
  release(ids, rows, std::move(step), retrain);
}

void Vault::Impl::release(const std::vector<std::int64_t>& ids, const std::vector<Index>& rows,
                          DeletionStep step, bool retrain) {
  BatchRecord& record = step.record;
  record.version = version();
  record.generation = batch_ + 1;
  record.rows = static_cast<std::int64_t>(rows.size());
  CategoriesLeft::Counts leaving;
  if (fitted_.encoder) {
    if (!categories_) categories_.emplace(*fitted_.encoder, fitted_.rows);
    leaving = categories_->held_by(rows);
    record.emptied = categories_->emptied_by(leaving, *fitted_.encoder);
  }
  record.files = write_generation(folder_.path, record.generation, step.theta, rows, secrets_->key,
                                  step.trained_weights);
  BatchPlan plan;
  plan.after = batch_;
  plan.requests = ids;
  plan.chunks = RowEraser(folder_.path, folder_.row_files(), folder_.rows).hashes_after(rows);
  if (retrain) {
    const BudgetUse use = ledger_->budget();
    plan.enrolment =
        EnrolmentRecord{hexadecimal_of(draw_salt()).substr(0, 32), use.releases, use.statement};
  }
  plan.plan = to_text(record);
  const std::int64_t batch = ledger_->prepare(plan);  // from here on it will happen
  finisher_->finish(ledger_->batch(batch));
  batch_ = batch;
  if (categories_) categories_->leave(leaving);
  forget_in_memory(rows, step);
  mover_->adopt(std::move(step));
}

void Vault::Impl::forget_in_memory(const std::vector<Index>& rows, const DeletionStep& step) {
  Dataset& data = fitted_.rows;
  for (const Index row : rows) {
    if (!row_of_id_.empty()) row_of_id_.erase(data.ids.text(row));
  }
  mark_erased(data, rows);
  erase_names(fitted_, step.record.emptied);
  fitted_.model.theta = step.theta;
  fitted_.trained_weights = step.trained_weights;
  fitted_.optimal = step.record.optimal;
}

ForgetReport Vault::Impl::outcome(const std::string& key) const {
  lock_->require_own();
  const std::optional<Request> request = ledger_ ? ledger_->find(key_of(key)) : std::nullopt;
  if (!request) throw NotFoundError("no request has this key", "request-key");
  return report(request->id, true);
}

ForgetReport Vault::Impl::report(std::int64_t id, bool repeated) const {
  const Request request = ledger_->request(id);
  ForgetReport report;
  if (request.batch) report = report_of_batch(*request.batch);
  report.request = id;
  report.state = request.state;
  report.reason = request.reason;
  report.repeated = repeated;
  report.rows = static_cast<std::int64_t>(ledger_->rows_of_request(id).size());
  return report;
}

/// What all requests of a batch share. Of one that is done it stays the same, and is kept for the
/// next that asks.
const ForgetReport& Vault::Impl::report_of_batch(std::int64_t number) const {
  if (batch_report_ && batch_report_->batch == number) return batch_report_->report;
  batch_report_.reset();
  ForgetReport report;
  const Batch batch = ledger_->batch(number);
  const BatchRecord record = read_batch_record(batch.plan, "ledger");
  tell_step(record, report);
  const std::optional<Release> release = ledger_->release_of_batch(batch.number);
  if (release) {
    const Certificate certificate = read_certificate(release->certificate);
    report.budget = certificate.budget;
    report.release = release->release;
    report.new_enrolment = report.budget.has_value() && release->release == 1 && batch.number > 0;
    if (report.budget) report.spent = budget_status(*report.budget, release->release);
    report.certificate = certificate_file(folder_.path, batch.number);
    report.annex = certificate_file(folder_.path, batch.number, true);
  }
  batch_report_ = {number, std::move(report)};
  if (batch.stage != BatchStage::kCertified) batch_report_->batch = -1;
  return batch_report_->report;
}

}  // namespace recant

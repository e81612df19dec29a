// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "argument.hpp"
#include "ledger_impl.hpp"
#include "payload.hpp"
#include "recant/ledger/ledger.hpp"
#include "records.hpp"
#include "write_transaction.hpp"

namespace recant {
namespace {

template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::ranges::sort(values);
  return values;
}

/// What became of a key that is there already; none if it is not.
std::optional<Receipt> former_receipt(Storage& storage, const Submission& submission,
                                      const std::string& where) {
  std::optional<Receipt> receipt;
  bool same = false;
  storage.run("SELECT id, content, state FROM requests WHERE key = $1", {ByteView(submission.key)},
              [&](const SqlRow& row) {
                receipt = Receipt{
                    .request = row.integer(0), .first = false, .state = state_of(row, 2, storage)};
                same = row.digest(1) == submission.content;
              });
  if (receipt && !same) {
    throw UsageError("the key was used before, for a request with other content", where,
                     "give a new key");
  }
  return receipt;
}

void add_request(WriteTransaction& transaction, std::int64_t id, const Submission& submission) {
  Storage& storage = transaction.storage();
  const std::vector<Digest> rows = sorted(submission.rows);
  const std::int64_t seq = transaction.append(
      kReceived, id,
      received_payload(submission.key, submission.content, submission.parameters, rows));
  storage.run(
      "INSERT INTO requests (id, key, content, parameters, state, reason, received, changed) "
      "VALUES ($1, $2, $3, $4, $5, '', $6, $6)",
      {id, ByteView(submission.key), ByteView(submission.content), bytes_of(submission.parameters),
       name(RequestState::kReceived), seq});
  for (const Digest& row : rows) {
    storage.run("INSERT INTO request_rows (request, row_hash) VALUES ($1, $2)",
                {id, ByteView(row)});
  }
}

struct DecidedRequest {
  RequestState state = RequestState::kReceived;
  std::optional<std::int64_t> batch;
};

DecidedRequest find_request(Storage& storage, std::int64_t id) {
  std::optional<DecidedRequest> found;
  storage.run("SELECT state, batch FROM requests WHERE id = $1", {id}, [&](const SqlRow& row) {
    found = DecidedRequest{.state = state_of(row, 0, storage), .batch = row.optional_integer(1)};
  });
  if (!found) throw NotFoundError(fmt::format("there is no request {}", id), storage.where());
  return *found;
}

bool belongs_to_batch(RequestEvent event) {
  return event == RequestEvent::kApplied || event == RequestEvent::kNoised ||
         event == RequestEvent::kReleased || event == RequestEvent::kCertified;
}

void decide_one(WriteTransaction& transaction, const Decision& decision) {
  Storage& storage = transaction.storage();
  check_reason(decision.reason);
  const DecidedRequest request = find_request(storage, decision.request);
  const auto state = next_state(request.state, decision.event);
  if (!state || belongs_to_batch(decision.event)) {
    throw UsageError(fmt::format("request {} is {}: it cannot be {}", decision.request,
                                 name(request.state), name(decision.event)));
  }
  if (request.batch) {
    throw UsageError(fmt::format("request {} is part of batch {}, which will be finished",
                                 decision.request, *request.batch));
  }
  const std::int64_t seq =
      transaction.append(name(decision.event), decision.request, decision_payload(decision.reason));
  storage.run("UPDATE requests SET state = $1, reason = $2, changed = $3 WHERE id = $4",
              {name(*state), std::string_view(decision.reason), seq, decision.request});
}

/// The enrolment that the next release belongs to, which has room for it.
std::int64_t enrolment_for(WriteTransaction& transaction, const BatchPlan& plan) {
  const BudgetUse budget = read_budget(transaction.storage());
  if (plan.enrolment) {
    add_enrolment(transaction, budget.enrolment + 1, *plan.enrolment);
    return budget.enrolment + 1;
  }
  if (budget.spent()) {
    throw UsageError(fmt::format("the budget of {} releases is spent", *budget.releases),
                     transaction.storage().where(), "enrol the model anew");
  }
  return budget.enrolment;
}

void add_requests_to_batch(Storage& storage, std::int64_t number,
                           std::span<const std::int64_t> requests) {
  for (const std::int64_t id : requests) {
    const DecidedRequest request = find_request(storage, id);
    if (request.state != RequestState::kValidated) {
      throw UsageError(fmt::format("request {} is {}, not validated", id, name(request.state)));
    }
    storage.run("UPDATE requests SET batch = $1 WHERE id = $2", {number, id});
  }
  if (storage.number("SELECT count(*) - count(DISTINCT r.row_hash) FROM requests q "
                     "JOIN request_rows r ON r.request = q.id WHERE q.batch = $1",
                     {number}) != 0) {
    throw UsageError("two requests of the batch have a row in common");
  }
  if (storage.number("SELECT count(*) FROM requests q JOIN request_rows r ON r.request = q.id "
                     "JOIN erased_rows e ON e.row_hash = r.row_hash WHERE q.batch = $1",
                     {number}) != 0) {
    throw UsageError("a request of the batch names a row that is erased already");
  }
}

void add_chunks(Storage& storage, std::int64_t number, std::span<const ChunkHash> chunks) {
  for (const ChunkHash& chunk : chunks) {
    storage.run("INSERT INTO chunks (batch, file, chunk, hash) VALUES ($1, $2, $3, $4)",
                {number, std::string_view(chunk.file), chunk.chunk, ByteView(chunk.hash)});
  }
}

/// @throws NotFoundError; UsageError unless the batch is in this stage.
Batch batch_in(Storage& storage, std::int64_t number, BatchStage stage) {
  const auto batch = read_batch(storage, number);
  if (!batch) throw NotFoundError(fmt::format("there is no batch {}", number), storage.where());
  if (batch->stage != stage) {
    throw UsageError(
        fmt::format("batch {} is {}, not {}", number, name(batch->stage), name(stage)));
  }
  return *batch;
}

/// Moves the batch and all its requests on, with one event for all of them.
void advance(WriteTransaction& transaction, std::int64_t number, BatchStage stage,
             std::string_view payload) {
  Storage& storage = transaction.storage();
  const std::int64_t seq = transaction.append(name(stage), number, payload);
  const bool done = stage == BatchStage::kCertified;
  storage.run("UPDATE batches SET stage = $1, open = $2 WHERE number = $3",
              {name(stage), done ? SqlValue() : SqlValue(std::int64_t{1}), number});
  // The stages after prepared have the names of the states that their requests are then in.
  storage.run("UPDATE requests SET state = $1, changed = $2 WHERE batch = $3",
              {name(stage), seq, number});
}

void record_checkpoint(WriteTransaction& transaction, const CheckpointSigner& sign) {
  Storage& storage = transaction.storage();
  const BudgetUse budget = read_budget(storage);
  Checkpoint checkpoint{.model_id = budget.model_id,
                        .event = transaction.head().events,
                        .hash = transaction.head().hash,
                        .releases = budget.used,
                        .signature = {}};
  checkpoint.signature = sign(checkpoint_statement(checkpoint));
  storage.run(
      "INSERT INTO checkpoints (event, model_id, hash, releases, signature) "
      "VALUES ($1, $2, $3, $4, $5)",
      {checkpoint.event, std::string_view(checkpoint.model_id), ByteView(checkpoint.hash),
       checkpoint.releases, ByteView(checkpoint.signature)});
  transaction.append(kCheckpoint, checkpoint.event, checkpoint_payload(checkpoint));
}

}  // namespace

std::vector<Receipt> Ledger::receive(std::span<const Submission> submissions) {
  const auto where = [&](std::size_t i) {
    return fmt::format("submission {} of {}", i + 1, submissions.size());
  };
  for (std::size_t i = 0; i < submissions.size(); ++i) check_submission(submissions[i], where(i));
  WriteTransaction transaction(impl_->writable(), impl_->token);
  Storage& storage = transaction.storage();
  std::int64_t last = storage.number("SELECT coalesce(max(id), 0) FROM requests");
  const std::int64_t before = last;
  std::vector<Receipt> receipts;
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    auto receipt = former_receipt(storage, submissions[i], where(i));
    if (!receipt) {
      add_request(transaction, ++last, submissions[i]);
      receipt = Receipt{.request = last};
    }
    receipts.push_back(*receipt);
  }
  if (last != before) transaction.commit();
  return receipts;
}

void Ledger::decide(std::span<const Decision> decisions) {
  WriteTransaction transaction(impl_->writable(), impl_->fence());
  for (const Decision& decision : decisions) decide_one(transaction, decision);
  if (!decisions.empty()) transaction.commit();
}

std::int64_t Ledger::prepare(const BatchPlan& plan) {
  check_plan(plan);
  WriteTransaction transaction(impl_->writable(), impl_->fence());
  Storage& storage = transaction.storage();
  if (const auto open = read_open_batch(storage)) {
    throw UsageError(fmt::format("batch {} is not finished", *open), storage.where(),
                     "finish it first");
  }
  const std::int64_t last = read_last_batch(storage), number = last + 1;
  if (plan.after && *plan.after != last) {
    throw BusyError(fmt::format("batch {} was made from what is older than batch {}", number, last),
                    storage.where(), "open it again");
  }
  const std::int64_t enrolment = enrolment_for(transaction, plan);
  const std::vector<std::int64_t> requests = sorted(plan.requests);
  std::vector<ChunkHash> chunks = plan.chunks;
  sort_chunks(chunks);
  storage.run(
      "INSERT INTO batches (number, enrolment, stage, open, plan) VALUES ($1, $2, $3, 1, $4)",
      {number, enrolment, name(BatchStage::kPrepared), bytes_of(plan.plan)});
  add_requests_to_batch(storage, number, requests);
  add_chunks(storage, number, chunks);
  transaction.append(kPrepared, number, prepared_payload(enrolment, plan.plan, requests, chunks));
  transaction.commit();
  return number;
}

void Ledger::mark_applied(std::int64_t batch) {
  WriteTransaction transaction(impl_->writable(), impl_->fence());
  Storage& storage = transaction.storage();
  static_cast<void>(batch_in(storage, batch, BatchStage::kPrepared));
  storage.run(
      "INSERT INTO erased_rows (row_hash, batch) SELECT r.row_hash, q.batch FROM requests q "
      "JOIN request_rows r ON r.request = q.id WHERE q.batch = $1 ORDER BY r.row_hash",
      {batch});
  advance(transaction, batch, BatchStage::kApplied,
          applied_payload(read_rows_of_batch(storage, batch)));
  transaction.commit();
}

void Ledger::seal(std::int64_t batch, const SealedRelease& release) {
  check_release(release);
  WriteTransaction transaction(impl_->writable(), impl_->fence());
  Storage& storage = transaction.storage();
  const Batch applied = batch_in(storage, batch, BatchStage::kApplied);
  const BudgetUse budget = read_budget(storage);
  if (budget.spent()) {
    throw UsageError(fmt::format("the budget of {} releases is spent", *budget.releases),
                     storage.where());
  }
  Release sealed{release, batch, applied.enrolment, budget.used + 1};
  const Digest noise = noise_hash(release.noise);
  storage.run(
      "INSERT INTO releases (batch, enrolment, release, parameters_hash, certificate, annex, "
      "noise_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {batch, sealed.enrolment, sealed.release, ByteView(sealed.parameters_hash),
       bytes_of(sealed.certificate), bytes_of(sealed.annex), ByteView(noise)});
  if (!release.noise.empty()) {
    storage.run("INSERT INTO sealed_noise (batch, noise) VALUES ($1, $2)",
                {batch, bytes_of(release.noise)});
  }
  advance(transaction, batch, BatchStage::kNoised, noised_payload(sealed, noise));
  transaction.commit();
}

void Ledger::mark_released(std::int64_t batch) {
  WriteTransaction transaction(impl_->writable(), impl_->fence());
  static_cast<void>(batch_in(transaction.storage(), batch, BatchStage::kNoised));
  advance(transaction, batch, BatchStage::kReleased, kEmptyPayload);
  transaction.commit();
}

void Ledger::mark_certified(std::int64_t batch, const CheckpointSigner& sign) {
  if (!sign) throw UsageError("a checkpoint needs a signer");
  Storage& storage = impl_->writable();
  WriteTransaction transaction(storage, impl_->fence());
  static_cast<void>(batch_in(storage, batch, BatchStage::kReleased));
  storage.run("DELETE FROM sealed_noise WHERE batch = $1", {batch});
  advance(transaction, batch, BatchStage::kCertified, kEmptyPayload);
  record_checkpoint(transaction, sign);
  transaction.commit();
  try_to_scrub(storage);
}

}  // namespace recant

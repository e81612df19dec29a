// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <utility>

#include "chain.hpp"
#include "ledger_impl.hpp"
#include "names.hpp"
#include "payload.hpp"
#include "recant/ledger/ledger.hpp"
#include "records.hpp"

namespace recant {
namespace {

constexpr std::int64_t kPage = 4096;

/// The first thing that does not fit; caught by Ledger::check alone.
struct Misfit {
  std::string what;
};

template <class... Arguments>
void require(bool fits, fmt::format_string<Arguments...> what, Arguments&&... arguments) {
  if (!fits) throw Misfit{fmt::format(what, std::forward<Arguments>(arguments)...)};
}

Digest payload_hash(std::string_view payload) {
  return DomainHash("recant.payload/1").text(payload).finish();
}

/// What the events say of a request.
struct ReplayedRequest {
  RequestState state = RequestState::kReceived;
  std::int64_t received = 0, changed = 0;
  std::optional<std::int64_t> batch;
  Digest receipt{};                                      ///< hash of the payload of `received`
  Digest decision = payload_hash(decision_payload({}));  ///< .. and of the last decision
};

/// Goes through the events in order and knows after each what the tables must hold. Batches, which
/// are few, are compared as their events pass; requests all together at the end.
class Replay {
 public:
  Replay(Storage& storage, const CheckpointVerifier& verify) : storage_(storage), verify_(verify) {}

  void run();
  [[nodiscard]] LedgerCheck result() const {
    return {.events = seq_,
            .requests = static_cast<std::int64_t>(requests_.size()),
            .batches = batch_ + 1,
            .checkpoints = checkpoints_,
            .fault = {}};
  }

 private:
  void follow_chain(const LedgerEvent& event);
  void take(const LedgerEvent& event);
  void enrol(const LedgerEvent& event);
  void acquire(const LedgerEvent& event);
  void receive(const LedgerEvent& event);
  void decide(const LedgerEvent& event, RequestEvent what);
  void prepare(const LedgerEvent& event);
  void advance(const LedgerEvent& event, BatchStage stage);
  void apply(const LedgerEvent& event);
  void seal(const LedgerEvent& event);
  void checkpoint(const LedgerEvent& event);

  void compare_end();
  void compare_counts();
  void compare_requests();
  void compare_batches();
  void compare_noise();
  void expect_payload(const LedgerEvent& event, std::string_view payload) const;

  Storage& storage_;
  const CheckpointVerifier& verify_;
  std::int64_t seq_ = 0, writer_ = 0;
  Digest hash_{};
  std::vector<ReplayedRequest> requests_;
  std::int64_t batch_ = -1;            ///< the last
  std::optional<BatchStage> stage_;    ///< of the last, while it is open
  std::vector<std::int64_t> members_;  ///< its requests
  std::int64_t enrolment_ = 0, used_ = 0;
  EnrolmentRecord enrolled_;
  std::int64_t releases_ = 0, erased_ = 0, chunks_ = 0, checkpoints_ = 0, certified_ = 0,
               requested_rows_ = 0;
};

void Replay::run() {
  while (true) {
    const auto page = read_events(storage_, seq_, kPage);
    if (page.empty()) break;
    for (const LedgerEvent& event : page) {
      follow_chain(event);
      take(event);
      seq_ = event.seq;
      hash_ = event.hash;
    }
  }
  compare_end();
  compare_requests();
  compare_batches();
  compare_noise();
  compare_counts();
}

void Replay::follow_chain(const LedgerEvent& event) {
  require(event.seq == seq_ + 1, "event {} is missing", seq_ + 1);
  require(event.former == hash_, "event {} does not follow the one before it", event.seq);
  require(event_hash(event) == event.hash, "event {} does not have the hash of its contents",
          event.seq);
}

void Replay::take(const LedgerEvent& event) {
  if (event.kind == kEnrolled) return enrol(event);
  if (event.kind == kAcquired) return acquire(event);
  if (event.kind == kReceived) return receive(event);
  if (event.kind == kPrepared) return prepare(event);
  if (event.kind == kCheckpoint) return checkpoint(event);
  if (const auto stage = named<BatchStage>(event.kind, kBatchStages)) return advance(event, *stage);
  const auto decision = named<RequestEvent>(event.kind, kRequestEvents);
  require(decision.has_value(), "event {} is of no known kind", event.seq);
  decide(event, *decision);
}

void Replay::expect_payload(const LedgerEvent& event, std::string_view payload) const {
  require(event.payload == payload, "event {} ({}) does not fit what the tables hold", event.seq,
          event.kind);
}

void Replay::enrol(const LedgerEvent& event) {
  require(event.subject == enrolment_ + 1 && !stage_, "event {}: enrolments are out of order",
          event.seq);
  const auto enrolment = read_enrolment(storage_, event.subject);
  require(enrolment.has_value(), "enrolment {} is missing", event.subject);
  expect_payload(event, enrolled_payload(*enrolment));
  enrolment_ = event.subject;
  enrolled_ = *enrolment;
  used_ = 0;
}

void Replay::acquire(const LedgerEvent& event) {
  require(event.subject == writer_ + 1, "event {}: writers are out of order", event.seq);
  expect_payload(event, kEmptyPayload);
  writer_ = event.subject;
}

void Replay::receive(const LedgerEvent& event) {
  require(event.subject == static_cast<std::int64_t>(requests_.size()) + 1,
          "event {}: requests are out of order", event.seq);
  requests_.push_back({.received = event.seq,
                       .changed = event.seq,
                       .batch = {},
                       .receipt = payload_hash(event.payload)});
}

void Replay::decide(const LedgerEvent& event, RequestEvent what) {
  require(event.subject >= 1 && event.subject <= static_cast<std::int64_t>(requests_.size()),
          "event {} is about a request that was not received", event.seq);
  ReplayedRequest& request = requests_[static_cast<std::size_t>(event.subject - 1)];
  const auto state = next_state(request.state, what);
  require(state && !request.batch, "event {}: request {} cannot become {} from {}", event.seq,
          event.subject, event.kind, name(request.state));
  request.state = *state;
  request.changed = event.seq;
  request.decision = payload_hash(event.payload);
}

void Replay::prepare(const LedgerEvent& event) {
  require(event.subject == batch_ + 1 && !stage_, "event {}: batches are out of order", event.seq);
  require(!enrolled_.releases || used_ < *enrolled_.releases,
          "event {}: batch {} goes beyond the budget", event.seq, event.subject);
  const auto batch = read_batch(storage_, event.subject);
  require(batch.has_value(), "batch {} is missing", event.subject);
  require(batch->enrolment == enrolment_, "batch {} is of another enrolment", event.subject);
  const auto chunks = read_chunks_of_batch(storage_, event.subject);
  expect_payload(event, prepared_payload(batch->enrolment, batch->plan, batch->requests, chunks));
  for (const std::int64_t id : batch->requests) {
    require(id >= 1 && id <= static_cast<std::int64_t>(requests_.size()),
            "batch {} carries out a request that was not received", event.subject);
    ReplayedRequest& request = requests_[static_cast<std::size_t>(id - 1)];
    require(request.state == RequestState::kValidated && !request.batch,
            "batch {} carries out request {}, which is not validated", event.subject, id);
    request.batch = event.subject;
  }
  batch_ = event.subject;
  stage_ = BatchStage::kPrepared;
  members_ = batch->requests;
  chunks_ += static_cast<std::int64_t>(chunks.size());
}

void Replay::advance(const LedgerEvent& event, BatchStage stage) {
  require(
      stage_ && event.subject == batch_ && static_cast<int>(stage) == static_cast<int>(*stage_) + 1,
      "event {}: batch {} cannot be {} now", event.seq, event.subject, event.kind);
  if (stage == BatchStage::kApplied) {
    apply(event);
  } else if (stage == BatchStage::kNoised) {
    seal(event);
  } else {
    expect_payload(event, kEmptyPayload);
  }
  const auto what = named<RequestEvent>(event.kind, kRequestEvents);
  for (const std::int64_t id : members_) {
    ReplayedRequest& request = requests_[static_cast<std::size_t>(id - 1)];
    request.state = next_state(request.state, *what).value();
    request.changed = event.seq;
  }
  stage_ = stage;
  if (stage == BatchStage::kCertified) {
    stage_.reset();
    ++certified_;
  }
}

void Replay::apply(const LedgerEvent& event) {
  const auto rows = read_rows_of_batch(storage_, batch_);
  expect_payload(event, applied_payload(rows));
  std::vector<Digest> erased;
  storage_.run("SELECT row_hash FROM erased_rows WHERE batch = $1 ORDER BY row_hash", {batch_},
               [&](const SqlRow& row) { erased.push_back(row.digest(0)); });
  require(erased == rows, "the rows that batch {} erased are not those of its requests", batch_);
  erased_ += static_cast<std::int64_t>(erased.size());
}

void Replay::seal(const LedgerEvent& event) {
  const auto release = read_release(storage_, batch_);
  require(release.has_value(), "the release of batch {} is missing", batch_);
  require(release->enrolment == enrolment_ && release->release == used_ + 1,
          "the release of batch {} is out of order", batch_);
  std::optional<Digest> noise;
  storage_.run("SELECT noise_hash FROM releases WHERE batch = $1", {batch_},
               [&](const SqlRow& row) { noise = row.digest(0); });
  expect_payload(event, noised_payload(*release, *noise));
  ++used_;
  ++releases_;
}

void Replay::checkpoint(const LedgerEvent& event) {
  require(event.subject == seq_, "event {}: a checkpoint is not of the event before it", event.seq);
  const auto found = read_checkpoint_row(storage_, event.subject);
  require(found.has_value(), "the checkpoint of event {} is missing", event.subject);
  expect_payload(event, checkpoint_payload(*found));
  require(found->hash == event.former && found->releases == used_ &&
              found->model_id == enrolled_.model_id,
          "the checkpoint of event {} states something else than the events", event.subject);
  require(!verify_ || verify_(checkpoint_statement(*found), found->signature),
          "the signature of the checkpoint of event {} is not by the key of the model",
          event.subject);
  ++checkpoints_;
}

void Replay::compare_end() {
  const Head head = read_head(storage_);
  require(head.events == seq_ && head.hash == hash_, "the chain does not end where it should");
  require(head.writer == writer_, "the writer's token is not the one last given");
}

void Replay::compare_requests() {
  for (std::int64_t first = 1; first <= static_cast<std::int64_t>(requests_.size());
       first += kPage) {
    std::map<std::int64_t, std::vector<Digest>> rows;
    storage_.run(
        "SELECT request, row_hash FROM request_rows WHERE request >= $1 AND request < $2 "
        "ORDER BY request, row_hash",
        {first, first + kPage},
        [&](const SqlRow& row) { rows[row.integer(0)].push_back(row.digest(1)); });
    std::int64_t next = first;
    storage_.run(
        "SELECT id, key, content, parameters, state, reason, batch, received, changed "
        "FROM requests WHERE id >= $1 AND id < $2 ORDER BY id",
        {first, first + kPage}, [&](const SqlRow& row) {
          const std::int64_t id = row.integer(0);
          require(id == next, "request {} is missing", next);
          ++next;
          const ReplayedRequest& request = requests_[static_cast<std::size_t>(id - 1)];
          const std::string receipt =
              received_payload(row.digest(1), row.digest(2), row.blob(3), rows[id]);
          requested_rows_ += static_cast<std::int64_t>(rows[id].size());
          require(payload_hash(receipt) == request.receipt,
                  "request {} is not the one that was received", id);
          require(state_of(row, 4, storage_) == request.state &&
                      row.integer(7) == request.received && row.integer(8) == request.changed &&
                      row.optional_integer(6) == request.batch,
                  "request {} is not in the state that its events lead to", id);
          require(payload_hash(decision_payload(row.text(5))) == request.decision,
                  "request {} has another reason than its last decision", id);
        });
    const auto end = std::min(first + kPage, static_cast<std::int64_t>(requests_.size()) + 1);
    require(next == end, "request {} is missing", next);
  }
}

void Replay::compare_batches() {
  std::int64_t next = 0;
  storage_.run("SELECT number, stage, open FROM batches ORDER BY number", {},
               [&](const SqlRow& row) {
                 const std::int64_t number = row.integer(0);
                 require(number == next, "batch {} is missing", next);
                 ++next;
                 const bool open = stage_ && number == batch_;
                 require(row.text(1) == name(open ? *stage_ : BatchStage::kCertified) &&
                             row.optional_integer(2).has_value() == open,
                         "batch {} is not in the stage that its events lead to", number);
               });
  require(next == batch_ + 1, "there are batches without events");
}

void Replay::compare_noise() {
  const bool sealed =
      stage_ && (*stage_ == BatchStage::kNoised || *stage_ == BatchStage::kReleased);
  std::int64_t count = 0;
  storage_.run(
      "SELECT n.batch, n.noise, r.noise_hash FROM sealed_noise n "
      "JOIN releases r ON r.batch = n.batch",
      {}, [&](const SqlRow& row) {
        ++count;
        require(sealed && row.integer(0) == batch_, "sealed noise was not wiped");
        const std::string noise = row.blob(1);
        require(!noise.empty() && noise_hash(noise) == row.digest(2),
                "the sealed noise of batch {} is not the one that was sealed", batch_);
      });
  if (!sealed || count == 1) return;
  storage_.run(
      "SELECT noise_hash FROM releases WHERE batch = $1", {batch_}, [&](const SqlRow& row) {
        require(row.digest(0) == noise_hash({}), "the sealed noise of batch {} is missing", batch_);
      });
}

/// Nothing is there that no event speaks of.
void Replay::compare_counts() {
  const auto expect = [&](std::string_view table, std::int64_t found, std::int64_t wanted) {
    require(found == wanted, "the table {} holds {} rows, but the events account for {}", table,
            found, wanted);
  };
  expect("requests", storage_.number("SELECT count(*) FROM requests"),
         static_cast<std::int64_t>(requests_.size()));
  expect("request_rows", storage_.number("SELECT count(*) FROM request_rows"), requested_rows_);
  expect("erased_rows", storage_.number("SELECT count(*) FROM erased_rows"), erased_);
  expect("chunks", storage_.number("SELECT count(*) FROM chunks"), chunks_);
  expect("enrolments", storage_.number("SELECT count(*) FROM enrolments"), enrolment_);
  expect("releases", storage_.number("SELECT count(*) FROM releases"), releases_);
  expect("checkpoints", storage_.number("SELECT count(*) FROM checkpoints"), checkpoints_);
  require(checkpoints_ == certified_, "a certified batch has no checkpoint");
}

}  // namespace

LedgerCheck Ledger::check(const CheckpointVerifier& verify) const {
  return impl_->read([&](Storage& storage) {
    Replay replay(storage, verify);
    std::optional<std::string> fault;
    try {
      fault = storage.own_fault();
      if (!fault) replay.run();
    } catch (const Misfit& misfit) {
      fault = misfit.what;
    } catch (const DamagedError& error) {
      fault = error.message();
    }
    if (fault) storage.require_still();
    LedgerCheck result = replay.result();
    result.fault = fault;
    return result;
  });
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "records.hpp"

#include <algorithm>
#include <tuple>

#include "names.hpp"

namespace recant {
namespace {

/// Numbers are given one after another, from 0 or 1: no ledger gets so far, and one can be added.
void check_number(std::int64_t number, const Storage& storage) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  if (number < 0 || number > kMost) storage.damaged("the ledger holds a number that it never gave");
}

LedgerEvent event_of(const SqlRow& row) {
  return {.seq = row.integer(0),
          .at = ledger_time(row.integer(1)),
          .kind = row.text(2),
          .subject = row.integer(3),
          .payload = row.text(4),
          .former = row.digest(5),
          .hash = row.digest(6)};
}

std::vector<Digest> read_digests(Storage& storage, std::string_view sql, std::int64_t value) {
  std::vector<Digest> digests;
  storage.run(sql, {value}, [&](const SqlRow& row) { digests.push_back(row.digest(0)); });
  return digests;
}

}  // namespace

LedgerTime ledger_time(std::int64_t microseconds) {
  return LedgerTime(std::chrono::microseconds(microseconds));
}

Head read_head(Storage& storage) {
  std::optional<Head> head;
  storage.run("SELECT events, hash, writer FROM ledger", {}, [&](const SqlRow& row) {
    head = Head{.events = row.integer(0), .hash = row.digest(1), .writer = row.integer(2)};
  });
  if (!head) storage.damaged("the ledger lacks the row that says where it ends");
  check_number(head->events, storage);
  check_number(head->writer, storage);
  return *head;
}

std::vector<LedgerEvent> read_events(Storage& storage, std::int64_t after, std::int64_t limit) {
  std::vector<LedgerEvent> events;
  storage.run(
      "SELECT seq, at, kind, subject, payload, former, hash FROM events WHERE seq > $1 "
      "ORDER BY seq LIMIT $2",
      {after, limit}, [&](const SqlRow& row) { events.push_back(event_of(row)); });
  return events;
}

std::optional<LedgerEvent> read_event(Storage& storage, std::int64_t seq) {
  std::optional<LedgerEvent> event;
  storage.run("SELECT seq, at, kind, subject, payload, former, hash FROM events WHERE seq = $1",
              {seq}, [&](const SqlRow& row) { event = event_of(row); });
  return event;
}

RequestState state_of(const SqlRow& row, int column, const Storage& storage) {
  const auto state = named<RequestState>(row.text(column), kRequestStates);
  if (!state) storage.damaged("the ledger holds a request in a state that does not exist");
  return *state;
}

std::optional<Request> read_request(Storage& storage, std::int64_t id) {
  std::optional<Request> request;
  storage.run(
      "SELECT r.id, r.key, r.content, r.parameters, r.state, r.reason, r.batch, e.at, f.at "
      "FROM requests r JOIN events e ON e.seq = r.received JOIN events f ON f.seq = r.changed "
      "WHERE r.id = $1",
      {id}, [&](const SqlRow& row) {
        request = Request{.id = row.integer(0),
                          .key = row.digest(1),
                          .content = row.digest(2),
                          .parameters = row.blob(3),
                          .state = state_of(row, 4, storage),
                          .reason = row.text(5),
                          .batch = row.optional_integer(6),
                          .received_at = ledger_time(row.integer(7)),
                          .changed_at = ledger_time(row.integer(8))};
      });
  return request;
}

std::vector<Digest> read_rows_of_request(Storage& storage, std::int64_t id) {
  return read_digests(storage,
                      "SELECT row_hash FROM request_rows WHERE request = $1 ORDER BY row_hash", id);
}

std::optional<Batch> read_batch(Storage& storage, std::int64_t number) {
  std::optional<Batch> batch;
  std::string stage;
  storage.run("SELECT number, enrolment, stage, plan FROM batches WHERE number = $1", {number},
              [&](const SqlRow& row) {
                batch = Batch{.number = row.integer(0),
                              .enrolment = row.integer(1),
                              .plan = row.blob(3),
                              .requests = {}};
                stage = row.text(2);
              });
  if (!batch) return batch;
  const auto known = named<BatchStage>(stage, kBatchStages);
  if (!known) storage.damaged("the ledger holds a batch in a stage that does not exist");
  batch->stage = *known;
  storage.run("SELECT id FROM requests WHERE batch = $1 ORDER BY id", {number},
              [&](const SqlRow& row) { batch->requests.push_back(row.integer(0)); });
  return batch;
}

std::optional<std::int64_t> read_open_batch(Storage& storage) {
  std::optional<std::int64_t> number;
  storage.run("SELECT number FROM batches WHERE open = 1", {},
              [&](const SqlRow& row) { number = row.integer(0); });
  return number;
}

std::int64_t read_last_batch(Storage& storage) {
  const std::int64_t last = storage.number("SELECT coalesce(max(number), -1) FROM batches");
  if (last != -1) check_number(last, storage);
  return last;
}

std::vector<Digest> read_rows_of_batch(Storage& storage, std::int64_t number) {
  return read_digests(storage,
                      "SELECT r.row_hash FROM requests q JOIN request_rows r ON r.request = q.id "
                      "WHERE q.batch = $1 ORDER BY r.row_hash",
                      number);
}

std::vector<ChunkHash> read_chunks_of_batch(Storage& storage, std::int64_t number) {
  std::vector<ChunkHash> chunks;
  storage.run(
      "SELECT file, chunk, hash FROM chunks WHERE batch = $1", {number}, [&](const SqlRow& row) {
        chunks.push_back({.file = row.text(0), .chunk = row.integer(1), .hash = row.digest(2)});
      });
  sort_chunks(chunks);
  return chunks;
}

std::optional<Release> read_release(Storage& storage, std::int64_t batch) {
  std::optional<Release> release;
  storage.run(
      "SELECT r.batch, r.enrolment, r.release, r.parameters_hash, r.certificate, r.annex, "
      "coalesce(n.noise, $2) FROM releases r LEFT JOIN sealed_noise n ON n.batch = r.batch "
      "WHERE r.batch = $1",
      {batch, ByteView()}, [&](const SqlRow& row) {
        release.emplace();
        release->batch = row.integer(0);
        release->enrolment = row.integer(1);
        release->release = row.integer(2);
        release->parameters_hash = row.digest(3);
        release->certificate = row.blob(4);
        release->annex = row.blob(5);
        release->noise = row.blob(6);
      });
  return release;
}

std::optional<EnrolmentRecord> read_enrolment(Storage& storage, std::int64_t number) {
  std::optional<EnrolmentRecord> enrolment;
  storage.run("SELECT model_id, releases, statement FROM enrolments WHERE number = $1", {number},
              [&](const SqlRow& row) {
                enrolment = EnrolmentRecord{.model_id = row.text(0),
                                            .releases = row.optional_integer(1),
                                            .statement = row.blob(2)};
              });
  return enrolment;
}

BudgetUse read_budget(Storage& storage) {
  BudgetUse budget;
  budget.enrolment = storage.number("SELECT coalesce(max(number), 0) FROM enrolments");
  check_number(budget.enrolment, storage);
  const auto enrolment = read_enrolment(storage, budget.enrolment);
  if (!enrolment) storage.damaged("the ledger lacks the enrolment of its model");
  budget.model_id = enrolment->model_id;
  budget.statement = enrolment->statement;
  budget.releases = enrolment->releases;
  // They are numbered from 1, without gaps: no need to count them.
  budget.used = storage.number(
      "SELECT coalesce(max(release), 0) FROM releases WHERE enrolment = $1", {budget.enrolment});
  check_number(budget.used, storage);
  return budget;
}

std::optional<Checkpoint> read_checkpoint_row(Storage& storage, std::int64_t event) {
  std::optional<Checkpoint> checkpoint;
  storage.run("SELECT event, model_id, hash, releases, signature FROM checkpoints WHERE event = $1",
              {event}, [&](const SqlRow& row) {
                const std::string signature = row.blob(4);
                checkpoint = Checkpoint{.model_id = row.text(1),
                                        .event = row.integer(0),
                                        .hash = row.digest(2),
                                        .releases = row.integer(3),
                                        .signature = {signature.begin(), signature.end()}};
              });
  return checkpoint;
}

void sort_chunks(std::vector<ChunkHash>& chunks) {
  std::ranges::sort(chunks, {}, [](const ChunkHash& c) { return std::tie(c.file, c.chunk); });
}

}  // namespace recant

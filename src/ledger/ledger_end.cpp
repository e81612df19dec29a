// SPDX-License-Identifier: Apache-2.0
#include "ledger_end.hpp"

#include "chain.hpp"
#include "names.hpp"
#include "payload.hpp"
#include "records.hpp"

namespace recant {
namespace {

void require(bool fits, const Storage& storage) {
  if (fits) return;
  storage.damaged("the ledger is damaged: its tables are not as its last events left them");
}

/// The event that last changed the request of number `id`; 0 without one.
std::int64_t last_change(Storage& storage, std::int64_t id) {
  return storage.number("SELECT coalesce(max(changed), 0) FROM requests WHERE id = $1", {id});
}

/// The last event changed what it is about.
void check_effect(Storage& storage, const LedgerEvent& event) {
  const std::int64_t subject = event.subject;
  if (event.kind == kAcquired) return;  // it stands where the chain's end does
  if (event.kind == kEnrolled) {
    require(subject == storage.number("SELECT coalesce(max(number), 0) FROM enrolments"), storage);
  } else if (event.kind == kCheckpoint) {
    require(subject == storage.number("SELECT coalesce(max(event), 0) FROM checkpoints"), storage);
  } else if (event.kind == kPrepared || named<BatchStage>(event.kind, kBatchStages)) {
    storage.run("SELECT stage FROM batches WHERE number = $1", {subject},
                [&](const SqlRow& row) { require(row.text(0) == event.kind, storage); });
    require(subject == read_last_batch(storage), storage);
  } else {
    require(last_change(storage, subject) == event.seq, storage);
  }
}

/// The last batch, its release, the last checkpoint and the last request are of events that exist.
void check_last_rows(Storage& storage, const Head& head) {
  const std::int64_t batch = read_last_batch(storage);
  const std::int64_t open = read_open_batch(storage) ? 1 : 0;
  const std::int64_t checkpoint = storage.number("SELECT coalesce(max(event), 0) FROM checkpoints");
  if (const auto certified = read_event(storage, checkpoint)) {
    const auto stated = read_checkpoint_row(storage, checkpoint);
    require(checkpoint < head.events && certified->kind == name(BatchStage::kCertified) &&
                certified->subject == batch - open && stated->hash == certified->hash,
            storage);
  } else {
    require(checkpoint == 0 && batch - open == -1, storage);
  }
  require(storage.number("SELECT coalesce(max(batch), -1) FROM releases") <= batch, storage);
  const std::int64_t request = storage.number("SELECT coalesce(max(id), 0) FROM requests");
  require(last_change(storage, request) <= head.events, storage);
  require(storage.number("SELECT coalesce(max(changed), 0) FROM requests WHERE id = "
                         "(SELECT max(id) FROM requests WHERE batch = $1)",
                         {batch}) <= head.events,
          storage);
}

}  // namespace

void check_end_of_chain(Storage& storage) {
  const Head head = read_head(storage);
  const std::int64_t last = storage.number("SELECT coalesce(max(seq), 0) FROM events");
  const auto event = read_event(storage, head.events);
  if (!event || last != head.events || event->hash != head.hash ||
      event_hash(*event) != head.hash) {
    storage.damaged("the ledger is damaged: its last event is not the one that it ends with");
  }
}

void check_end_of_tables(Storage& storage) {
  const Head head = read_head(storage);
  check_effect(storage, read_event(storage, head.events).value());
  check_last_rows(storage, head);
}

}  // namespace recant

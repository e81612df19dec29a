// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <tuple>

#include "ledger_impl.hpp"
#include "recant/ledger/ledger.hpp"
#include "records.hpp"

namespace recant {
namespace {

template <class T>
T found(std::optional<T> value, std::string_view what, std::int64_t number,
        const Storage& storage) {
  if (value) return *std::move(value);
  throw NotFoundError(fmt::format("there is no {} {}", what, number), storage.where());
}

/// What the ledger itself says is there.
template <class T>
T listed(std::optional<T> value, std::string_view what, std::int64_t number,
         const Storage& storage) {
  if (value) return *std::move(value);
  throw DamagedError(fmt::format("lists {} {} and does not have it", what, number),
                     storage.where());
}

/// The last batch whose rows are gone; -1 without one.
std::int64_t last_applied(Storage& storage) {
  const std::int64_t last = read_last_batch(storage);
  const bool pending =
      storage.number("SELECT count(*) FROM batches WHERE number = $1 AND stage = $2",
                     {last, name(BatchStage::kPrepared)}) != 0;
  return pending ? last - 1 : last;
}

/// The newest hash of each chunk: batches run in the order of their numbers.
std::vector<ChunkHash> read_current_chunks(Storage& storage) {
  std::map<std::tuple<std::string, std::int64_t>, Digest> newest;
  storage.run("SELECT file, chunk, hash FROM chunks WHERE batch <= $1 ORDER BY batch",
              {last_applied(storage)}, [&](const SqlRow& row) {
                newest.insert_or_assign(std::tuple(row.text(0), row.integer(1)), row.digest(2));
              });
  std::vector<ChunkHash> chunks;
  for (const auto& [place, hash] : newest) {
    chunks.push_back({.file = std::get<0>(place), .chunk = std::get<1>(place), .hash = hash});
  }
  return chunks;
}

LedgerStatistics read_statistics(Storage& storage) {
  LedgerStatistics statistics;
  const Head head = read_head(storage);
  statistics.events = head.events;
  statistics.head = head.hash;
  statistics.changed_at =
      listed(read_event(storage, head.events), "event", head.events, storage).at;
  storage.run("SELECT state, count(*) FROM requests GROUP BY state", {}, [&](const SqlRow& row) {
    const auto state = static_cast<std::size_t>(state_of(row, 0, storage));
    statistics.requests[state] = row.integer(1);
  });
  statistics.rows_erased = storage.number("SELECT count(*) FROM erased_rows");
  statistics.batches = read_last_batch(storage) + 1;
  statistics.open_batch = read_open_batch(storage);
  statistics.budget = read_budget(storage);
  return statistics;
}

}  // namespace

std::optional<Request> Ledger::find(const Digest& key) const {
  return impl_->read([&](Storage& storage) -> std::optional<Request> {
    std::optional<std::int64_t> id;
    storage.run("SELECT id FROM requests WHERE key = $1", {ByteView(key)},
                [&](const SqlRow& row) { id = row.integer(0); });
    return id ? read_request(storage, *id) : std::nullopt;
  });
}

Request Ledger::request(std::int64_t id) const {
  return impl_->read(
      [&](Storage& storage) { return found(read_request(storage, id), "request", id, storage); });
}

std::vector<Request> Ledger::requests(RequestState state, std::int64_t after,
                                      std::int64_t limit) const {
  return impl_->read([&](Storage& storage) {
    std::vector<std::int64_t> ids;
    storage.run("SELECT id FROM requests WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3",
                {name(state), after, limit},
                [&](const SqlRow& row) { ids.push_back(row.integer(0)); });
    std::vector<Request> requests;
    for (const std::int64_t id : ids) {
      requests.push_back(listed(read_request(storage, id), "request", id, storage));
    }
    return requests;
  });
}

std::vector<Digest> Ledger::rows_of_request(std::int64_t id) const {
  return impl_->read([&](Storage& storage) {
    auto rows = read_rows_of_request(storage, id);
    if (rows.empty())
      throw NotFoundError(fmt::format("there is no request {}", id), storage.where());
    return rows;
  });
}

bool Ledger::erased(const Digest& row) const {
  return impl_->read([&](Storage& storage) {
    return storage.number("SELECT count(*) FROM erased_rows WHERE row_hash = $1",
                          {ByteView(row)}) != 0;
  });
}

std::vector<Digest> Ledger::erased_rows() const {
  return impl_->read([](Storage& storage) {
    std::vector<Digest> rows;
    storage.run("SELECT row_hash FROM erased_rows ORDER BY row_hash", {},
                [&](const SqlRow& row) { rows.push_back(row.digest(0)); });
    return rows;
  });
}

std::optional<Batch> Ledger::open_batch() const {
  return impl_->read([](Storage& storage) -> std::optional<Batch> {
    const auto number = read_open_batch(storage);
    return number ? read_batch(storage, *number) : std::nullopt;
  });
}

std::optional<Batch> Ledger::last_batch() const {
  return impl_->read(
      [](Storage& storage) { return read_batch(storage, read_last_batch(storage)); });
}

Batch Ledger::batch(std::int64_t number) const {
  return impl_->read([&](Storage& storage) {
    return found(read_batch(storage, number), "batch", number, storage);
  });
}

std::vector<Digest> Ledger::rows_of_batch(std::int64_t number) const {
  return impl_->read([&](Storage& storage) {
    static_cast<void>(found(read_batch(storage, number), "batch", number, storage));
    return read_rows_of_batch(storage, number);
  });
}

std::optional<Release> Ledger::release_of_batch(std::int64_t number) const {
  return impl_->read([&](Storage& storage) { return read_release(storage, number); });
}

std::vector<ChunkHash> Ledger::chunks() const {
  return impl_->read([](Storage& storage) { return read_current_chunks(storage); });
}

std::vector<ChunkHash> Ledger::chunks_of_batch(std::int64_t number) const {
  return impl_->read([&](Storage& storage) {
    static_cast<void>(found(read_batch(storage, number), "batch", number, storage));
    return read_chunks_of_batch(storage, number);
  });
}

BudgetUse Ledger::budget() const {
  return impl_->read([](Storage& storage) { return read_budget(storage); });
}

LedgerStatistics Ledger::statistics() const {
  return impl_->read([](Storage& storage) { return read_statistics(storage); });
}

std::vector<LedgerEvent> Ledger::events(std::int64_t after, std::int64_t limit) const {
  return impl_->read([&](Storage& storage) { return read_events(storage, after, limit); });
}

std::optional<Checkpoint> Ledger::last_checkpoint() const {
  return impl_->read([](Storage& storage) {
    return read_checkpoint_row(storage,
                               storage.number("SELECT coalesce(max(event), 0) FROM checkpoints"));
  });
}

bool Ledger::contains(const Checkpoint& checkpoint) const {
  return impl_->read([&](Storage& storage) {
    const auto event = read_event(storage, checkpoint.event);
    return event && event->hash == checkpoint.hash;
  });
}

}  // namespace recant

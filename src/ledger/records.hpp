// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recant/ledger/ledger.hpp"
#include "storage.hpp"

/// Rows of the tables as the structs of the interface. Each is one statement, within whatever
/// transaction is open.
namespace recant {

/// The row of the table `ledger`.
struct Head {
  std::int64_t events = 0;
  Digest hash{};
  std::int64_t writer = 0;
};
[[nodiscard]] Head read_head(Storage& storage);

/// Events `after` + 1 .. `after` + limit.
[[nodiscard]] std::vector<LedgerEvent> read_events(Storage& storage, std::int64_t after,
                                                   std::int64_t limit);
[[nodiscard]] std::optional<LedgerEvent> read_event(Storage& storage, std::int64_t seq);
[[nodiscard]] LedgerTime ledger_time(std::int64_t microseconds);

[[nodiscard]] std::optional<Request> read_request(Storage& storage, std::int64_t id);
[[nodiscard]] std::vector<Digest> read_rows_of_request(Storage& storage, std::int64_t id);
/// @throws DamagedError for a text that is no state's name.
[[nodiscard]] RequestState state_of(const SqlRow& row, int column, const Storage& storage);

[[nodiscard]] std::optional<Batch> read_batch(Storage& storage, std::int64_t number);
[[nodiscard]] std::optional<std::int64_t> read_open_batch(Storage& storage);
/// -1: there is none.
[[nodiscard]] std::int64_t read_last_batch(Storage& storage);
[[nodiscard]] std::vector<Digest> read_rows_of_batch(Storage& storage, std::int64_t number);
[[nodiscard]] std::vector<ChunkHash> read_chunks_of_batch(Storage& storage, std::int64_t number);
[[nodiscard]] std::optional<Release> read_release(Storage& storage, std::int64_t batch);

[[nodiscard]] std::optional<EnrolmentRecord> read_enrolment(Storage& storage, std::int64_t number);
[[nodiscard]] BudgetUse read_budget(Storage& storage);
[[nodiscard]] std::optional<Checkpoint> read_checkpoint_row(Storage& storage, std::int64_t event);

/// By file, byte by byte, and chunk: databases sort texts by rules of their own.
void sort_chunks(std::vector<ChunkHash>& chunks);

}  // namespace recant

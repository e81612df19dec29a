// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "ledger_impl.hpp"
#include "recant/ledger/ledger.hpp"
#include "schema.hpp"
#include "sqlite_storage.hpp"

namespace recant {
namespace {

struct TableCopy {
  std::string_view read, write;
};

/// In an order in which every row finds what it refers to.
constexpr std::array kCopies = {
    TableCopy{"SELECT one, events, hash, writer FROM ledger",
              "INSERT INTO ledger (one, events, hash, writer) VALUES ($1, $2, $3, $4)"},
    TableCopy{"SELECT seq, at, kind, subject, payload, former, hash FROM events ORDER BY seq",
              "INSERT INTO events (seq, at, kind, subject, payload, former, hash) "
              "VALUES ($1, $2, $3, $4, $5, $6, $7)"},
    TableCopy{"SELECT number, model_id, releases, statement FROM enrolments ORDER BY number",
              "INSERT INTO enrolments (number, model_id, releases, statement) "
              "VALUES ($1, $2, $3, $4)"},
    TableCopy{"SELECT number, enrolment, stage, open, plan FROM batches ORDER BY number",
              "INSERT INTO batches (number, enrolment, stage, open, plan) "
              "VALUES ($1, $2, $3, $4, $5)"},
    TableCopy{"SELECT id, key, content, parameters, state, reason, batch, received, changed "
              "FROM requests ORDER BY id",
              "INSERT INTO requests (id, key, content, parameters, state, reason, batch, received, "
              "changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
    TableCopy{"SELECT request, row_hash FROM request_rows ORDER BY request, row_hash",
              "INSERT INTO request_rows (request, row_hash) VALUES ($1, $2)"},
    TableCopy{"SELECT row_hash, batch FROM erased_rows ORDER BY row_hash",
              "INSERT INTO erased_rows (row_hash, batch) VALUES ($1, $2)"},
    TableCopy{"SELECT batch, file, chunk, hash FROM chunks ORDER BY batch, file, chunk",
              "INSERT INTO chunks (batch, file, chunk, hash) VALUES ($1, $2, $3, $4)"},
    TableCopy{"SELECT batch, enrolment, release, parameters_hash, certificate, annex, noise_hash "
              "FROM releases ORDER BY batch",
              "INSERT INTO releases (batch, enrolment, release, parameters_hash, certificate, "
              "annex, noise_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)"},
    TableCopy{"SELECT batch, noise FROM sealed_noise ORDER BY batch",
              "INSERT INTO sealed_noise (batch, noise) VALUES ($1, $2)"},
    TableCopy{"SELECT event, model_id, hash, releases, signature FROM checkpoints ORDER BY event",
              "INSERT INTO checkpoints (event, model_id, hash, releases, signature) "
              "VALUES ($1, $2, $3, $4, $5)"},
};
constexpr int kMostColumns = 9;

/// How many columns a statement of kCopies has: as many as values.
int columns_of(const TableCopy& copy) {
  int columns = 0;
  while (columns < kMostColumns &&
         copy.write.find(fmt::format("${}", columns + 1)) != std::string_view::npos) {
    ++columns;
  }
  return columns;
}

void copy_rows(Storage& from, Storage& to) {
  Transaction transaction(to, LedgerAccess::kWrite);
  migrate(to, schema_steps());
  for (const TableCopy& copy : kCopies) {
    const int columns = columns_of(copy);
    from.run(copy.read, {}, [&](const SqlRow& row) {
      std::array<SqlValue, kMostColumns> values;
      for (int i = 0; i < columns; ++i) values[static_cast<std::size_t>(i)] = row.value(i);
      to.run(copy.write, std::span(values).first(static_cast<std::size_t>(columns)),
             [](const SqlRow&) {});
    });
  }
  transaction.commit();
}

}  // namespace

void Ledger::backup_to(const std::filesystem::path& path) const {
  // What comes before the damage is an older ledger, and would be taken for this one.
  Storage& original = impl_->storage();
  if (const auto fault = original.log_fault()) original.damaged(*fault);
  if (!impl_->reading_together && original.copy_file(path)) return;
  static_cast<void>(impl_->read([&](Storage& storage) {
    const auto copy = open_sqlite(path, StorageMode::kCreate);
    copy_rows(storage, *copy);
    return copy->scrub();
  }));
}

}  // namespace recant

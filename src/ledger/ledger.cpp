// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/ledger.hpp"

#include <fmt/format.h>

#include "argument.hpp"
#include "ledger_end.hpp"
#include "ledger_impl.hpp"
#include "payload.hpp"
#include "postgresql_storage.hpp"
#include "records.hpp"
#include "schema.hpp"
#include "write_transaction.hpp"

namespace recant {
namespace {

/// Readers go on with tables that do not fit: Ledger::check says what does not.
void check_end(Storage& storage, LedgerAccess access) {
  const Transaction moment(storage, LedgerAccess::kRead);
  check_end_of_chain(storage);
  if (access == LedgerAccess::kWrite) check_end_of_tables(storage);
}

void migrate_or_refuse(Storage& storage, LedgerAccess access) {
  const std::int64_t version = storage.format_version();
  if (version == 0) throw NotFoundError("there is no ledger", storage.where());
  if (version < format_version() && access == LedgerAccess::kRead) {
    throw UsageError(fmt::format("the ledger has the older format version {}", version),
                     storage.where(), "open it for writing once, which migrates it");
  }
  if (version == format_version()) return;
  Transaction transaction(storage, access);
  migrate(storage, schema_steps());
  transaction.commit();
}

}  // namespace

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

bool Ledger::on_server(const std::string& location) noexcept {
  return location.starts_with("postgresql://") || location.starts_with("postgres://");
}

void Ledger::check_address(const std::string& location) {
  if (!on_server(location)) {
    throw UsageError("is not an address postgresql://HOST/DATABASE", "the ledger's address",
                     "without one the ledger is a file in the model's folder");
  }
  check_postgresql_address(location);
}

Ledger Ledger::create(const std::string& location, const EnrolmentRecord& enrolment) {
  check_enrolment(enrolment);
  auto storage = open_storage(location, StorageMode::kCreate);
  WriteTransaction transaction(*storage, WriteTransaction::NewLedger());
  add_enrolment(transaction, 1, enrolment);
  transaction.commit();
  try_to_scrub(*storage);
  return Ledger(std::make_unique<Impl>(std::move(storage), LedgerAccess::kWrite));
}

Ledger Ledger::open(const std::string& location, LedgerAccess access) {
  auto storage = open_storage(
      location, access == LedgerAccess::kWrite ? StorageMode::kWrite : StorageMode::kRead);
  storage->read_still([&] {
    migrate_or_refuse(*storage, access);
    check_end(*storage, access);
  });
  return Ledger(std::make_unique<Impl>(std::move(storage), access));
}

std::int64_t Ledger::acquire() {
  Storage& storage = impl_->writable();
  WriteTransaction transaction(storage, std::nullopt);
  const std::int64_t token = transaction.head().writer + 1;
  transaction.append(kAcquired, token, kEmptyPayload);
  transaction.set_writer(token);
  transaction.commit();
  impl_->token = token;
  try_to_scrub(storage);  // what a writer that died had wiped
  return token;
}

bool Ledger::scrub() {
  return impl_->writable().scrub();
}

void Ledger::read_together(const std::function<void()>& read) const {
  if (impl_->reading_together) return read();
  Storage& storage = impl_->storage();
  storage.read_still([&] {
    const Transaction moment(storage, LedgerAccess::kRead);
    impl_->reading_together = true;
    struct End {
      bool& reading;
      ~End() { reading = false; }
    } const end{impl_->reading_together};
    read();
  });
}

}  // namespace recant

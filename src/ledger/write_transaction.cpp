// SPDX-License-Identifier: Apache-2.0
#include "write_transaction.hpp"

#include "chain.hpp"
#include "payload.hpp"
#include "recant/core/error.hpp"
#include "schema.hpp"

namespace recant {

WriteTransaction::WriteTransaction(Storage& storage, std::optional<std::int64_t> token)
    : storage_(storage), transaction_(storage, LedgerAccess::kWrite), head_(read_head(storage)) {
  if (token && *token != head_.writer) {
    throw BusyError("another process has become the writer of the ledger", storage.where(),
                    "open it again");
  }
}

WriteTransaction::WriteTransaction(Storage& storage, NewLedger)
    : storage_(storage), transaction_(storage, LedgerAccess::kWrite) {
  if (storage.format_version() != 0) {
    throw UsageError("there is a ledger already", storage.where(), "choose another place");
  }
  migrate(storage, schema_steps());
  storage.run("INSERT INTO ledger (one, events, hash, writer) VALUES (1, 0, $1, 0)",
              {ByteView(head_.hash)});
}

std::int64_t WriteTransaction::append(std::string_view kind, std::int64_t subject,
                                      std::string_view payload) {
  LedgerEvent event{.seq = head_.events + 1,
                    .at = now_,
                    .kind = std::string(kind),
                    .subject = subject,
                    .payload = std::string(payload),
                    .former = head_.hash};
  event.hash = event_hash(event);
  storage_.run(
      "INSERT INTO events (seq, at, kind, subject, payload, former, hash) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {event.seq, event.at.time_since_epoch().count(), std::string_view(event.kind), event.subject,
       std::string_view(event.payload), ByteView(event.former), ByteView(event.hash)});
  head_.events = event.seq;
  head_.hash = event.hash;
  return event.seq;
}

void WriteTransaction::commit() {
  storage_.run("UPDATE ledger SET events = $1, hash = $2, writer = $3",
               {head_.events, ByteView(head_.hash), head_.writer});
  transaction_.commit();
}

void add_enrolment(WriteTransaction& transaction, std::int64_t number,
                   const EnrolmentRecord& enrolment) {
  transaction.storage().run(
      "INSERT INTO enrolments (number, model_id, releases, statement) VALUES ($1, $2, $3, $4)",
      {number, std::string_view(enrolment.model_id), sql_optional(enrolment.releases),
       bytes_of(enrolment.statement)});
  transaction.append(kEnrolled, number, enrolled_payload(enrolment));
}

bool try_to_scrub(Storage& storage) noexcept {
  try {
    return storage.scrub();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "records.hpp"
#include "storage.hpp"

namespace recant {

/// One change of the ledger: its rows, the events that record it, and the new end of the chain, all
/// or none.
class WriteTransaction {
 public:
  /// With a token: @throws BusyError if it is no longer the writer's.
  WriteTransaction(Storage& storage, std::optional<std::int64_t> token);
  /// Makes the tables first. @throws UsageError if they are there.
  struct NewLedger {};
  WriteTransaction(Storage& storage, NewLedger);

  /// Extends the chain; the event's number.
  std::int64_t append(std::string_view kind, std::int64_t subject, std::string_view payload);
  void set_writer(std::int64_t token) { head_.writer = token; }
  [[nodiscard]] const Head& head() const noexcept { return head_; }
  [[nodiscard]] Storage& storage() const noexcept { return storage_; }

  void commit();

 private:
  Storage& storage_;
  Transaction transaction_;
  Head head_;
  LedgerTime now_ = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
};

/// Adds the enrolment with its event.
void add_enrolment(WriteTransaction& transaction, std::int64_t number,
                   const EnrolmentRecord& enrolment);

/// Storage::scrub() after a commit, which stands whatever becomes of this: what could not be
/// overwritten now is when the next writer comes.
bool try_to_scrub(Storage& storage) noexcept;

}  // namespace recant

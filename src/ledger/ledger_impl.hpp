// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "recant/core/error.hpp"
#include "recant/ledger/ledger.hpp"
#include "storage.hpp"

namespace recant {

class Ledger::Impl {
 public:
  Impl(std::unique_ptr<Storage> opened, LedgerAccess wanted)
      : storage_(std::move(opened)), access_(wanted) {}

  /// @throws UsageError in a process that was forked from the one that opened it.
  [[nodiscard]] Storage& storage() const {
    storage_->require_own(storage_->where());
    return *storage_;
  }
  /// @throws UsageError too unless opened for writing.
  [[nodiscard]] Storage& writable() const {
    if (access_ != LedgerAccess::kWrite) {
      throw UsageError("the ledger is open for reading only", storage_->where());
    }
    return storage();
  }
  /// The token of a writer. @throws UsageError if this object never was it.
  [[nodiscard]] std::int64_t fence() const {
    static_cast<void>(writable());
    if (!token) throw UsageError("acquire() comes before this", storage_->where());
    return *token;
  }

  /// Calls read(storage) in one moment of the ledger, and gives its result.
  template <class Read>
  [[nodiscard]] auto read(Read read) {
    Storage& from = storage();
    if (reading_together) return read(from);
    return from.read_still([&] {
      const Transaction moment(from, LedgerAccess::kRead);
      return read(from);
    });
  }

  std::optional<std::int64_t> token;
  bool reading_together = false;

 private:
  std::unique_ptr<Storage> storage_;
  LedgerAccess access_;
};

}  // namespace recant

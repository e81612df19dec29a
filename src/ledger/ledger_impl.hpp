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
      : storage(std::move(opened)), access(wanted) {}

  /// @throws UsageError unless opened for writing.
  [[nodiscard]] Storage& writable() const {
    if (access != LedgerAccess::kWrite) {
      throw UsageError("the ledger is open for reading only", storage->where());
    }
    return *storage;
  }
  /// The token of a writer. @throws UsageError if this object never was it.
  [[nodiscard]] std::int64_t fence() const {
    static_cast<void>(writable());
    if (!token) throw UsageError("acquire() comes before this", storage->where());
    return *token;
  }

  /// Calls read(storage) in one moment of the ledger, and gives its result.
  template <class Read>
  [[nodiscard]] auto read(Read read) {
    if (reading_together) return read(*storage);
    return storage->read_still([&] {
      const Transaction moment(*storage, LedgerAccess::kRead);
      return read(*storage);
    });
  }

  std::unique_ptr<Storage> storage;
  LedgerAccess access;
  std::optional<std::int64_t> token;
  bool reading_together = false;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "recant/engine/writer_wait.hpp"

namespace recant {

/// The right to be the one writer of a vault, for as long as this object lives. The kernel frees it
/// when the process dies, so that none can be stale; a copy that a slow disk kept alive is fenced
/// off by the ledger's token.
class WriterLock {
 public:
  /// @throws BusyError if another process still has it when the wait is over; DataError if the
  /// folder cannot be written; UsageError for a wait that is no time.
  WriterLock(const std::filesystem::path& vault, const WriterWait& wait);
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace recant

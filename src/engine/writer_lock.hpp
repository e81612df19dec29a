// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "recant/core/process_bound.hpp"
#include "recant/engine/writer_wait.hpp"

namespace recant {

/// A lock on a file, or on a folder itself. Of this process alone: a child that is forked has the
/// file open too, which would hold the lock for as long as the child lives.
class FileLock final : public ProcessBound {
 public:
  explicit FileLock(std::filesystem::path path) : path_(std::move(path)) {}
  ~FileLock() override { release(); }

  /// Opens the file and locks it, unless somebody else has it locked or it is not the one of its
  /// name any more: its folder may have been replaced. 0, or an error's number: EWOULDBLOCK.
  int try_to_lock(int flags);
  /// Of what was locked: whether it is, and is still the one of its name.
  [[nodiscard]] bool held() const;
  void release();

 private:
  void let_go() noexcept override;
  int file_ = -1;
  std::filesystem::path path_;
};

/// The right to be the one writer of a vault, for as long as this object lives. The kernel frees it
/// when the process dies, so that none can be stale; a copy that a slow disk kept alive is fenced
/// off by the ledger's token.
class WriterLock {
 public:
  /// @throws BusyError if another process still has it when the wait is over; DataError if the
  /// folder cannot be written; UsageError for a wait that is no time.
  WriterLock(const std::filesystem::path& vault, const WriterWait& wait);

  /// @throws UsageError in a process that was forked from the one that has the lock.
  void require_own() const { lock_.require_own(vault_.string()); }
  /// @throws BusyError too if another folder has taken the place of the one that was locked.
  void require_held() const;

 private:
  std::filesystem::path vault_;
  FileLock lock_;
};

}  // namespace recant

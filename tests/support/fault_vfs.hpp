// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "fault_plan.hpp"
#include "unsynced_writes.hpp"

namespace recant::test {

/// Stands between SQLite and the system, for every connection of this process from install() on,
/// before which there may be none: lets calls and allocations fail by a plan, and records what is
/// written and not yet synced.
///
/// Syncs only count: a killed process loses nothing that it gave to the system, and power failures
/// are played through UnsyncedWrites.
class FaultVfs {
 public:
  static FaultVfs& install();

  FaultPoints points;
  /// Called with the bytes that were read from a file, and may change them.
  std::function<void(const std::string& path, std::int64_t at, std::span<char> bytes)> at_read;

  /// Records files whose path begins with `prefix`, from now on; `at_sync` is called before each of
  /// their syncs takes effect.
  void record(std::string prefix, std::function<void()> at_sync);
  void stop_recording() {
    at_sync_ = nullptr;
    prefix_.clear();
  }
  [[nodiscard]] const UnsyncedWrites& unsynced() const { return unsynced_; }

 private:
  FaultVfs() = default;
  friend struct VfsCalls;
  [[nodiscard]] bool recorded(const std::string& path) const {
    return !prefix_.empty() && path.starts_with(prefix_);
  }
  std::string prefix_;
  std::function<void()> at_sync_;
  UnsyncedWrites unsynced_;
  int error_ = 0;  ///< what the system is said to have answered
};

}  // namespace recant::test

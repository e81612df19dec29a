// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <cstdint>
#include <limits>
#include <optional>

/// Which call to the operating system fails, and how: for a harness that lets every one of them
/// fail in turn. It knows nothing of what makes the calls.
namespace recant::test {

enum class Operation { kOpen, kWrite, kTruncate, kSync, kRemove, kRename, kMap, kAllocate };

enum class Failure {
  kNoSpace,    ///< ENOSPC
  kIoError,    ///< EIO
  kHalfWrite,  ///< EIO after the first half of the bytes; EIO for what is not a write
  kKill,       ///< the process is gone, as by SIGKILL
};

struct FaultPlan {
  std::int64_t at = std::numeric_limits<std::int64_t>::max();  ///< the call that fails, from 0
  Failure failure = Failure::kIoError;
  bool for_good = false;  ///< and every later one too
  /// Counts only these. Allocations, of which there are many, count only if they are named here.
  std::optional<Operation> only;
};

/// Counts the calls of a run against a plan.
class FaultPoints {
 public:
  void arm(const FaultPlan& plan) {
    plan_ = plan;
    count_ = 0;
  }
  void disarm() { arm({}); }
  /// Calls since arm() or disarm().
  [[nodiscard]] std::int64_t count() const { return count_; }

  /// To be asked before each call: how it has to fail, if it has to.
  [[nodiscard]] std::optional<Failure> next(Operation operation) {
    if (plan_.only.value_or(operation) != operation) return std::nullopt;
    if (operation == Operation::kAllocate && !plan_.only) return std::nullopt;
    const std::int64_t call = count_++;
    if (call != plan_.at && !(plan_.for_good && call > plan_.at)) return std::nullopt;
    if (plan_.failure == Failure::kKill) ::raise(SIGKILL);
    return plan_.failure;
  }

 private:
  FaultPlan plan_;
  std::int64_t count_ = 0;
};

}  // namespace recant::test

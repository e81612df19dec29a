// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace recant {

/// What belongs to the process that made it: a lock, a connection. A process that is forked from it
/// (as Python's multiprocessing may do) has a copy of all its memory and shares its open files: to
/// each of the two it looks as if it were the one writer. So a child lets go of its copy as fork()
/// returns, and using it there is an error. The parent notices nothing.
class ProcessBound {
 public:
  ProcessBound(const ProcessBound&) = delete;
  ProcessBound& operator=(const ProcessBound&) = delete;

  /// Whether this is a copy, in a process that was forked from the one that made it.
  [[nodiscard]] bool inherited() const noexcept { return inherited_; }
  /// @throws UsageError if it is one.
  void require_own(const std::string& where) const;

 protected:
  ProcessBound();
  virtual ~ProcessBound();
  /// A copy that holds nothing of the parent's any more is the child's.
  void adopt() noexcept { inherited_ = false; }

 private:
  /// Lets go of the copy. Called in the child before fork() returns: other threads are gone, in the
  /// middle of what they did and with whatever they had locked. Not pure: one of them may have been
  /// about to make this object.
  virtual void let_go() noexcept {}

  friend struct ProcessBoundList;
  bool inherited_ = false;
  ProcessBound *before_ = nullptr, *after_ = nullptr;  // in a list of all
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>

namespace recant {

/// Lets a caller stop a pass that is under way: where a window is closed or Ctrl-C pressed, the
/// callback of progress would be asked only when the pass is through.
///
/// While it lives, passes that its thread starts call `check` between blocks of rows, and work on
/// wide matrices between panels of columns, in that thread; an exception that it throws ends the
/// pass there, and every later one at its start, and goes on to the caller, who is left with what
/// was there before. The check is called often: it should look at a clock first.
class InterruptCheck {
 public:
  explicit InterruptCheck(std::function<void()> check);
  ~InterruptCheck();
  InterruptCheck(const InterruptCheck&) = delete;
  InterruptCheck& operator=(const InterruptCheck&) = delete;

 private:
  friend void check_interrupt();
  friend bool interrupted() noexcept;
  std::function<void()> check_;
  std::exception_ptr thrown_;  // a pass within a pass tells the outer one by throwing again
  InterruptCheck* outer_;
};

/// Calls the check of this thread, if there is one; in a thread that works for the pass of another,
/// throws if that one's check has. What parallel_for() does between tasks, and a task that takes
/// longer than a twentieth of a second should do between its parts.
void check_interrupt();

/// Whether the check of this thread has thrown.
[[nodiscard]] bool interrupted() noexcept;

}  // namespace recant

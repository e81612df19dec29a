// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace recant {

/// Calls work(), which must not throw, in this thread and in up to `others` more, and returns when
/// all these calls have. The others are kept for the next pass: one that comes when work() has
/// returned somewhere, and so nothing is left to do, is not waited for. While it waits it calls
/// `meanwhile` now and then. Any number of threads may be in run_on_threads() at once; a process
/// that was forked starts threads of its own. Why threads are kept: docs/decisions/0004.
/// @throws std::system_error where a thread cannot be started; work() is then not called.
void run_on_threads(int others, const std::function<void()>& work,
                    const std::function<void()>& meanwhile);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace recant {

/// Ends the work of a thread for a pass that has been interrupted; nobody gets to see it.
struct Abandoned {};

/// From here on this thread, which ends with the pass, works for a pass that another started:
/// check_interrupt() throws Abandoned once `stopped` is set.
void work_for_pass(const std::atomic<bool>& stopped) noexcept;

}  // namespace recant

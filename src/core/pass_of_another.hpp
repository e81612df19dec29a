// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace recant {

/// Ends the work of a thread for a pass that has been interrupted; nobody gets to see it.
struct Abandoned {};

/// From here on this thread works for a pass that another started: check_interrupt() throws
/// Abandoned once `stopped` is set. Null: it works for itself.
void work_for_pass(const std::atomic<bool>* stopped) noexcept;

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant::app {

/// From now on SIGINT and SIGTERM remove what is half-written and end the process with 128 plus
/// the signal. Call before any thread is started.
void clean_up_on_interrupt();

}  // namespace recant::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/core/interrupt.hpp"

namespace recant::app {

/// From now on SIGINT and SIGTERM remove what is half-written and end the process with 128 plus
/// the signal. Call before any thread is started.
void clean_up_on_interrupt();

/// What ThrowOnInterrupt throws: end with end_as_interrupted().
struct Interrupted {
  int signal;
};
[[noreturn]] void end_as_interrupted(const Interrupted& interrupted);

/// While it lives, the first SIGINT or SIGTERM does not end the process but the passes of this
/// thread, by an Interrupted, so that what has been worked out is kept. The second ends it.
class ThrowOnInterrupt {
 public:
  ThrowOnInterrupt();
  ~ThrowOnInterrupt();
  ThrowOnInterrupt(const ThrowOnInterrupt&) = delete;
  ThrowOnInterrupt& operator=(const ThrowOnInterrupt&) = delete;

 private:
  InterruptCheck check_;
};

}  // namespace recant::app

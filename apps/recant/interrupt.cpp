// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "recant/core/atomic_file.hpp"

namespace recant::app {

void clean_up_on_interrupt() {
  // A thread that waits, not a handler: cleaning up is not safe in one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    abandon_unfinished();
    _exit(128 + signal);
  }).detach();
}

}  // namespace recant::app

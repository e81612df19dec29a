// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <thread>

#include "recant/core/atomic_file.hpp"

namespace recant::app {
namespace {

std::atomic<bool> throws = false;
std::atomic<int> thrown = 0;  // the signal that a ThrowOnInterrupt is to tell of
int signals[2] = {-1, -1};    // a pipe: the handler writes the signal's number, a thread reads it

extern "C" void tell_thread(int signal) {
  const int code = errno;
  const auto number = static_cast<unsigned char>(signal);
  static_cast<void>(!::write(signals[1], &number, 1));
  errno = code;
}

void handle(int signal) {
  struct sigaction action {};
  if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;  // nohup
  action = {};
  action.sa_handler = tell_thread;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void clean_up_on_interrupt() {
  // Past a limit on file sizes, writes shall fail and be cleaned up after, not kill.
  std::signal(SIGXFSZ, SIG_IGN);
  // Cleaning up is not safe in a handler. Blocking the signals for a thread with sigwait() would
  // not do: threads that libraries start before main() would get them and end the process.
  if (::pipe2(signals, O_CLOEXEC) != 0) return;
  std::thread([] {
    while (true) {
      unsigned char signal = 0;
      if (::read(signals[0], &signal, 1) != 1) continue;
      if (!throws || thrown.exchange(signal) != 0) end_as_interrupted({signal});
    }
  }).detach();
  handle(SIGINT);
  handle(SIGTERM);
}

void end_as_interrupted(const Interrupted& interrupted) {
  abandon_unfinished();
  _exit(128 + interrupted.signal);
}

ThrowOnInterrupt::ThrowOnInterrupt()
    : check_([] {
        if (const int signal = thrown; signal != 0) throw Interrupted{signal};
      }) {
  throws = true;
}

/// One that came too late to be thrown ends the process as it would have without.
ThrowOnInterrupt::~ThrowOnInterrupt() {
  throws = false;
  if (const int signal = thrown; signal != 0 && std::uncaught_exceptions() == 0) {
    end_as_interrupted({signal});
  }
}

}  // namespace recant::app

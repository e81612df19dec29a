// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <functional>

namespace recant::test {

/// Runs `body` in a process that is forked from this one, and waits for it; whether it gave true
/// and threw nothing. The child ends without destructors, as those of multiprocessing do.
[[nodiscard]] inline bool in_forked_child(const std::function<bool()>& body) {
  const int child = ::fork();
  if (child == 0) {
    ::alarm(100);
    try {
      ::_exit(body() ? 0 : 1);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(2);
    }
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

/// Whether `action` throws an Error, and what it says is of this kind.
template <class ErrorType>
[[nodiscard]] bool refuses(const std::function<void()>& action) {
  try {
    action();
  } catch (const ErrorType&) {
    return true;
  }
  return false;
}

}  // namespace recant::test

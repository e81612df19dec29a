// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace recant {

/// Wall-clock seconds since construction or the last lap().
class Stopwatch {
 public:
  double lap() {
    const auto now = Clock::now();
    const std::chrono::duration<double> elapsed = now - start_;
    start_ = now;
    return elapsed.count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace recant

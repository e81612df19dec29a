// SPDX-License-Identifier: Apache-2.0
#include "recant/core/threads.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "recant/core/check.hpp"

namespace recant {
namespace {
std::atomic<int> requested{0};

/// What OMP_NUM_THREADS says, as for other numerical programs, else one a processor.
int available() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const std::string_view number(text);
    int count = 0;
    std::from_chars(number.data(), number.data() + number.size(), count);
    if (count > 0) return count;
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}
}  // namespace

void set_threads(int count) {
  check_at_least("threads", count, 0);
  requested = count;
}

int threads() noexcept {
  const int count = requested;
  static const int all = available();
  return count > 0 ? count : all;
}

}  // namespace recant

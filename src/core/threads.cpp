// SPDX-License-Identifier: Apache-2.0
#include "recant/core/threads.hpp"

#include <omp.h>

#include <atomic>

#include "recant/core/check.hpp"

namespace recant {
namespace {
std::atomic<int> requested{0};
}

void set_threads(int count) {
  check_at_least("threads", count, 0);
  requested = count;
}

int threads() noexcept {
  const int count = requested;
  return count > 0 ? count : omp_get_num_procs();
}

}  // namespace recant

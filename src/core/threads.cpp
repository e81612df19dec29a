// SPDX-License-Identifier: Apache-2.0
#include "recant/core/threads.hpp"

#include <omp.h>

#include <atomic>

#include "recant/core/check.hpp"

namespace recant {
namespace {
std::atomic<int> requested{0};
/// One a processor, or what OMP_NUM_THREADS says; read before BLAS is told to use one.
const int available = omp_get_max_threads();
}  // namespace

void set_threads(int count) {
  check_at_least("threads", count, 0);
  requested = count;
}

int threads() noexcept {
  const int count = requested;
  return count > 0 ? count : available;
}

}  // namespace recant

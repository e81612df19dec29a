// SPDX-License-Identifier: Apache-2.0
#include "recant/core/blocks.hpp"

#include <mutex>

#include "recant/core/threads.hpp"

namespace recant {

void parallel_for(Index count, const std::function<void(Index)>& task) {
  const int workers = static_cast<int>(std::min<Index>(count, threads()));
  if (workers <= 1) {
    for (Index i = 0; i < count; ++i) task(i);
    return;
  }
  std::exception_ptr error;
  Index error_at = count;
  std::mutex mutex;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers)
  for (Index i = 0; i < count; ++i) {
    try {
      task(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (i < error_at) {
        error_at = i;
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace recant

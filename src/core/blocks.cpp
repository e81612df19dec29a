// SPDX-License-Identifier: Apache-2.0
#include "recant/core/blocks.hpp"

#include <atomic>
#include <mutex>
#include <thread>

#include "recant/core/interrupt.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

/// A pass within a task of another stays in its thread: the processors are busy with other tasks.
thread_local bool inside_a_pass = false;

/// Set while a thread works for the pass of another one: that pass has been interrupted.
thread_local const std::atomic<bool>* outer_stopped = nullptr;

/// Ends a pass within a task whose own pass has been interrupted; nobody gets to see it.
struct Abandoned {};

/// Between two tasks: ends the pass if somebody wants it to.
void may_go_on() {
  check_interrupt();
  if (outer_stopped != nullptr && outer_stopped->load(std::memory_order_relaxed)) throw Abandoned();
}

/// Calls work(), which must not throw, on `workers` threads at once and waits for all. Threads are
/// started for each pass and none is kept: a pool that waits by spinning (OpenMP's) makes every
/// pass a hundred times slower where another program keeps the processors busy, and starting one
/// costs some ten microseconds (docs/decisions/0004).
void run_on_threads(int workers, const std::function<void()>& work) {
  std::vector<std::jthread> others;
  for (int i = 1; i < workers; ++i) others.emplace_back(work);
  work();
}

}  // namespace

void parallel_for(Index count, const std::function<void(Index)>& task) {
  may_go_on();  // here too: other threads may take every task before this one gets to ask
  const int workers = inside_a_pass ? 1 : static_cast<int>(std::min<Index>(count, threads()));
  if (workers <= 1) {
    for (Index i = 0; i < count; ++i) {
      may_go_on();
      task(i);
    }
    return;
  }
  std::atomic<Index> next{0};
  std::exception_ptr error;
  Index error_at = count;
  std::mutex mutex;
  // Relaxed: taking a number orders nothing else, so that a race between tasks is seen as one.
  const auto take = [&next] { return next.fetch_add(1, std::memory_order_relaxed); };
  std::atomic<bool> stopped{false};
  const auto caller = std::this_thread::get_id();
  run_on_threads(workers, [&] {
    inside_a_pass = true;
    if (std::this_thread::get_id() != caller) outer_stopped = &stopped;
    for (Index i = take(); i < count; i = take()) {
      try {
        check_interrupt();
        task(i);
      } catch (...) {
        const Index at = interrupted() ? -1 : i;  // before any error of a task
        if (interrupted()) {
          stopped.store(true, std::memory_order_relaxed);
          next.store(count, std::memory_order_relaxed);
        }
        const std::lock_guard lock(mutex);
        if (at < error_at) {
          error_at = at;
          error = std::current_exception();
        }
      }
    }
    inside_a_pass = false;
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/blocks.hpp"

#include <atomic>
#include <mutex>
#include <thread>

#include "pass_of_another.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/threads.hpp"
#include "workers.hpp"

namespace recant {
namespace {

/// A pass within a task of another stays in its thread: the processors are busy with other tasks.
thread_local bool inside_a_pass = false;

}  // namespace

void parallel_for(Index count, const std::function<void(Index)>& task) {
  check_interrupt();  // here too: other threads may take every task before this one gets to ask
  const int workers = inside_a_pass ? 1 : static_cast<int>(std::min<Index>(count, threads()));
  if (workers <= 1) {
    for (Index i = 0; i < count; ++i) {
      check_interrupt();
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
  const auto note_error = [&](Index i) {
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
  };
  const auto work = [&] {
    inside_a_pass = true;
    if (std::this_thread::get_id() != caller) work_for_pass(&stopped);
    for (Index i = take(); i < count; i = take()) {
      try {
        check_interrupt();
        task(i);
      } catch (...) {
        note_error(i);
      }
    }
    work_for_pass(nullptr);
    inside_a_pass = false;
  };
  run_on_threads(workers - 1, work, [&] {
    try {
      check_interrupt();
    } catch (...) {
      note_error(count);
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/blocks.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "pass_of_another.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

/// A pass within a task of another stays in its thread: the processors are busy with other tasks.
thread_local bool inside_a_pass = false;

/// Calls work(), which must not throw, on `workers` threads at once and waits for all, calling
/// `meanwhile` now and then. Threads are started for each pass and none is kept: a pool that waits
/// by spinning (OpenMP's) makes every pass a hundred times slower where another program keeps the
/// processors busy, and starting one costs some ten microseconds (docs/decisions/0004).
void run_on_threads(int workers, const std::function<void()>& work,
                    const std::function<void()>& meanwhile) {
  constexpr std::chrono::milliseconds kWhile(50);
  std::mutex mutex;
  std::condition_variable ended;
  int running = workers - 1;
  std::vector<std::jthread> others;
  for (int i = 1; i < workers; ++i) {
    others.emplace_back([&] {
      work();
      const std::lock_guard lock(mutex);
      if (--running == 0) ended.notify_one();
    });
  }
  work();
  std::unique_lock lock(mutex);
  while (!ended.wait_for(lock, kWhile, [&] { return running == 0; })) {
    lock.unlock();
    meanwhile();
    lock.lock();
  }
}

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
    if (std::this_thread::get_id() != caller) work_for_pass(stopped);
    for (Index i = take(); i < count; i = take()) {
      try {
        check_interrupt();
        task(i);
      } catch (...) {
        note_error(i);
      }
    }
    inside_a_pass = false;
  };
  run_on_threads(workers, work, [&] {
    try {
      check_interrupt();
    } catch (...) {
      note_error(count);
    }
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace recant

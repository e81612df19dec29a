// SPDX-License-Identifier: Apache-2.0
#include "workers.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

namespace recant {
namespace {

/// How long a thread that has nothing to do looks for more before it sleeps. Between two passes of
/// one computation lie some ten microseconds; a processor that has gone to sleep takes fifty to
/// wake, that of a virtual machine up to some thousands.
constexpr std::chrono::microseconds kLook(200);
/// How often one that sleeps until a pass has ended calls `meanwhile`.
constexpr std::chrono::milliseconds kWhile(50);

template <class Found>
void look(Found found) {
  const auto until = std::chrono::steady_clock::now() + kLook;
  while (!found() && std::chrono::steady_clock::now() < until) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

struct Pass {
  const std::function<void()>& work;
  int seats;                    // for threads that may still join
  std::atomic<int> running{0};  // threads that have joined and not left
  std::condition_variable left{};
  Pass* next = nullptr;
};

/// Threads that serve passes, and the passes that they may join. Its members other than run() and
/// serve() are called with mutex_ held.
class Pool {
 public:
  void run(int others, const std::function<void()>& work, const std::function<void()>& meanwhile) {
    Pass pass{work, others};
    std::unique_lock lock(mutex_);
    start_threads(static_cast<std::size_t>(others));
    keep_off_this_processor();
    pass.next = open_;
    open_ = &pass;
    posted_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    for (int i = 0; i < others; ++i) wake_.notify_one();
    work();
    lock.lock();
    close(pass);
    lock.unlock();
    look([&pass] { return pass.running.load(std::memory_order_relaxed) == 0; });
    lock.lock();  // also so that the last to leave is done with the pass
    while (!pass.left.wait_for(lock, kWhile, [&pass] { return pass.running == 0; })) {
      lock.unlock();
      meanwhile();
      lock.lock();
    }
  }

 private:
  void start_threads(std::size_t count) {
    if (threads_.size() >= count) return;
    threads_.reserve(count);
    sigset_t all, before;  // signals are for the threads of the program
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      while (threads_.size() < count) {
        std::thread thread([this] { serve(); });
        threads_.push_back(thread.native_handle());
        thread.detach();  // lasts as long as the process
      }
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    kept_off_ = -1;
  }

  /// Linux wakes a thread beside the one that wakes it where the other processors of a virtual
  /// machine sleep so deeply that it takes them for busy: two threads would share a processor until
  /// it looks again, some milliseconds later. Threads may use what the caller may, but not the
  /// processor that it is on; where there is no such, or no way to tell, as they come.
  void keep_off_this_processor() {
    const int here = sched_getcpu();
    if (here < 0 || here == kept_off_) return;
    cpu_set_t allowed;
    if (pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed) != 0) return;
    if (CPU_COUNT(&allowed) > 1) CPU_CLR(static_cast<std::size_t>(here), &allowed);
    for (const pthread_t thread : threads_) {
      pthread_setaffinity_np(thread, sizeof allowed, &allowed);
    }
    kept_off_ = here;
  }

  /// No thread joins any more.
  void close(const Pass& pass) {
    for (Pass** at = &open_; *at != nullptr; at = &(*at)->next) {
      if (*at != &pass) continue;
      *at = pass.next;
      return;
    }
  }

  [[noreturn]] void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (open_ == nullptr) {
        const auto before = posted_.load(std::memory_order_relaxed);
        lock.unlock();
        look([&] { return posted_.load(std::memory_order_relaxed) != before; });
        lock.lock();
        wake_.wait(lock, [this] { return open_ != nullptr; });
      }
      Pass& pass = *open_;
      ++pass.running;
      if (--pass.seats == 0) close(pass);
      lock.unlock();
      pass.work();
      lock.lock();
      close(pass);  // nothing is left to do
      if (--pass.running == 0) pass.left.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  Pass* open_ = nullptr;  // the last one first
  std::atomic<unsigned> posted_{0};
  std::vector<pthread_t> threads_;
  int kept_off_ = -1;  // the processor that they keep off
};

std::atomic<Pool*> current{nullptr};

/// That of this process. Never destroyed: its threads look at it until the process ends.
Pool& pool() {
  Pool* found = current.load();
  if (found != nullptr) return *found;
  // A forked process has none of the threads, and its copy of the mutex may be locked for good.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { current = nullptr; });
  static_cast<void>(registered);
  auto* fresh = new Pool;
  if (current.compare_exchange_strong(found, fresh)) return *fresh;
  delete fresh;
  return *found;
}

}  // namespace

void run_on_threads(int others, const std::function<void()>& work,
                    const std::function<void()>& meanwhile) {
  pool().run(others, work, meanwhile);
}

}  // namespace recant

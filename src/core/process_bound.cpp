// SPDX-License-Identifier: Apache-2.0
#include "recant/core/process_bound.hpp"

#include <pthread.h>

#include <mutex>

#include "recant/core/error.hpp"

namespace recant {

/// All that this process has. Nobody changes it while the process forks.
struct ProcessBoundList {
  std::mutex mutex;
  ProcessBound* first = nullptr;

  void add(ProcessBound& one) {
    const std::lock_guard lock(mutex);
    one.after_ = first;
    if (first != nullptr) first->before_ = &one;
    first = &one;
  }
  void remove(ProcessBound& one) {
    const std::lock_guard lock(mutex);
    if (one.before_ != nullptr) one.before_->after_ = one.after_;
    if (one.after_ != nullptr) one.after_->before_ = one.before_;
    if (first == &one) first = one.after_;
  }
  void let_go() {
    for (ProcessBound* one = first; one != nullptr; one = one->after_) {
      if (one->inherited_) continue;  // by the parent, from its own
      one->inherited_ = true;
      one->let_go();
    }
  }
};

namespace {

/// Never destroyed: what is in it may live as long as the process.
ProcessBoundList& list() {
  static auto* const all = new ProcessBoundList;
  static const int registered =
      pthread_atfork([] { all->mutex.lock(); }, [] { all->mutex.unlock(); },
                     [] {
                       all->let_go();
                       all->mutex.unlock();
                     });
  static_cast<void>(registered);
  return *all;
}

}  // namespace

ProcessBound::ProcessBound() {
  list().add(*this);
}

ProcessBound::~ProcessBound() {
  list().remove(*this);
}

void ProcessBound::require_own(const std::string& where) const {
  if (!inherited_) return;
  throw UsageError("was opened in the process that this one was forked from", where,
                   "open it in this process");
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/interrupt.hpp"

#include <utility>

#include "pass_of_another.hpp"

namespace recant {
namespace {
thread_local InterruptCheck* current = nullptr;
thread_local const std::atomic<bool>* pass_stopped = nullptr;
}  // namespace

void work_for_pass(const std::atomic<bool>* stopped) noexcept {
  pass_stopped = stopped;
}

InterruptCheck::InterruptCheck(std::function<void()> check)
    : check_(std::move(check)), outer_(std::exchange(current, this)) {}

InterruptCheck::~InterruptCheck() {
  current = outer_;
}

void check_interrupt() {
  if (pass_stopped != nullptr && pass_stopped->load(std::memory_order_relaxed)) throw Abandoned();
  if (current == nullptr) return;
  if (current->thrown_) std::rethrow_exception(current->thrown_);
  try {
    current->check_();
  } catch (...) {
    current->thrown_ = std::current_exception();
    throw;
  }
}

bool interrupted() noexcept {
  return current != nullptr && current->thrown_ != nullptr;
}

}  // namespace recant

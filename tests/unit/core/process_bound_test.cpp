// SPDX-License-Identifier: Apache-2.0
#include "recant/core/process_bound.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "expect_error.hpp"
#include "forked.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

class Held final : public ProcessBound {
 public:
  [[nodiscard]] int times_let_go() const { return let_go_; }

 private:
  void let_go() noexcept override { ++let_go_; }
  int let_go_ = 0;
};

TEST(ProcessBoundTest, AChildLetsGoOnceAndTheParentNever) {
  const Held held;
  EXPECT_TRUE(test::in_forked_child([&] {
    return held.inherited() && held.times_let_go() == 1 &&
           test::in_forked_child([&] { return held.inherited() && held.times_let_go() == 1; });
  }));
  EXPECT_FALSE(held.inherited());
  EXPECT_EQ(held.times_let_go(), 0);
  held.require_own("thing");
}

TEST(ProcessBoundTest, AChildIsToldToOpenItItself) {
  const Held held;
  EXPECT_TRUE(test::in_forked_child([&] {
    test::expect_error<UsageError>(
        [&] {
          held.require_own("thing");
          return 0;
        },
        {"thing: was opened in the process that this one was forked from; open it in this "
         "process"});
    return !testing::Test::HasFailure();
  }));
}

TEST(ProcessBoundTest, WhatAChildMakesIsItsOwn) {
  const Held former;
  EXPECT_TRUE(test::in_forked_child([] {
    const Held own;
    return !own.inherited() && test::in_forked_child([&] { return own.inherited(); });
  }));
}

/// In any order, and while other threads come and go.
TEST(ProcessBoundTest, OnlyThoseThatLiveAreAsked) {
  auto first = std::make_unique<Held>(), second = std::make_unique<Held>(),
       third = std::make_unique<Held>();
  second.reset();
  third.reset();
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) const std::vector<Held> some(3);
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(test::in_forked_child([&] {
      const Held own;
      return first->times_let_go() == 1 && own.times_let_go() == 0;
    }));
  }
  over = true;
  other.join();
}

}  // namespace
}  // namespace recant

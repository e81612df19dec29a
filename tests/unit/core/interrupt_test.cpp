// SPDX-License-Identifier: Apache-2.0
#include "recant/core/interrupt.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "recant/core/blocks.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

struct Stopped {};

class Interrupt : public testing::TestWithParam<int> {
 protected:
  Interrupt() { set_threads(GetParam()); }
  ~Interrupt() override { set_threads(0); }
};
INSTANTIATE_TEST_SUITE_P(Threads, Interrupt, testing::Values(1, 2, 5));

TEST_P(Interrupt, EndsThePassLongBeforeItsLastTask) {
  std::atomic<Index> done{0};
  const InterruptCheck check([&] {
    if (done > 3) throw Stopped();
  });
  const auto pass = [&] {
    parallel_for(100'000, [&](Index) {
      ++done;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    });
  };
  EXPECT_THROW(pass(), Stopped);
  EXPECT_LT(done, 10'000);
}

TEST_P(Interrupt, IsAskedInTheThreadThatStartedThePassOnly) {
  const auto caller = std::this_thread::get_id();
  int asked = 0;
  const InterruptCheck check([&] {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    ++asked;  // by one thread alone
  });
  parallel_for(1000, [](Index) {
    parallel_for(3, [](Index) { std::this_thread::sleep_for(std::chrono::microseconds(1)); });
  });
  EXPECT_GT(asked, 0);
}

TEST_P(Interrupt, ReachesPassesWithinTheTasksOfOtherThreads) {
  std::atomic<Index> done{0};
  const InterruptCheck check([&] {
    if (done > 20) throw Stopped();
  });
  const auto pass = [&] {
    parallel_for(GetParam(), [&](Index) {  // a long task for each thread
      parallel_for(20'000, [&](Index) {
        ++done;
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      });
    });
  };
  EXPECT_THROW(pass(), Stopped);
  EXPECT_LT(done, 10'000);
}

TEST_P(Interrupt, EndsAReductionBetweenTwoBlocksOfAGroup) {
  std::atomic<Index> done{0};
  const InterruptCheck check([&] {
    if (done > 3) throw Stopped();
  });
  const auto pass = [&] {
    return reduce_rows(
        1000 * kBlockRows, 2, Index{0},
        [&](Index& sum, RowBlock block) {
          ++done;
          sum += block.size();
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        },
        [](Index& into, Index from) { into += from; });
  };
  EXPECT_THROW(static_cast<void>(pass()), Stopped);
  EXPECT_LT(done, 200);
}

TEST_P(Interrupt, GoesBeforeTheErrorsOfTasks) {
  const InterruptCheck check([] { throw Stopped(); });
  EXPECT_THROW(parallel_for(8, [](Index) { throw std::runtime_error("task"); }), Stopped);
}

TEST_P(Interrupt, ThrownOnceInAnInnerPassEndsTheOuterOne) {
  std::atomic<Index> done{0};
  bool thrown = false;
  const InterruptCheck check([&] {
    if (done > 3 && !std::exchange(thrown, true)) throw Stopped();
  });
  const auto pass = [&] {
    parallel_for(50'000, [&](Index) {
      ++done;
      parallel_for(2, [](Index) { std::this_thread::sleep_for(std::chrono::microseconds(50)); });
    });
  };
  EXPECT_THROW(pass(), Stopped);
  EXPECT_LT(done, 10'000);
}

TEST_P(Interrupt, NestsAndEndsWithItsScope) {
  int outer = 0, inner = 0;
  const InterruptCheck first([&] { ++outer; });
  {
    const InterruptCheck second([&] { ++inner; });
    check_interrupt();
  }
  check_interrupt();
  EXPECT_EQ(outer, 1);
  EXPECT_EQ(inner, 1);
}

TEST(InterruptCheck, IsAskedWhileTheCallerWaitsForOthers) {
  set_threads(2);
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> waiting{false}, ended{false};
  const InterruptCheck check([&] {
    if (waiting) throw Stopped();
  });
  const auto pass = [&] {
    parallel_for(2, [&](Index) {
      if (std::this_thread::get_id() == caller) {  // until the other task is another thread's
        while (!waiting) std::this_thread::yield();
        return;
      }
      waiting = true;
      for (int i = 0; i < 20'000; ++i) {  // one long task, which asks itself
        check_interrupt();
        std::this_thread::sleep_for(std::chrono::microseconds(500));
      }
      ended = true;
    });
  };
  EXPECT_THROW(pass(), Stopped);
  EXPECT_FALSE(ended);
  set_threads(0);
}

TEST(InterruptCheck, NoneMeansNothing) {
  check_interrupt();
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "recant/core/threads.hpp"

namespace recant {
namespace {

class Blocks : public testing::Test {
 protected:
  ~Blocks() override { set_threads(0); }
};

constexpr Index kSizes[] = {0, 1, 2, 1023, 1024, 1025, 2048, 10'000};

/// Terms of very different size and sign: any change of the order of summation shows.
double term(Index row) {
  return std::sin(static_cast<double>(row)) * std::pow(10, row % 17 - 8);
}

double sum(Index rows, Index groups) {
  return reduce_rows(
      rows, groups, 0.0,
      [](double& total, RowBlock block) {
        for (Index i = block.begin; i < block.end; ++i) total += term(i);
      },
      [](double& into, double from) { into += from; });
}

TEST_F(Blocks, CoverEveryRowOnceAndOnlyTheLastIsShort) {
  for (const Index rows : kSizes) {
    Index next = 0;
    for (Index b = 0; b < block_count(rows); ++b) {
      const RowBlock block = block_at(b, rows);
      EXPECT_EQ(block.begin, next);
      EXPECT_GT(block.size(), 0);
      EXPECT_TRUE(block.size() == kBlockRows || b + 1 == block_count(rows));
      next = block.end;
    }
    EXPECT_EQ(next, rows);
  }
}

TEST_F(Blocks, ReductionEqualsTheSumRowByRow) {
  for (const Index rows : kSizes) {
    double naive = 0, size = 0;
    for (Index i = 0; i < rows; ++i) naive += term(i), size += std::abs(term(i));
    for (const Index groups : {1, 2, 3, 7, 64}) {
      EXPECT_NEAR(sum(rows, groups), naive, 1e-13 * size) << rows << " rows, " << groups;
    }
  }
}

TEST_F(Blocks, ReductionVisitsEveryRowOnceAndInOrder) {
  using Rows = std::vector<Index>;
  for (const Index rows : kSizes) {
    for (const Index groups : {0, 1, 3, 4, 5, 1000}) {
      const Rows visited = reduce_rows(
          rows, groups, Rows{},
          [](Rows& seen, RowBlock block) {
            for (Index i = block.begin; i < block.end; ++i) seen.push_back(i);
          },
          [](Rows& into, const Rows& from) { into.insert(into.end(), from.begin(), from.end()); });
      ASSERT_EQ(static_cast<Index>(visited.size()), rows);
      for (Index i = 0; i < rows; ++i) ASSERT_EQ(visited[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST_F(Blocks, ResultIsTheSameToTheLastBitForAnyNumberOfThreads) {
  for (const Index rows : kSizes) {
    set_threads(1);
    const auto expected = std::bit_cast<std::uint64_t>(sum(rows, 16));
    for (const int count : {2, 4}) {
      set_threads(count);
      for (int repeat = 0; repeat < 5; ++repeat) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(sum(rows, 16)), expected) << rows << " " << count;
      }
    }
  }
}

TEST_F(Blocks, ResultsPerRowAreAllWritten) {
  for (const int count : {1, 2, 4}) {
    set_threads(count);
    for (const Index rows : kSizes) {
      std::vector<Index> written(static_cast<std::size_t>(rows), -1);
      for_each_block(rows, [&](RowBlock block) {
        for (Index i = block.begin; i < block.end; ++i) written[static_cast<std::size_t>(i)] = i;
      });
      for (Index i = 0; i < rows; ++i) ASSERT_EQ(written[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST_F(Blocks, TasksRunOnSeveralThreadsWhenAskedTo) {
  set_threads(2);
  std::atomic<int> arrived{0};
  // Two tasks that wait for each other can only end if both run at once.
  parallel_for(2, [&](Index) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST_F(Blocks, APassDoesNotWaitForAThreadThatIsBusyWithAnother) {
  set_threads(2);
  std::atomic<int> arrived{0};
  std::atomic<bool> go_on{false};
  std::thread busy([&] {
    parallel_for(2, [&](Index) {
      ++arrived;
      while (!go_on) std::this_thread::yield();
    });
  });
  while (arrived < 2) std::this_thread::yield();
  EXPECT_NEAR(sum(5000, 8), sum(5000, 8), 0);  // would never end
  go_on = true;
  busy.join();
}

TEST_F(Blocks, PassesOfSeveralThreadsAtOnceAreComputedAllTheSame) {
  set_threads(3);
  const double expected = sum(20'000, 8);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) wrong += sum(20'000, 8) != expected;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

#ifndef __SANITIZE_THREAD__  // it forbids threads after a fork
TEST_F(Blocks, AForkedProcessHasThreadsOfItsOwn) {
  set_threads(2);
  const auto both_at_once = [] {
    std::atomic<int> arrived{0};
    parallel_for(2, [&](Index) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
  };
  both_at_once();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    both_at_once();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

TEST_F(Blocks, SignalsAreLeftToTheThreadsOfTheProgram) {
  set_threads(2);
  std::atomic<int> arrived{0}, blocked{0};
  parallel_for(2, [&](Index) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked += sigismember(&mask, SIGINT);
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(blocked, 1);
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0);
}

TEST_F(Blocks, TheExceptionOfTheFirstTaskIsRethrown) {
  for (const int count : {1, 2, 4}) {
    set_threads(count);
    try {
      parallel_for(100, [](Index i) {
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "7");
    }
  }
}

TEST_F(Blocks, AnExceptionLeavesLaterPassesWorking) {
  set_threads(2);
  EXPECT_THROW(for_each_block(5000, [](RowBlock) { throw 1; }), int);
  EXPECT_THROW(static_cast<void>(reduce_rows(
                   5000, 4, 0, [](int&, RowBlock) { throw 1; }, [](int&, int) {})),
               int);
  EXPECT_NEAR(sum(1, 1), term(0), 0);
}

TEST_F(Blocks, APassInsideAPassIsComputedToo) {
  set_threads(2);
  std::vector<double> sums(4);
  parallel_for(4, [&](Index i) { sums[static_cast<std::size_t>(i)] = sum(10'000, 8); });
  EXPECT_THAT(sums, testing::Each(sum(10'000, 8)));
}

#ifdef __SANITIZE_THREAD__
TEST_F(Blocks, TheThreadSanitizerSeesARaceBetweenTasks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto race = [] {
    set_threads(2);
    int shared = 0;
    for (int repeat = 0; repeat < 100; ++repeat) {  // it may overlook one
      std::atomic<int> arrived{0};
      parallel_for(2, [&](Index) {
        arrived.fetch_add(1, std::memory_order_relaxed);  // relaxed: must not order the accesses
        while (arrived.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
        ++shared;
      });
    }
    std::exit(0);
  };
  EXPECT_EXIT(race(), testing::ExitedWithCode(66), "data race");
}
#endif

TEST_F(Blocks, NothingToDoIsDone) {
  parallel_for(0, [](Index) { FAIL(); });
  for_each_block(0, [](RowBlock) { FAIL(); });
}

TEST_F(Blocks, APassWithinATaskStaysInItsThread) {
  set_threads(3);
  std::atomic<int> elsewhere{0}, done{0};
  parallel_for(4, [&](Index) {
    const auto here = std::this_thread::get_id();
    parallel_for(8, [&](Index) {
      elsewhere += std::this_thread::get_id() != here;
      ++done;
    });
  });
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(done, 32);
  // Afterwards passes use threads again: two tasks that wait for each other get done.
  std::atomic<int> arrived{0};
  parallel_for(2, [&](Index) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

}  // namespace
}  // namespace recant

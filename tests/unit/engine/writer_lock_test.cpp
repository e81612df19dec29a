// SPDX-License-Identifier: Apache-2.0
#include "writer_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(WriterLockTest, IsHeldByOne) {
  const test::TemporaryFolder vault;
  std::optional<WriterLock> lock;
  lock.emplace(vault.path(), WriterWait{.seconds = 0});
  test::expect_error<BusyError>(
      [&] {
        WriterLock(vault.path(), {.seconds = 0});
        return 0;
      },
      {"another process"});
  lock.reset();
  const WriterLock again(vault.path(), {.seconds = 0});
}

TEST(WriterLockTest, WaitsNoLongerThanItIsTold) {
  const test::TemporaryFolder vault;
  const WriterLock lock(vault.path(), {.seconds = 0});
  std::vector<double> told;
  const auto started = Clock::now();
  const WriterWait wait{.seconds = 2.3, .progress = [&](const Progress& now) {
                          told.push_back(now.done);
                          EXPECT_EQ(now.total, 2.3);
                        }};
  EXPECT_THROW(WriterLock(vault.path(), wait), BusyError);
  EXPECT_GE(Clock::now() - started, 2300ms);
  ASSERT_EQ(told.size(), 2U) << "after a second, and every second";
  EXPECT_GE(told[0], 1);
  EXPECT_GE(told[1], told[0] + 1);
}

TEST(WriterLockTest, WaitsThatAreNoTimeAreRefused) {
  const test::TemporaryFolder vault;
  for (const double seconds :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(WriterLock(vault.path(), {.seconds = seconds}), UsageError);
  }
}

TEST(WriterLockTest, AnInterruptEndsTheWait) {
  const test::TemporaryFolder vault;
  const WriterLock lock(vault.path(), {.seconds = 0});
  struct Stop {};
  const auto started = Clock::now();
  const InterruptCheck check([&] {
    if (Clock::now() - started > 100ms) throw Stop();
  });
  EXPECT_THROW(WriterLock(vault.path(), {.seconds = 60}), Stop);
  EXPECT_LT(Clock::now() - started, 30s);
}

/// Writers that follow one another with nothing in between: the lock is free for an instant only,
/// and they are there first. Without turns the one that waits would hardly ever meet it.
TEST(WriterLockTest, WhoWaitsComesBeforeWhoComesLater) {
  const test::TemporaryFolder vault;
  std::atomic<bool> over{false};
  std::atomic<int> writers{0};
  std::thread stream([&] {
    while (!over) {
      const WriterLock lock(vault.path(), {.seconds = 60});
      ++writers;
      std::this_thread::sleep_for(20ms);
    }
  });
  while (writers == 0) std::this_thread::sleep_for(1ms);
  int before = 0;
  for (int i = 0; i < 10; ++i) {
    const int now = writers;
    const WriterLock lock(vault.path(), {.seconds = 60});
    before += writers - now;
  }
  over = true;
  stream.join();
  EXPECT_LE(before, 30);
}

/// A folder that another takes the place of, while somebody waits for it.
TEST(WriterLockTest, FollowsAFolderThatIsReplaced) {
  const test::TemporaryFolder place;
  const auto vault = place / "v", old = place / "old";
  std::filesystem::create_directory(vault);
  std::optional<WriterLock> lock;
  lock.emplace(vault, WriterWait{.seconds = 0});
  std::atomic<bool> got{false};
  std::thread waiting([&] {
    const WriterLock next(vault, {.seconds = 60});
    got = true;
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(got);
  // As a model that is replaced: at no time is there none.
  std::filesystem::create_directory(old);
  ASSERT_EQ(::renameat2(AT_FDCWD, vault.c_str(), AT_FDCWD, old.c_str(), RENAME_EXCHANGE), 0);
  waiting.join();
  EXPECT_TRUE(got);
  EXPECT_TRUE(std::filesystem::exists(vault / "lock"));
}

}  // namespace
}  // namespace recant

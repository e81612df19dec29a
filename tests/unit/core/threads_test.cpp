// SPDX-License-Identifier: Apache-2.0
#include "recant/core/threads.hpp"

#include <gtest/gtest.h>

#include "recant/core/error.hpp"

namespace recant {
namespace {

TEST(Threads, DefaultIsAtLeastOne) {
  set_threads(0);
  EXPECT_GE(threads(), 1);
}

TEST(Threads, IsWhatWasAskedFor) {
  set_threads(3);
  EXPECT_EQ(threads(), 3);
  set_threads(0);
}

TEST(Threads, RefusesANegativeCountAndKeepsTheFormer) {
  set_threads(2);
  EXPECT_THROW(set_threads(-1), UsageError);
  EXPECT_EQ(threads(), 2);
  set_threads(0);
}

}  // namespace
}  // namespace recant

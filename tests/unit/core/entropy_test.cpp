// SPDX-License-Identifier: Apache-2.0
#include "recant/core/entropy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "without_entropy.hpp"

namespace recant::test {
namespace {

using Bytes = std::array<std::uint8_t, 1000>;

/// Chance that 32 bytes in a row are 0, or that two fills are equal: 2^-256 and less.
void expect_random() {
  Bytes first{}, second{};
  draw_entropy(first);
  draw_entropy(second);
  EXPECT_NE(first, second);
  const auto end = std::span(first).last(32);
  EXPECT_TRUE(std::ranges::any_of(end, [](std::uint8_t byte) { return byte != 0; }));
}

TEST(Entropy, EveryByteIsDrawn) {
  expect_random();
  draw_entropy({});
}

TEST(Entropy, TheDeviceServesWhereTheKernelRefuses) {
  for (const int error : {ENOSYS, EPERM}) {
    const int code = in_sandbox({.getrandom_error = error, .files = true}, [] {
      expect_random();
      start_sodium();
    });
    if (code == kNoSandbox) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(code, 0) << error;
  }
}

TEST(Entropy, WithoutAnyThereIsAnError) {
  for (const int error : {ENOSYS, EPERM}) {
    const int code = in_sandbox({.getrandom_error = error}, [] {
      Bytes bytes;
      expect_error<DataError>([&] { return draw_entropy(bytes), 0; }, {"no random bytes"});
      start_sodium();  // libsodium itself would stop the process with SIGABRT
    });
    if (code == kNoSandbox) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(code, 0) << error;
  }
}

}  // namespace
}  // namespace recant::test

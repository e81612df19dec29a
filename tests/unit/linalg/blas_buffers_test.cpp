// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/blas_buffers.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/cholesky.hpp"

namespace recant {
namespace {

/// From now on there is place for so much beside what the process has.
void leave_addresses(std::size_t mebibytes) {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (mebibytes << 20);
  const rlimit limit{most, most};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
}

/// Each in a program that is started anew, in which nobody has used BLAS before.
class BlasBuffers : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { GTEST_FLAG_SET(death_test_style, "fast"); }
};

TEST_F(BlasBuffers, AreAsManyAsLeaveAsMuch) {
  for (const auto& [mebibytes, wanted] : {std::pair(64, 0), {300, 1}, {600, 2}}) {
    EXPECT_EXIT(
        {
          leave_addresses(static_cast<std::size_t>(mebibytes));
          const int taken = take_blas_buffers(4);
          _exit(address_space_is_limited() && taken == take_blas_buffers(9) ? taken : 99);
        },
        testing::ExitedWithCode(wanted), "")
        << mebibytes << " MiB";
  }
  EXPECT_EXIT(_exit(take_blas_buffers(2)), testing::ExitedWithCode(2), "");
}

TEST_F(BlasBuffers, WithoutOneIsAnErrorAndNoWait) {
  EXPECT_EXIT(
      {
        leave_addresses(64);
        test::expect_error<DataError>([] { return Cholesky::factor(Matrix::Identity(3, 3)); },
                                      {"not enough memory", "ulimit -v"});
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace recant

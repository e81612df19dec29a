// SPDX-License-Identifier: Apache-2.0
// The libraries behind this stage, as they are once the program has started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "recant/linalg/cholesky.hpp"

extern "C" char* openblas_get_corename();
namespace hwy::platform {
std::uint64_t TimerResolution();
}

namespace recant {
namespace {

/// Whatever OpenBLAS makes of a processor that it does not know.
TEST(Libraries, BlasUsesTheVectorsThatTheProcessorHas) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    GTEST_SKIP() << "SKIPPED: this processor has no AVX2";
  }
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) {
    GTEST_SKIP() << "SKIPPED: OPENBLAS_CORETYPE says which kernels";
  }
  ASSERT_TRUE(Cholesky::factor(Matrix::Identity(3, 3)).has_value());  // somebody needs BLAS
  EXPECT_THAT(
      std::string(openblas_get_corename()),
      testing::AnyOf("Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "SapphireRapids"));
#endif
}

/// libhwy's own answer takes milliseconds at every start and is never 1.
TEST(Libraries, HighwayDoesNotMeasureTheClock) {
  ASSERT_TRUE(Cholesky::factor(Matrix::Identity(3, 3)).has_value());
  EXPECT_EQ(hwy::platform::TimerResolution(), 1U);
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/rate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "wide_real.hpp"

namespace recant {
namespace {

/// P(X = k) of a binomial, in long double.
long double pmf(Index n, Index k, long double p) {
  long double log = 0;
  for (Index i = 1; i <= k; ++i) log += std::log(static_cast<long double>(n - k + i) / i);
  return std::exp(log + k * std::log(p) + (n - k) * std::log1p(-p));
}
long double at_most(Index n, Index k, long double p) {
  long double sum = 0;
  for (Index i = 0; i <= k; ++i) sum += pmf(n, i, p);
  return sum;
}

TEST(Rate, EndsSolveTheirEquations) {
  for (const Index n : {1, 2, 10, 97, 400}) {
    for (const Index k : {Index{0}, Index{1}, n / 3, n / 2, n - 1, n}) {
      for (const double confidence : {0.5, 0.95, 0.999}) {
        const Rate found = rate(k, n, confidence);
        const long double tail = (1 - static_cast<long double>(confidence)) / 2;
        EXPECT_EQ(found.value, static_cast<double>(k) / static_cast<double>(n));
        if (k == 0) {
          EXPECT_EQ(found.low, 0);
        } else {
          const auto above = static_cast<double>(1 - at_most(n, k - 1, found.low));
          EXPECT_NEAR(above / static_cast<double>(tail), 1, 1e-9) << k << " of " << n;
        }
        if (k == n) {
          EXPECT_EQ(found.high, 1);
        } else {
          const auto below = static_cast<double>(at_most(n, k, found.high));
          EXPECT_NEAR(below / static_cast<double>(tail), 1, 1e-9) << k << " of " << n;
        }
      }
    }
  }
  // No hit: 1 - (1 - high)^n = 1 - tail, also for many trials.
  const double none = rate(0, 1000000, 0.95).high;
  EXPECT_NEAR(none, -std::expm1(std::log(0.025) / 1e6), 1e-13);
}

/// P(X <= k) of a binomial, in 128 bits: every factor and sum is rounded once.
test::WideReal wide_at_most(Index n, Index k, const test::WideReal& p) {
  test::WideReal sum = 0;
  for (Index i = 0; i <= k; ++i) {
    test::WideReal term = 1;
    for (Index j = 1; j <= i; ++j) term *= test::WideReal(n - i + j) / test::WideReal(j) * p;
    for (Index j = 0; j < n - i; ++j) term *= test::WideReal(1) - p;
    sum += term;
  }
  return sum;
}

// A unit in the last place of 0.9999999 is a billionth of the tail that is left beyond it.
TEST(Rate, EndsAreRoundedOutward) {
  for (const Index n : {1, 2, 5, 10, 50, 97}) {
    for (Index k = 0; k <= n; k += n < 20 ? 1 : 7) {
      for (const double confidence : {0.3, 0.5, 0.95, 0.99, 0.999999, 1 - 1e-9, 1 - 1e-12}) {
        const Rate found = rate(k, n, confidence);
        const test::WideReal tail = (test::WideReal(1) - test::WideReal(confidence)) / 2;
        if (k > 0) {
          // P(X >= k; p) = P(n - X <= n - k; 1 - p).
          EXPECT_LE(wide_at_most(n, n - k, test::WideReal(1) - test::WideReal(found.low)), tail)
              << k << " of " << n << " at " << confidence;
        }
        if (k < n) {
          EXPECT_LE(wide_at_most(n, k, found.high), tail)
              << k << " of " << n << " at " << confidence;
        }
      }
    }
  }
}

TEST(Rate, CoversWhateverTheTruth) {
  // Exactly, not by simulation: the sum over all outcomes whose interval holds the truth.
  const Index n = 50;
  for (const double truth : {0.001, 0.02, 0.1, 0.37, 0.5, 0.8, 0.995}) {
    long double covered = 0;
    for (Index k = 0; k <= n; ++k) {
      const Rate found = rate(k, n, 0.95);
      if (found.low <= truth && truth <= found.high) covered += pmf(n, k, truth);
    }
    EXPECT_GE(static_cast<double>(covered), 0.95 - 1e-12) << truth;
  }
}

TEST(Rate, MirrorsAndNests) {
  const Rate a = rate(13, 40), b = rate(27, 40);
  EXPECT_NEAR(a.low, 1 - b.high, 1e-14);
  EXPECT_NEAR(a.high, 1 - b.low, 1e-14);
  EXPECT_LT(rate(13, 40, 0.99).low, a.low);
  EXPECT_GT(rate(13, 40, 0.99).high, a.high);
  const Rate nothing = rate(0, 0);
  EXPECT_EQ(nothing.low, 0);
  EXPECT_EQ(nothing.high, 1);
}

TEST(Rate, RefusesBadArguments) {
  test::expect_error<UsageError>([] { return rate(-1, 4); }, {"hits"});
  test::expect_error<UsageError>([] { return rate(5, 4); }, {"hits"});
  for (const double confidence : {0.0, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    test::expect_error<UsageError>([&] { return rate(1, 4, confidence); }, {"confidence"});
  }
}

// Values of SciPy's t.ppf.
TEST(StudentQuantile, AgreesWithTables) {
  const double tables[][3] = {
      {0.975, 1, 12.706204736174694},   {0.975, 9, 2.262157162798205},
      {0.9975, 9.37, 3.64629216963014}, {0.6, 3.5, 0.27326545405577973},
      {0.025, 30, -2.042272456301238},  {1 - 1e-12, 12, 28.687710250391397},
      {1e-9, 2.5, -3489.583395369981},  {0.999, 99999.5, 3.090313809834765}};
  for (const auto& [p, degrees, x] : tables) {
    EXPECT_NEAR(student_quantile(p, degrees) / x, 1, 1e-9) << p << ", " << degrees;
    EXPECT_EQ(student_quantile(1 - p, degrees) < 0, x > 0);
  }
  EXPECT_NEAR(student_quantile(0.5, 4), 0, 1e-12);
  // More degrees: the normal quantile, and never below it.
  const double many = student_quantile(0.975, 1e12);
  EXPECT_GT(many, 1.959963984540054);
  EXPECT_LT(many, 1.959963984540054 * (1 + 2e-5));
  test::expect_error<UsageError>([] { return student_quantile(0, 3); }, {"between 0 and 1"});
  test::expect_error<UsageError>([] { return student_quantile(0.9, 0); }, {"degrees"});
}

}  // namespace
}  // namespace recant

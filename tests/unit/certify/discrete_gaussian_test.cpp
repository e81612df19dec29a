// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/discrete_gaussian.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "expect_error.hpp"
#include "naive_discrete_gaussian.hpp"
#include "noise_statistics.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/error.hpp"

namespace recant::test {
namespace {

using Draws = std::vector<std::int64_t>;

Draws seeded_draws(const RationalVariance& variance, std::size_t count, std::uint64_t seed) {
  Draws draws(count);
  DiscreteGaussian(variance).draw_uncertified(seed, draws);
  return draws;
}

long double value(const RationalVariance& v) {
  return std::ldexp(static_cast<long double>(v.numerator) / static_cast<long double>(v.denominator),
                    v.exponent);
}

TEST(DiscreteGaussian, AgainstTheExactProbabilities) {
  const RationalVariance variances[] = {{1, 8},     {1, 2},      {1, 1},      {7, 3},
                                        {4, 1},     {355, 113},  {1000, 7},   {12345, 1},
                                        {1, 3, 16}, {50'175, 4}, {50'177, 1}, {1, 1, 15}};
  std::uint64_t seed = 100;
  for (const RationalVariance& variance : variances) {
    Cells cells(ExactPmf(value(variance)), 5000);
    for (const std::int64_t y : seeded_draws(variance, 400'000, ++seed)) cells.add(y);
    EXPECT_LT(std::abs(cells.score()), NoiseStatistics::kAlarm) << "sigma^2 " << value(variance);
  }
}

TEST(DiscreteGaussian, AgainstTheNaiveSampler) {
  std::uint64_t seed = 200;
  for (const RationalVariance variance : {RationalVariance{7, 3}, {1000, 7}, {1, 1, 20}}) {
    const std::size_t count = 100'000;
    Draws ours = seeded_draws(variance, count, ++seed), theirs(count);
    NaiveDiscreteGaussian naive(variance, ++seed);
    for (std::int64_t& y : theirs) y = naive.draw();
    // Two samples: the largest gap between their distribution functions (Smirnov); ties lower it.
    std::ranges::sort(ours);
    std::ranges::sort(theirs);
    double gap = 0;
    for (std::size_t i = 0, j = 0; i < count && j < count;) {
      const std::int64_t y = std::min(ours[i], theirs[j]);
      while (i < count && ours[i] == y) ++i;
      while (j < count && theirs[j] == y) ++j;
      gap = std::max(gap, std::abs(static_cast<double>(i) - static_cast<double>(j)));
    }
    // P(gap > x sqrt(2 count)) <= 2 exp(-2 x^2): 1e-9 at x = 3.28.
    EXPECT_LT(gap, 3.28 * std::sqrt(2.0 * count)) << "sigma^2 " << value(variance);
  }
}

TEST(DiscreteGaussian, MillionSeededDraws) {
  for (const int exponent : {20, 21}) {
    NoiseStatistics statistics(exponent);
    statistics.add(seeded_draws({.exponent = exponent}, 1'000'000, 1));
    statistics.expect_quiet();
  }
}

TEST(DiscreteGaussian, MillionSecureDraws) {  // false alarm: below 1e-9
  NoiseStatistics statistics(20);
  Draws draws(1'000'000);
  DiscreteGaussian({.exponent = 20}).draw(draws);
  statistics.add(draws);
  statistics.expect_quiet();
}

TEST(DiscreteGaussian, StatisticsNoticeAWrongSigma) {
  // 1 % at a million draws; 0.1 % at 10^8: tests/slow/certify.
  NoiseStatistics statistics(20);
  Draws draws = seeded_draws({10'201, 10'000, 20}, 1'000'000, 2);
  statistics.add(draws);
  EXPECT_GT(statistics.worst(), NoiseStatistics::kAlarm);
}

TEST(DiscreteGaussian, StatisticsNoticeRepetition) {
  NoiseStatistics statistics(20);
  Draws draws = seeded_draws({.exponent = 20}, 1'000'000, 3);
  for (std::size_t i = 7; i < draws.size(); i += 50) draws[i] = draws[i - 5];
  statistics.add(draws);
  EXPECT_GT(statistics.worst(), NoiseStatistics::kAlarm);
}

TEST(DiscreteGaussian, SymmetricAndScaledAlike) {
  // sigma = 2^10 and 2^20 share their table; one variance written in three ways is the same.
  EXPECT_EQ(seeded_draws({6, 4, 18}, 1000, 9), seeded_draws({3, 2, 18}, 1000, 9));
  EXPECT_EQ(seeded_draws({12, 1, 16}, 1000, 9), seeded_draws({3, 1, 18}, 1000, 9));
  EXPECT_EQ(seeded_draws({.exponent = 20}, 1000, 9), seeded_draws({.exponent = 20}, 1000, 9));
  EXPECT_NE(seeded_draws({.exponent = 20}, 1000, 9), seeded_draws({.exponent = 20}, 1000, 10));
}

TEST(DiscreteGaussian, Extremes) {
  for (const std::int64_t y : seeded_draws({1, std::uint64_t{1} << 40}, 1000, 1)) EXPECT_EQ(y, 0);
  const double sigma = 0x1p42;
  double sum = 0;
  for (const std::int64_t y : seeded_draws({.exponent = 84}, 10'000, 1)) {
    EXPECT_LT(std::abs(static_cast<double>(y)), 12 * sigma);
    sum += std::pow(static_cast<double>(y) / sigma, 2);
  }
  EXPECT_NEAR(sum / 10'000, 1, 7 * std::sqrt(2.0 / 10'000));
  Draws none;
  DiscreteGaussian({.exponent = 20}).draw(none);
}

TEST(DiscreteGaussian, BadVariances) {
  for (const RationalVariance bad :
       {RationalVariance{0, 1}, {1, 0}, {0, 0}, {.exponent = 85}, {.exponent = -41}, {3, 1, 84}}) {
    expect_error<UsageError>([&] { return DiscreteGaussian(bad); }, {"variance"});
  }
}

TEST(DiscreteGaussian, NoCallRepeatsAnother) {
  const DiscreteGaussian gaussian({.exponent = 40});
  Draws first(64), second(64);
  gaussian.draw(first);
  gaussian.draw(second);
  EXPECT_NE(first, second);
}

TEST(DiscreteGaussian, AForkRepeatsNothing) {
  const DiscreteGaussian gaussian({.exponent = 40});
  Draws before(64);
  gaussian.draw(before);  // whatever state there is, the children now have a copy of
  std::vector<Draws> all = {before};
  for (int child = 0; child < 2; ++child) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    Draws draws(64);
    const std::size_t size = draws.size() * sizeof draws[0];
    if (pid == 0) {
      gaussian.draw(draws);
      _exit(write(ends[1], draws.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
    }
    EXPECT_EQ(read(ends[0], draws.data(), size), static_cast<ssize_t>(size));
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    close(ends[0]);
    close(ends[1]);
    all.push_back(draws);
    gaussian.draw(draws);
    all.push_back(draws);
  }
  // sigma = 2^20: of the 320 numbers two are equal by chance now and then, 8 never (P < 1e-12).
  Draws numbers;
  for (const Draws& draws : all) numbers.insert(numbers.end(), draws.begin(), draws.end());
  std::ranges::sort(numbers);
  const auto different = std::unique(numbers.begin(), numbers.end());
  EXPECT_LT(numbers.end() - different, 8);
}

TEST(DiscreteGaussian, IsAsPrivateAsTheContinuousOne) {
  // Shifted by k: delta = sum max(0, P(y) - e^epsilon P(y - k)) <= delta(epsilon; (k/s)(1 +
  // 1/s^2)).
  const struct {
    int exponent;
    std::vector<std::int64_t> shifts;
  } cases[] = {{2, {1, 2, 3, 5, 8}}, {20, {1, 10, 100, 1024, 2048, 4096}}};
  for (const auto& [exponent, shifts] : cases) {
    const long double s2 = std::exp2(static_cast<long double>(exponent));
    const ExactPmf pmf(s2);
    for (const std::int64_t k : shifts) {
      const auto mu =
          static_cast<double>(static_cast<long double>(k) / std::sqrt(s2) * (1 + 1 / s2));
      for (const double tenths : {0.0, 0.5, 1.0, 2.0, 4.0}) {
        const double epsilon = tenths * mu;
        long double delta = 0;
        for (std::int64_t y = -pmf.end(); y <= pmf.end(); ++y) {
          delta +=
              std::max(0.0L, pmf(y) - std::exp(static_cast<long double>(epsilon)) * pmf(y - k));
        }
        EXPECT_LE(static_cast<double>(delta), gaussian_delta(epsilon, mu) * (1 + 1e-12))
            << "s^2 " << s2 << " shift " << k << " epsilon " << epsilon;
      }
    }
  }
}

}  // namespace
}  // namespace recant::test

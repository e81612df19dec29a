// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/grid_noise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "expect_error.hpp"
#include "noise_statistics.hpp"
#include "recant/certify/objective_perturbation.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"
#include "without_entropy.hpp"

namespace recant::test {
namespace {

PrivacyBudget budget_for(std::int64_t dimension, double max_sigma = 1) {
  return *enrol({.epsilon = 1, .delta = 1e-5, .releases = 3, .max_sigma = max_sigma}, dimension)
              .budget;
}

Vector some_theta(Index d) {
  return Vector::LinSpaced(d, -3, 7).array().sin() * 5;
}

TEST(GridNoise, IsRoundedParametersPlusTheDraws) {
  for (const Index d : {1, 2, 785, 1024, 1025, 5000}) {
    const PrivacyBudget budget = budget_for(d);
    const double h = budget.grid_step();
    Vector theta = some_theta(d);
    theta[0] = 2.5 * h;  // a tie goes to the even one
    const GridParameters out = GridNoise(budget).publish_uncertified(theta, 11).grid;
    std::vector<std::int64_t> noise((static_cast<std::size_t>(d) + 1023) / 1024 * 1024);
    DiscreteGaussian(budget.noise_variance()).draw_uncertified(11, noise);
    ASSERT_EQ(out.integers.size(), static_cast<std::size_t>(d));
    ASSERT_EQ(out.parameters.size(), d);
    EXPECT_EQ(out.grid_exponent, budget.grid_exponent);
    EXPECT_EQ(out.integers[0] - noise[0], 2);
    for (Index j = 0; j < d; ++j) {
      const auto i = static_cast<std::size_t>(j);
      const double rounded = static_cast<double>(out.integers[i] - noise[i]) * h;
      EXPECT_LE(std::abs(rounded - theta[j]), h / 2) << j;
      EXPECT_EQ(out.parameters[j],
                std::ldexp(static_cast<double>(out.integers[i]), budget.grid_exponent));
    }
  }
}

/// Whether libsodium has started before, and chosen where it would take its bytes from, or not yet.
TEST(GridNoise, NoEntropyIsAnErrorWithoutOutput) {
  const PrivacyBudget budget = budget_for(50);
  const GridNoise noise(budget);
  const DiscreteGaussian gaussian(budget.noise_variance());
  for (const bool started : {false, true}) {
    if (started) start_sodium();
    const int code = in_sandbox({}, [&] {
      const std::vector<std::int64_t> untouched(100, 123456789);
      std::vector<std::int64_t> draws = untouched;
      expect_error<DataError>([&] { return gaussian.draw(draws), 0; },
                              {"no random bytes", "nothing was drawn"});
      EXPECT_EQ(draws, untouched);
      expect_error<DataError>([&] { return noise.publish(some_theta(50)); }, {"no random bytes"});
      expect_error<DataError>([] { return draw_salt(); }, {"no random bytes"});
      expect_error<DataError>([] { return SigningKey::generate(); }, {"no random bytes"});
      expect_error<DataError>([] { return draw_perturbation(3, 0); }, {"no random bytes"});
    });
    if (code == kNoSandbox) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(code, 0) << "libsodium started: " << started;
  }
}

TEST(GridNoise, SecureReleasesDifferAndAreOnTheGrid) {
  const Index d = 1'000'000;
  const PrivacyBudget budget = budget_for(d);
  const GridNoise noise(budget);
  const Vector theta = Vector::Constant(d, 0.125);
  const GridParameters first = noise.publish(theta).grid, second = noise.publish(theta).grid;
  Index same = 0, off = 0;
  double sum = 0;
  for (Index j = 0; j < d; ++j) {
    const double steps = std::ldexp(first.parameters[j], -budget.grid_exponent);
    off += steps != std::nearbyint(steps) ? 1 : 0;
    same += first.parameters[j] == second.parameters[j] ? 1 : 0;
    sum += std::pow((first.parameters[j] - 0.125) / budget.sigma(), 2);
  }
  EXPECT_EQ(off, 0);
  EXPECT_LT(same, d / 20);  // at sigma/h >= 2^10 one in 3,600 agrees
  EXPECT_NEAR(sum / static_cast<double>(d), 1, 6.5 * std::sqrt(2.0 / static_cast<double>(d)));
}

TEST(GridNoise, StatisticsOfAThousandReleases) {
  const Index d = 1024;  // whole batches: the lags are those of one stream
  const PrivacyBudget budget = *enrol({.epsilon = 10, .delta = 0.2, .max_sigma = 1}, d).budget;
  const int exponent = budget.noise_variance().exponent;
  ASSERT_LE(exponent, 28) << "a finer grid would need too large a table of exact probabilities";
  const GridNoise noise(budget);
  NoiseStatistics statistics(exponent);
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    statistics.add(noise.publish_uncertified(Vector::Zero(d), seed).grid.integers);
  }
  statistics.expect_quiet();
}

TEST(GridNoise, LargestParameters) {
  const PrivacyBudget budget = budget_for(3);
  const GridNoise noise(budget);
  Vector theta = Vector::Zero(3);
  theta[1] = std::ldexp(0x1p52, budget.grid_exponent);
  const GridParameters out = noise.publish(theta).grid;
  EXPECT_EQ(out.parameters[1],
            std::ldexp(static_cast<double>(out.integers[1]), budget.grid_exponent));
  EXPECT_NEAR(static_cast<double>(out.integers[1]), 0x1p52, 0x1p40);
  for (const double bad :
       {std::ldexp(0x1p52 + 1, budget.grid_exponent), 1e300,
        std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    for (const double sign : {1.0, -1.0}) {
      theta[1] = sign * bad;
      expect_error<DataError>([&] { return noise.publish(theta); }, {"parameter 1", "2^52"});
    }
  }
}

TEST(GridNoise, BadArguments) {
  const PrivacyBudget budget = budget_for(3);
  const GridNoise noise(budget);
  expect_error<UsageError>([&] { return noise.publish(Vector::Zero(4)); }, {"theta", "3"});
  expect_error<UsageError>([&] { return noise.publish_uncertified(Vector::Zero(2), 1); },
                           {"theta"});
  PrivacyBudget bad = budget;
  bad.allowance *= 2;
  expect_error<UsageError>([&] { return GridNoise(bad); }, {"promise_exceeded"});
}

TEST(GridNoise, ASeededReleaseIsNotANoisyOne) {
  static_assert(!std::is_convertible_v<UncertifiedRelease, NoisyRelease>);
  static_assert(!std::is_constructible_v<NoisyRelease, UncertifiedRelease>);
  static_assert(!std::is_assignable_v<NoisyRelease&, UncertifiedRelease>);
}

}  // namespace
}  // namespace recant::test

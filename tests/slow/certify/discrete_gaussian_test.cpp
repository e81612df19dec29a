// SPDX-License-Identifier: Apache-2.0
// 10^8 draws, for what a million cannot tell. Prints the scores of docs/experiments/nightly.md.
#include "recant/certify/discrete_gaussian.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "noise_statistics.hpp"

namespace recant::test {
namespace {

constexpr int kBlocks = 100;
constexpr std::size_t kBlock = 1'000'000;

TEST(DiscreteGaussian100M, SecureDraws) {  // false alarm: below 1e-9
  const DiscreteGaussian gaussian({.exponent = 20});
  NoiseStatistics statistics(20);
  std::vector<std::int64_t> draws(kBlock);
  for (int block = 0; block < kBlocks; ++block) {
    gaussian.draw(draws);
    statistics.add(draws);
  }
  statistics.expect_quiet();
  for (const auto& [what, score] : statistics.scores()) fmt::print("{}: {:.2f}\n", what, score);
}

TEST(DiscreteGaussian100M, AThousandthOfSigmaIsNoticed) {
  // sigma 0.1 % too large, and too small: 14 standard errors of the variance.
  for (const std::uint64_t numerator : {1'002'001, 998'001}) {
    const DiscreteGaussian gaussian({numerator, 1'000'000, 20});
    NoiseStatistics statistics(20);
    std::vector<std::int64_t> draws(kBlock);
    for (int block = 0; block < kBlocks; ++block) {
      gaussian.draw_uncertified(static_cast<std::uint64_t>(block), draws);
      statistics.add(draws);
    }
    for (const auto& [what, score] : statistics.scores()) {
      if (what != "moment 2") continue;
      fmt::print("variance times {}: {} {:.1f}\n", static_cast<double>(numerator) / 1e6, what,
                 score);
      EXPECT_GT(std::abs(score), NoiseStatistics::kAlarm) << numerator;
    }
  }
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/grid_noise.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

namespace recant::test {
namespace {

TEST(GridNoise100M, NothingIsOffTheGrid) {
  constexpr Index kDimension = 1'000'000;
  const PrivacyBudget budget =
      *enrol({.epsilon = 1, .delta = 1e-5, .releases = 100, .max_sigma = 0.7}, kDimension).budget;
  const GridNoise noise(budget);
  const Vector theta = Vector::LinSpaced(kDimension, -3, 3) * std::acos(-1.0);
  const double h = std::exp2(budget.grid_exponent);
  std::int64_t off = 0, outputs = 0;
  for (int release = 0; release < 100; ++release) {
    for (const double x : noise.publish(theta).grid.parameters) {
      off += std::fmod(x, h) != 0;
      ++outputs;
    }
  }
  EXPECT_EQ(off, 0);
  EXPECT_EQ(outputs, 100'000'000);
  fmt::print("{} of {} outputs off the grid\n", off, outputs);
}

}  // namespace
}  // namespace recant::test

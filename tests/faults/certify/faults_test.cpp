// SPDX-License-Identifier: Apache-2.0
// Each mistake of src/certify/faults.hpp, made on purpose: the check passes without it and fails
// with it.
#include "faults.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "expect_error.hpp"
#include "noise_statistics.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/certify/grid_noise.hpp"
#include "recant/core/error.hpp"
#include "sample_certificates.hpp"

namespace recant::test {
namespace {

constexpr Index kDimension = 1024;

class CertifyFaults : public testing::Test {
 protected:
  void TearDown() override { faults = {}; }
};

PrivacyBudget some_budget() {
  return *enrol({.epsilon = 1, .delta = 1e-5, .max_sigma = 1}, kDimension).budget;
}

/// The noise has the sigma of the budget: its variance, from 100 releases of 1,024 entries.
bool noise_is_as_large_as_promised() {
  const PrivacyBudget budget = some_budget();
  const GridNoise noise(budget);
  double sum = 0, count = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Vector published =
        noise.publish_uncertified(Vector::Zero(kDimension), seed).grid.parameters;
    sum += published.squaredNorm();
    count += kDimension;
  }
  const double variance = std::exp2(static_cast<double>(budget.sigma_exponent));
  return std::abs(sum / count / variance - 1) < NoiseStatistics::kAlarm * std::sqrt(2 / count);
}

/// B_max, h and sigma as published keep the promise when h sqrt(d) is counted.
bool promise_covers_rounding() {
  const PrivacyBudget budget =
      *enrol({.epsilon = 1, .delta = 1e-5, .releases = 10, .allowance = 1}, kDimension).budget;
  const double rounding = std::exp2(budget.grid_exponent) * std::sqrt(kDimension);
  const double mu = (budget.allowance + rounding) / std::exp2(budget.sigma_exponent / 2.0);
  return mu * std::sqrt(10.0) <= gaussian_mu(1, 1e-5) * (1 - 0x1p-21);
}

bool releases_have_noise_of_their_own() {
  const GridNoise noise(some_budget());
  const Vector theta = Vector::Zero(kDimension);
  const GridParameters first = noise.publish(theta).grid, second = noise.publish(theta).grid;
  int same = 0;
  for (std::size_t j = 0; j < kDimension; ++j) same += first.integers[j] == second.integers[j];
  return same < kDimension / 10;
}

bool every_output_is_on_the_grid() {
  const GridNoise noise(some_budget());
  const GridParameters out =
      noise.publish(Vector::LinSpaced(kDimension, -1, 1) * std::acos(-1.0)).grid;
  const double h = std::exp2(noise.budget().grid_exponent);
  return std::ranges::all_of(out.parameters, [&](double x) { return std::fmod(x, h) == 0; });
}

/// Two annexes, one statement: the public parts differ in commitment and signature alone.
bool public_part_does_not_depend_on_the_annex() {
  SampleCertificates samples(1);
  Sample sample = samples.certified();
  const SigningKey key = samples.key();
  const auto open_part = [&](double alpha) {
    sample.annex.alpha = alpha;
    const std::string text = issue(sample.statement, sample.annex, key).certificate;
    return text.substr(0, text.find("\"annex_commitment\""));
  };
  return open_part(0.25) == open_part(0.5);
}

TEST_F(CertifyFaults, SigmaHalved) {
  EXPECT_TRUE(noise_is_as_large_as_promised());
  faults.sigma_halved = true;
  EXPECT_FALSE(noise_is_as_large_as_promised());
}

TEST_F(CertifyFaults, RoundingForgotten) {
  EXPECT_TRUE(promise_covers_rounding());
  faults.rounding_forgotten = true;
  EXPECT_FALSE(promise_covers_rounding());
}

TEST_F(CertifyFaults, NoiseReused) {
  EXPECT_TRUE(releases_have_noise_of_their_own());
  faults.noise_reused = true;
  EXPECT_FALSE(releases_have_noise_of_their_own());
}

TEST_F(CertifyFaults, OffTheGrid) {
  EXPECT_TRUE(every_output_is_on_the_grid());
  faults.off_the_grid = true;
  EXPECT_FALSE(every_output_is_on_the_grid());
}

/// Of the right size and on rounded parameters, so that nothing but the grid tells it.
TEST_F(CertifyFaults, ContinuousNoise) {
  EXPECT_TRUE(every_output_is_on_the_grid());
  faults.continuous_noise = true;
  EXPECT_TRUE(noise_is_as_large_as_promised());
  EXPECT_TRUE(releases_have_noise_of_their_own());
  EXPECT_FALSE(every_output_is_on_the_grid());
}

TEST_F(CertifyFaults, AlphaLeaked) {
  EXPECT_TRUE(public_part_does_not_depend_on_the_annex());
  faults.alpha_leaked = true;
  EXPECT_FALSE(public_part_does_not_depend_on_the_annex());
}

}  // namespace
}  // namespace recant::test

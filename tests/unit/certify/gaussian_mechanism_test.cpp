// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/gaussian_mechanism.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "compare.hpp"
#include "expect_error.hpp"
#include "gaussian_reference.hpp"
#include "golden.hpp"
#include "recant/core/error.hpp"

namespace recant::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The formula as it stands, in long double: for mu of about 1, where it loses little.
long double naive_delta(long double epsilon, long double mu) {
  const auto tail = [](long double x) { return std::erfc(x / std::sqrt(2.0L)) / 2; };
  return tail(epsilon / mu - mu / 2) - std::exp(epsilon) * tail(epsilon / mu + mu / 2);
}

TEST(GaussianMechanism, DeltaIsNeverUnderTheReference) {
  for (const auto& [epsilon, mu, delta, log_delta] : gaussian_reference("curve")) {
    const std::string at = fmt::format("epsilon {} mu {}", epsilon, mu);
    expect_just_above(gaussian_delta(epsilon, mu), delta, at);
    // Next to delta = 1 the logarithm is as far above as delta itself; -3.19e18 is near the end of
    // what can be told apart.
    const double found = gaussian_log_delta(epsilon, mu), end = std::max(log_delta, -3.19e18);
    EXPECT_GE(found, log_delta) << at;
    EXPECT_LE(found, end * (1 - 1e-9) + 1e-15) << at;
  }
}

TEST(GaussianMechanism, InversesAreNeverOnTheUnsafeSide) {
  const std::vector<ReferenceLine> lines = gaussian_reference("calibrate");
  // The range that is promised, corner by corner.
  constexpr double kEpsilons[] = {1e-4, 1e4}, kDeltas[] = {1e-30, 0.5};
  const auto at_an_end = [](double x, std::span<const double> ends) {
    return std::ranges::find(ends, x) != ends.end();
  };
  int corners = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {  // all of them: tests/slow/certify
    const auto& [epsilon, delta, mu_down, epsilon_up] = lines[i];
    const bool corner = at_an_end(epsilon, kEpsilons) && at_an_end(delta, kDeltas);
    corners += corner;
    if (!corner && i % 25 != 0) continue;
    const std::string at = fmt::format("epsilon {} delta {}", epsilon, delta);
    expect_just_above(-gaussian_mu(epsilon, delta), -mu_down, at);
    expect_just_above(gaussian_epsilon(delta, mu_down), epsilon_up, at);
  }
  EXPECT_EQ(corners, 4);
}

TEST(GaussianMechanism, NaiveFormulaWhereItIsGood) {
  for (const double mu : {0.3, 1.0, 2.5, 7.0}) {
    for (const double epsilon : {0.0, 0.2, 1.0, 4.0}) {
      const auto wanted = static_cast<double>(naive_delta(epsilon, mu));
      expect_close(gaussian_delta(epsilon, mu), wanted, 1e-12, 0, "delta");
      expect_close(gaussian_log_delta(epsilon, mu), std::log(wanted), 1e-12, 1e-13, "log");
    }
  }
}

TEST(GaussianMechanism, SlopeInMuIsTheNormalDensity) {
  // d delta / d mu = phi(epsilon/mu - mu/2), by finite differences.
  for (const auto& [epsilon, mu] : {std::pair{0.1, 0.2}, {1.0, 0.5}, {3.0, 2.0}, {0.0, 1e-4}}) {
    const double step = mu * 1e-5, a = epsilon / mu - mu / 2;
    const double slope =
        (gaussian_delta(epsilon, mu + step) - gaussian_delta(epsilon, mu - step)) / (2 * step);
    expect_close(slope, std::exp(-a * a / 2) / std::sqrt(2 * std::acos(-1.0)), 1e-6, 0, "slope");
  }
}

TEST(GaussianMechanism, PublishedValues) {
  expect_close(gaussian_mu(1, 1e-5), 0.26805112321129, 1e-13, 0, "mu(1, 1e-5)");
  expect_close(gaussian_mu(1, 1e-6), 0.23670438066344, 1e-13, 0, "mu(1, 1e-6)");
  expect_close(gaussian_mu(0.1, 1e-6), 0.027544650243828, 1e-13, 0, "mu(0.1, 1e-6)");
  expect_close(gaussian_mu(8, 1e-5), 1.6660305978457, 1e-13, 0, "mu(8, 1e-5)");
  expect_close(gaussian_sigma(1, 1e-5, 2), 2 * 3.7306316348159, 1e-13, 0, "sigma");
  expect_close(gaussian_delta(800, 40), 0.49003266, 1e-7, 0, "delta(800; 40)");
  expect_close(gaussian_delta(1, 0.05), 1.1290332e-91, 1e-7, 0, "delta(1; 0.05)");
  const std::vector<double> hundred(100, 0.02681);
  expect_close(compose_gaussian(hundred), 0.2681, 1e-12, 0, "100 releases");
  expect_close(gaussian_delta(1, compose_gaussian(hundred)), 1.003e-5, 1e-3, 0, "delta of them");
}

TEST(GaussianMechanism, MuFallsAndDeltaRisesTogether) {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int i = 0; i < 200; ++i) {
    const double epsilon = std::exp(4 * uniform(random)), mu = std::exp(3 * uniform(random));
    const double more = 1 + 1e-9 + std::abs(uniform(random));
    EXPECT_LE(gaussian_log_delta(epsilon, mu), gaussian_log_delta(epsilon, mu * more));
    EXPECT_GE(gaussian_log_delta(epsilon, mu), gaussian_log_delta(epsilon * more, mu));
    EXPECT_NEAR(std::exp(gaussian_log_delta(epsilon, mu)), gaussian_delta(epsilon, mu), 1e-12);
  }
}

TEST(GaussianMechanism, InversesMeetTheirDefinition) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 20; ++i) {
    const double wide = i % 2 == 0 ? 1 : 6;  // where doubles have nothing left of delta, too
    const double epsilon = std::exp(wide * (5 * uniform(random) - 3));
    const double delta = std::exp(-1 - wide * 40 * uniform(random));
    const double mu = gaussian_mu(epsilon, delta);
    EXPECT_LE(gaussian_delta(epsilon, mu), delta);
    EXPECT_GT(gaussian_delta(epsilon, mu * (1 + 1e-14)), delta);
    const double back = gaussian_epsilon(delta, mu);
    EXPECT_LE(back, epsilon);
    EXPECT_LE(gaussian_delta(back, mu), delta);
    // To the last double, wherever the search began.
    EXPECT_GT(gaussian_delta(epsilon, std::nextafter(mu, kInfinity)), delta);
    EXPECT_GT(gaussian_delta(std::nextafter(back, 0.0), mu), delta);
    EXPECT_GE(1 / gaussian_sigma(epsilon, delta, 1), mu * (1 - 1e-15));
  }
}

TEST(GaussianMechanism, CompositionIsPythagoras) {
  const std::vector<double> mus = {3, 4, 12, 84};
  EXPECT_GE(compose_gaussian(mus), 85);
  EXPECT_LE(compose_gaussian(mus), 85 * (1 + 1e-14));
  const std::vector<double> parts = {compose_gaussian(std::span(mus).first(2)),
                                     compose_gaussian(std::span(mus).last(2))};
  expect_close(compose_gaussian(parts), 85, 1e-14, 0, "of parts");
  EXPECT_EQ(compose_gaussian({}), 0);
  EXPECT_EQ(compose_gaussian(std::vector<double>{0, 0}), 0);
  // Neither vanishing nor overflowing: 1e-200 squared is no double.
  EXPECT_GE(compose_gaussian(std::vector<double>{3e-200, 4e-200}), 5e-200);
  expect_close(compose_gaussian(std::vector<double>{3e200, 4e200}), 5e200, 1e-14, 0, "large");
}

TEST(GaussianMechanism, Corners) {
  EXPECT_EQ(gaussian_delta(1, 0), 0);
  EXPECT_EQ(gaussian_delta(0, 0), 0);
  EXPECT_EQ(gaussian_log_delta(1, 0), -kInfinity);
  EXPECT_GT(gaussian_delta(1, 1e-8), 0) << "a positive delta is never published as 0";
  EXPECT_LT(gaussian_log_delta(1, 1e-8), -1e15);
  EXPECT_EQ(gaussian_delta(0, 1e3), 1);
  EXPECT_LE(gaussian_delta(1e300, 1e-300), 1e-300);
  EXPECT_EQ(gaussian_delta(1, 1e300), 1);
  EXPECT_EQ(gaussian_epsilon(0.5, 0.1), 0);
  EXPECT_EQ(gaussian_epsilon(1e-9, 0), 0);
  EXPECT_GT(gaussian_mu(0, 1e-12), 0);
  EXPECT_GT(gaussian_mu(1e-300, 1e-12), 0);
}

TEST(GaussianMechanism, BadArguments) {
  for (const double bad : {-1.0, kNan, kInfinity}) {
    expect_error<UsageError>([&] { return gaussian_delta(bad, 1); }, {"epsilon"});
    expect_error<UsageError>([&] { return gaussian_delta(1, bad); }, {"mu"});
    expect_error<UsageError>([&] { return gaussian_log_delta(bad, 1); }, {"epsilon"});
    expect_error<UsageError>([&] { return gaussian_log_delta(1, bad); }, {"mu"});
    expect_error<UsageError>([&] { return gaussian_mu(bad, 0.1); }, {"epsilon"});
    expect_error<UsageError>([&] { return gaussian_epsilon(0.1, bad); }, {"mu"});
    expect_error<UsageError>([&] { return gaussian_sigma(1, 0.1, bad); }, {"l2_sensitivity"});
    expect_error<UsageError>([&] { return compose_gaussian(std::vector<double>{1, bad}); }, {"mu"});
  }
  for (const double bad : {-1.0, 0.0, 1.0, 2.0, kNan, kInfinity}) {
    expect_error<UsageError>([&] { return gaussian_mu(1, bad); }, {"delta must be > 0 and < 1"});
    expect_error<UsageError>([&] { return gaussian_epsilon(bad, 1); }, {"delta"});
    expect_error<UsageError>([&] { return gaussian_sigma(1, bad, 1); }, {"delta"});
  }
  expect_error<UsageError>([] { return gaussian_sigma(1, 0.1, 0); }, {"l2_sensitivity"});
}

TEST(GaussianMechanism, Golden) {
  if (!golden_available()) GTEST_SKIP() << kNoGolden;
  const nlohmann::json golden = load_golden("privacy");
  for (const auto& row : golden.at("gaussian_calibration")) {
    const double epsilon = row.at("eps"), delta = row.at("delta");
    expect_close(gaussian_sigma(epsilon, delta, 1), row.at("sigma_analytic"), 1e-12, 0, "sigma");
    const double classical = row.at("sigma_classical"), is = row.at("delta_at_classical_sigma");
    expect_close(gaussian_delta(epsilon, 1 / classical), is, 1e-10, 0, "classical");
  }
  for (const auto& row : golden.at("gdp_delta")) {
    const double epsilon = row.at("eps"), mu = row.at("mu"), delta = row.at("delta");
    if (delta > 1e-300) expect_close(gaussian_delta(epsilon, mu), delta, 1e-10, 0, "delta");
    const double log10_delta = row.at("log10_delta");
    expect_close(gaussian_log_delta(epsilon, mu) / std::log(10.0), log10_delta, 1e-12, 1e-13,
                 "log10 delta");
  }
  for (const auto& row : golden.at("gdp_eps")) {
    expect_close(gaussian_epsilon(row.at("delta"), row.at("mu")), row.at("eps"), 1e-12, 0, "eps");
  }
  for (const auto& row : golden.at("gdp_mu")) {
    expect_close(gaussian_mu(row.at("eps"), row.at("delta")), row.at("mu"), 1e-12, 0, "mu");
  }
  for (const auto& row : golden.at("gdp_composition")) {
    expect_close(compose_gaussian(numbers(row.at("mus"))), row.at("mu_total"), 1e-12, 0, "total");
  }
}

}  // namespace
}  // namespace recant::test

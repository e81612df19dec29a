// SPDX-License-Identifier: Apache-2.0
// Draws of the discrete Gaussian beside the plain rejection sampler, releases, and calibration. The
// floor of draws is the random bits that they hold (their entropy) at the rate at which libsodium's
// ChaCha20 makes random bytes; that of a table and of a calibration, functions of a few numbers, is
// not known.
#include <benchmark/benchmark.h>
#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "cases.hpp"
#include "machine.hpp"
#include "naive_discrete_gaussian.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/certify/grid_noise.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant::bench {
namespace {

/// The variance of draws from N_Z(0, 2^exponent) is within 7 standard errors.
void require_variance(const std::vector<std::int64_t>& draws, std::int64_t exponent) {
  double sum = 0;
  for (const std::int64_t y : draws) sum += std::pow(static_cast<double>(y), 2);
  const auto count = static_cast<double>(draws.size());
  require(std::abs(sum / count / std::exp2(exponent) - 1) < 7 * std::sqrt(2 / count), "variance");
}

/// Least seconds for a random byte, of several rounds of a megabyte.
double seconds_of_a_byte() {
  static const double seconds = [] {
    const unsigned char nonce[crypto_stream_chacha20_NONCEBYTES] = {};
    const unsigned char key[crypto_stream_chacha20_KEYBYTES] = {};
    std::vector<unsigned char> bytes(std::size_t{1} << 20);
    double least = 1e9;
    for (int round = 0; round < 20; ++round) {
      Stopwatch watch;
      crypto_stream_chacha20(bytes.data(), bytes.size(), nonce, key);
      least = std::min(least, watch.lap());
    }
    return least / static_cast<double>(bytes.size());
  }();
  return seconds;
}

/// Least seconds of one evaluation of f(x) for x = 1, 2, ..., of several rounds.
template <class Function>
double seconds_of_one(int evaluations, const Function& f) {
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 20; ++round) {
    Stopwatch watch;
    for (int x = 1; x <= evaluations; ++x) benchmark::DoNotOptimize(f(x));
    least = std::min(least, watch.lap() / evaluations);
  }
  return least;
}

/// A root is proved by its function on either side, at the least.
double floor_of_root() {
  static const double seconds =
      2 * seconds_of_one(4, [](int x) { return gaussian_delta(1, 0.26 + 1e-6 * x); });
  return seconds;
}

/// So many draws of a discrete Gaussian of this variance hold log2(sqrt(2 pi e variance)) bits
/// each.
void report_draws(benchmark::State& state, std::int64_t draws, double log2_variance) {
  const double bits = (log2_variance + std::log2(2 * std::numbers::pi * std::numbers::e)) / 2;
  report(state, {.floor_seconds = static_cast<double>(draws) * bits / 8 * seconds_of_a_byte()});
  state.SetItemsProcessed(state.iterations() * draws);
}

void draw(benchmark::State& state) {
  const DiscreteGaussian gaussian({.exponent = static_cast<int>(state.range(0))});
  std::vector<std::int64_t> draws(1 << 16);
  gaussian.draw(draws);
  require_variance(draws, state.range(0));
  for (auto _ : state) {
    gaussian.draw(draws);
    benchmark::DoNotOptimize(draws.data());
  }
  report_draws(state, std::ssize(draws), static_cast<double>(state.range(0)));
}

void draw_naively(benchmark::State& state) {
  test::NaiveDiscreteGaussian gaussian({.exponent = static_cast<int>(state.range(0))}, 1);
  std::vector<std::int64_t> draws(1 << 16);
  for (std::int64_t& y : draws) y = gaussian.draw();
  require_variance(draws, state.range(0));
  for (auto _ : state) {
    for (std::int64_t& y : draws) y = gaussian.draw();
    benchmark::DoNotOptimize(draws.data());
  }
  report_draws(state, std::ssize(draws), static_cast<double>(state.range(0)));
}

void build_table(benchmark::State& state) {
  const auto build = [&] {
    return DiscreteGaussian({.exponent = static_cast<int>(state.range(0))});
  };
  std::vector<std::int64_t> draws(1 << 16);
  build().draw(draws);
  require_variance(draws, state.range(0));
  for (auto _ : state) {
    const DiscreteGaussian gaussian = build();
    benchmark::DoNotOptimize(&gaussian);
  }
  // The table has 2,048 columns; to know what is in one takes an exponential.
  constexpr int kColumns = 2048;
  static const double exponential =
      seconds_of_one(kColumns, [](int x) { return std::exp(-1e-3 * x); });
  report(state, {.floor_seconds = kColumns * exponential});
}

void publish(benchmark::State& state) {
  const Index d = state.range(0);
  const PrivacyBudget budget = *enrol({.epsilon = 1, .delta = 1e-4, .max_sigma = 1}, d).budget;
  const GridNoise noise(budget);
  const Vector theta = numbers(d, -1, 1, 1);
  const GridParameters out = noise.publish(theta).grid;
  require((out.parameters - theta).norm() < 10 * budget.sigma() * std::sqrt(static_cast<double>(d)),
          "publish");
  for (auto _ : state) benchmark::DoNotOptimize(noise.publish(theta).grid.integers.data());
  report_draws(state, d, 2 * (std::log2(budget.sigma()) - out.grid_exponent));
}

void calibrate(benchmark::State& state) {
  require(std::abs(gaussian_mu(1, 1e-5) - 0.26805112321129) < 1e-13, "gaussian_mu");
  for (auto _ : state) benchmark::DoNotOptimize(gaussian_mu(1, 1e-5));
  report(state, {.floor_seconds = floor_of_root()});
}

/// delta(epsilon; mu) by its formula, in doubles.
double delta_of(double epsilon, double mu) {
  const auto normal = [](double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; };
  return normal(mu / 2 - epsilon / mu) - std::exp(epsilon) * normal(-mu / 2 - epsilon / mu);
}

void enrolment(benchmark::State& state) {
  const EnrolmentOptions options{.epsilon = 1, .delta = 1e-5, .releases = 1000, .allowance = 0.01};
  constexpr int kDimension = 785;
  const auto budget = enrol(options, kDimension).budget;
  require(budget && budget->allowance >= 0.01, "the allowance is granted");
  const auto promised = [&](double sigma, double allowance) {
    const double loudness = allowance + budget->grid_step() * std::sqrt(kDimension);
    return delta_of(options.epsilon, std::sqrt(1000) * (1 + 0x1p-20) * loudness / sigma);
  };
  require(promised(budget->sigma(), budget->allowance) <= 1e-5 * (1 + 1e-6), "the promise is kept");
  require(promised(budget->sigma() / std::numbers::sqrt2, 0.01) > 1e-5, "by the least sigma");
  for (auto _ : state) benchmark::DoNotOptimize(enrol(options, kDimension));
  report(state, {.floor_seconds = floor_of_root()});
}

BENCHMARK(draw)->Arg(20)->Arg(21)->Arg(30)->Arg(40)->ArgName("log2_variance");
BENCHMARK(draw_naively)->Arg(20)->Arg(30)->ArgName("log2_variance");
BENCHMARK(build_table)->Arg(20)->Arg(40)->ArgName("log2_variance")->Unit(benchmark::kMillisecond);
BENCHMARK(publish)->Arg(100)->Arg(785)->Arg(1'000'000)->ArgName("d")->Unit(benchmark::kMicrosecond);
BENCHMARK(calibrate)->Unit(benchmark::kMillisecond);
BENCHMARK(enrolment)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace recant::bench

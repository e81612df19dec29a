// SPDX-License-Identifier: Apache-2.0
#include "promise.hpp"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>

#include "template.hpp"

// d delta / d mu is the normal density at epsilon/mu - mu/2, so delta is its integral from 0. With
// m = s e^-t, s = sqrt(2 epsilon):
//
//   delta(epsilon; mu) = s / sqrt(2 pi)  integral from asinh(a/s) of  exp(-(s sinh t)^2 / 2 - t) dt
//
// where a = epsilon/mu - mu/2. The issuer takes a difference of two tails in many digits instead.
namespace recant::verification {
namespace {

static_assert(LDBL_MANT_DIG >= 64, "the tolerance below is for 64 bits or more");
constexpr long double kTolerance = 1e-12L;

constexpr std::array<long double, 4> kNodes = {
    0.1834346424956498049394761L, 0.5255324099163289858177390L, 0.7966664774136267395915539L,
    0.9602898564975362316835609L};
constexpr std::array<long double, 4> kWeights = {
    0.3626837833783619829651504L, 0.3137066458778872873379622L, 0.2223810344533744705443560L,
    0.1012285362903762591525314L};

/// `one` is mu of one release; `mu` is that of all that the pair is promised for.
void check_pair(const std::string& prefix, double epsilon, double delta, long double one,
                long double mu) {
  const std::string what = prefix.empty() ? "the allowance" : "the allowance with the step";
  require(epsilon > 0, prefix + "epsilon is not above 0");
  require(delta > 0 && delta < 1, prefix + "delta is not between 0 and 1");
  require(one <= 4 * (1 + 0x1p-20L) * (1 + kTolerance), what + " is above 4 sigma");
  require(
      delta_by_quadrature(epsilon, mu) <= delta * (1 + kTolerance),
      what + " does not give the " + prefix + "epsilon and " + prefix + "delta that are stated");
}

}  // namespace

long double Budget::mu(std::int64_t t, long double step) const {
  const long double rounding = grid_step() * std::sqrt(static_cast<long double>(dimension));
  return (1 + 0x1p-20L) * (step + allowance + rounding) / sigma() *
         std::sqrt(static_cast<long double>(t));
}

long double delta_by_quadrature(long double epsilon, long double mu) {
  const long double s = std::sqrt(2 * epsilon);
  // What lies before -40 is below e^-800 of the whole.
  const long double first = std::max(epsilon / mu - mu / 2, -40.0L);
  long double sum = 0;
  for (long double t = std::asinh(first / s);;) {
    // In a step the exponent changes by about 1: eight points leave an error below 1e-16.
    const long double a = s * std::sinh(t);
    const long double slope = std::sqrt(a * a + s * s);  // da/dt
    const long double half = 0.25L / (1 + slope * (1 + std::fabs(a)));
    long double panel = 0;
    for (std::size_t i = 0; i < kNodes.size(); ++i) {
      for (const long double side : {-1.0L, 1.0L}) {
        const long double u = t + half * (1 + side * kNodes[i]);
        const long double x = s * std::sinh(u);
        panel += kWeights[i] * std::exp(-x * x / 2 - u);
      }
    }
    sum += half * panel;
    t += 2 * half;
    if (a > 0 && half * panel <= sum * 1e-19L) break;
  }
  return s / std::sqrt(2 * std::acos(-1.0L)) * sum;
}

void check_promise(const Budget& b) {
  require(b.allowance > 0, "the allowance is not above 0");
  const std::int64_t ratio = b.sigma_exponent - 2 * b.grid_exponent;  // of (sigma/h)^2
  require(ratio >= 20, "the grid is coarser than 2^-10 of sigma");
  require(ratio <= 84, "the grid is finer than 2^-42 of sigma");
  const auto d = static_cast<long double>(b.dimension);
  require(d * static_cast<long double>(b.releases) <= 1e12L,
          "dimension times releases is above 10^12");
  require(b.grid_step() * std::sqrt(d) <= b.allowance * 0x1p-10L * (1 + kTolerance),
          "rounding to the grid takes more than 2^-10 of the allowance");
  check_pair("", b.epsilon, b.delta, b.mu(1), b.mu(b.releases));
  if (b.difference_step == 0) return;
  const long double both = b.mu(1, b.difference_step);
  check_pair("difference_", b.difference_epsilon, b.difference_delta, both, both);
}

}  // namespace recant::verification

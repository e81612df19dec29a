// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/rate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

// docs/mathematics.md section 6.1.
namespace recant {
namespace {

/// The continued fraction of the incomplete beta function, by Lentz's method; x <= a / (a + b).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kAccuracy = 1e-15;
  constexpr int kMostTerms = 100000;
  const auto away = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), value = d;
  for (int m = 1; m < kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double factor = 1;
    for (const double term : {even, odd}) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      factor = c * d;
      value *= factor;
    }
    if (std::abs(factor - 1) < kAccuracy) return value;
  }
  throw InternalError("the incomplete beta function did not converge");
}

/// P(Beta(a, b) <= x) for a, b > 0.
double beta_below(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/// The ends of an interval around where `below`, which does not fall, passes `level`.
struct Ends {
  double low = 0, high = 1;
};
template <class Below>
Ends where(Below&& below, double level) {
  Ends ends;
  for (int i = 0; i < 64; ++i) {
    const double middle = ends.low + (ends.high - ends.low) / 2;
    (below(middle) < level ? ends.low : ends.high) = middle;
  }
  return ends;
}

}  // namespace

Rate rate(Index hits, Index trials, double confidence) {
  check_at_least("trials", trials, 0);
  check_between("hits", static_cast<double>(hits), 0, static_cast<double>(trials));
  if (!(confidence > 0 && confidence < 1)) {
    throw UsageError(fmt::format("confidence must be between 0 and 1, but is {}", confidence));
  }
  Rate out{.hits = hits, .trials = trials};
  if (trials == 0) return out;
  const auto k = static_cast<double>(hits), n = static_cast<double>(trials);
  // lgamma(n) has that many digits less: the tails are made smaller by what it may cost.
  const double rounding = 1e-15 * (1 + std::lgamma(n + 2));
  const double tail = (1 - confidence) / 2 * (1 - rounding);
  out.value = k / n;
  // P(X >= k; p) = P(Beta(k, n - k + 1) <= p).
  if (hits > 0) out.low = where([&](double p) { return beta_below(k, n - k + 1, p); }, tail).low;
  // P(X <= k; p) = P(Beta(n - k, k + 1) <= 1 - p). A double has fewer digits near 1 than near 0:
  // where the tail is small, rounding 1 - q to nearest could take a billionth of it.
  if (hits < trials) {
    const double q = where([&](double x) { return beta_below(n - k, k + 1, x); }, tail).low;
    out.high = std::min(1.0, std::nextafter(1 - q, 2.0));
  }
  return out;
}

double student_quantile(double p, double degrees) {
  if (!(p > 0 && p < 1)) throw UsageError(fmt::format("p must be between 0 and 1, but is {}", p));
  check_positive("degrees of freedom", degrees);
  constexpr double kMostDegrees = 1e5;  // beyond, lgamma loses the digits that would tell
  const double nu = std::min(degrees, kMostDegrees), tail = std::min(p, 1 - p);
  // P(T >= x) = P(Beta(nu / 2, 1 / 2) <= nu / (nu + x^2)) / 2 for x > 0, looked for on the scale of
  // its logarithm.
  const auto at = [](double share) { return std::exp(760 * share - 60); };
  const Ends ends = where(
      [&](double share) {
        const double x = at(share);
        return -beta_below(nu / 2, 0.5, nu / (nu + x * x)) / 2;
      },
      -tail);
  const double x = at(ends.high);
  return p < 0.5 ? -x : x;
}

}  // namespace recant

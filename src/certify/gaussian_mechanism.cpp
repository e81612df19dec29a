// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/gaussian_mechanism.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "real.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

// The difference of two tails loses about log2(epsilon / mu^2) bits, and a double has none to lose
// when mu is small. So it is taken with as many bits as it needs, between two bounds that are both
// rounded outward: what is lost shows as their distance, and then they are taken again with more.
namespace recant {
namespace {

constexpr mpfr_prec_t kFewestBits = 64, kMostBits = 1024;

/// The widest range of exponents, while it lives: tails down to e^-3e18 are not yet 0.
class WideRange {
 public:
  WideRange() { mpfr_set_emin(mpfr_get_emin_min()); }
  ~WideRange() { mpfr_set_emin(before_); }
  WideRange(const WideRange&) = delete;
  WideRange& operator=(const WideRange&) = delete;

 private:
  mpfr_exp_t before_ = mpfr_get_emin();
};

void check_delta(double delta) {
  if (!(delta > 0 && delta < 1)) {
    throw UsageError(fmt::format("delta must be > 0 and < 1, but is {}", delta));
  }
}

/// low <= x <= high for x = (2 epsilon + sign mu^2) / (sqrt(8) mu): one of the two tails begins at
/// x sqrt(2). One rounding in the numerator (it is fused), three after it: 4.1 * 2^-bits in all.
void bound_argument(double epsilon, double mu, int sign, Real& low, Real& high) {
  const mpfr_prec_t bits = low.bits();
  Real m(bits), e(bits), x(bits);
  mpfr_set_d(m, mu, MPFR_RNDN);
  mpfr_set_d(e, epsilon, MPFR_RNDN);
  mpfr_mul_2ui(e, e, 1, MPFR_RNDN);
  if (sign > 0) {
    mpfr_fma(x, m, m, e, MPFR_RNDN);
  } else {
    mpfr_fms(x, m, m, e, MPFR_RNDN);
    mpfr_neg(x, x, MPFR_RNDN);
  }
  mpfr_sqrt_ui(e, 8, MPFR_RNDN);
  mpfr_mul(m, m, e, MPFR_RNDN);
  mpfr_div(x, x, m, MPFR_RNDN);
  mpfr_abs(e, x, MPFR_RNDN);
  mpfr_mul_2si(e, e, 3 - bits, MPFR_RNDU);
  mpfr_sub(low, x, e, MPFR_RNDD);
  mpfr_add(high, x, e, MPFR_RNDU);
}

/// low <= delta(epsilon; mu) <= high, mu > 0:  delta = (erfc(a / sqrt 2) - e^epsilon erfc(b / sqrt
/// 2)) / 2.
void bound_delta(double epsilon, double mu, Real& low, Real& high) {
  const mpfr_prec_t bits = low.bits();
  Real a_low(bits), a_high(bits), b_low(bits), b_high(bits), factor(bits);
  bound_argument(epsilon, mu, -1, a_low, a_high);
  bound_argument(epsilon, mu, +1, b_low, b_high);
  // erfc falls, so that its upper bound is at the lower end.
  mpfr_erfc(a_low, a_low, MPFR_RNDU);
  mpfr_erfc(a_high, a_high, MPFR_RNDD);
  mpfr_erfc(b_low, b_low, MPFR_RNDU);
  mpfr_erfc(b_high, b_high, MPFR_RNDD);
  mpfr_set_d(factor, epsilon, MPFR_RNDN);
  mpfr_exp(factor, factor, MPFR_RNDD);
  mpfr_mul(b_high, b_high, factor, MPFR_RNDD);
  mpfr_set_d(factor, epsilon, MPFR_RNDN);
  mpfr_exp(factor, factor, MPFR_RNDU);
  mpfr_mul(b_low, b_low, factor, MPFR_RNDU);
  mpfr_sub(high, a_low, b_high, MPFR_RNDU);
  mpfr_sub(low, a_high, b_low, MPFR_RNDD);
  mpfr_div_2ui(high, high, 1, MPFR_RNDU);
  mpfr_div_2ui(low, low, 1, MPFR_RNDD);
}

/// delta(epsilon; mu) <= delta; false when 1024 bits cannot tell, which is the safe side.
bool delta_at_most(double epsilon, double mu, double delta) {
  if (mu == 0) return true;
  const WideRange range;
  for (mpfr_prec_t bits = kFewestBits; bits <= kMostBits; bits *= 2) {
    Real low(bits), high(bits);
    bound_delta(epsilon, mu, low, high);
    if (mpfr_cmp_d(high, delta) <= 0) return true;
    if (mpfr_cmp_d(low, delta) > 0) return false;
  }
  return false;
}

/// read(upper bound of delta) once the bounds agree to 2^-60 of it, or at 1024 bits.
template <class Read>
double read_delta(double epsilon, double mu, Read read) {
  const WideRange range;
  for (mpfr_prec_t bits = 2 * kFewestBits;; bits *= 2) {
    Real low(bits), high(bits), gap(bits);
    bound_delta(epsilon, mu, low, high);
    mpfr_sub(gap, high, low, MPFR_RNDU);
    mpfr_mul_2ui(gap, gap, 60, MPFR_RNDU);
    if (mpfr_cmp(gap, high) <= 0 || bits >= kMostBits) return read(high);
  }
}

/// The last number, from 0 up, at which `holds`: it does at 0, and not at the largest double.
/// Doubles >= 0 are in the order of their bits, so halving those ends at two neighbours; first the
/// range is closed in around `near`, by steps that grow. Where that is does not change the answer.
template <class Predicate>
double last_at_which(double near, Predicate holds) {
  auto yes = std::bit_cast<std::uint64_t>(0.0);
  auto no = std::bit_cast<std::uint64_t>(std::numeric_limits<double>::max());
  const auto look = [&](std::uint64_t at) {
    const bool found = holds(std::bit_cast<double>(at));
    (found ? yes : no) = at;
    return found;
  };
  const auto start = std::bit_cast<std::uint64_t>(near);
  if (start > yes && start < no) {
    const bool up = look(start);
    for (std::uint64_t step = 1; no - yes > step; step *= 8) {
      if (look(up ? yes + step : no - step) != up) break;
    }
  }
  while (no - yes > 1) look(yes + (no - yes) / 2);
  return std::bit_cast<double>(yes);
}

/// delta(epsilon; mu) in doubles, where little may be left of it: to know where to look.
double rough_delta(double epsilon, double mu) {
  const double a = epsilon / mu - mu / 2;
  return (std::erfc(a / std::numbers::sqrt2) -
          std::exp(epsilon) * std::erfc((a + mu) / std::numbers::sqrt2)) /
         2;
}

/// A step of Newton's from `x`, where delta is `found`; x if that leads nowhere.
double nearer(double x, double found, double wanted, double slope) {
  const double next = x - (found - wanted) / slope;
  return next > 0 && next < std::numeric_limits<double>::max() ? next : x;
}

double next_up(double x) {
  return std::nextafter(x, std::numeric_limits<double>::infinity());
}

}  // namespace

double gaussian_delta(double epsilon, double mu) {
  check_non_negative("epsilon", epsilon);
  check_non_negative("mu", mu);
  if (mu == 0) return 0;
  return read_delta(epsilon, mu,
                    [](const Real& high) { return std::min(1.0, mpfr_get_d(high, MPFR_RNDU)); });
}

double gaussian_log_delta(double epsilon, double mu) {
  check_non_negative("epsilon", epsilon);
  check_non_negative("mu", mu);
  if (mu == 0) return -std::numeric_limits<double>::infinity();
  return read_delta(epsilon, mu, [](Real& high) {
    mpfr_log(high, high, MPFR_RNDU);
    return std::min(0.0, mpfr_get_d(high, MPFR_RNDU));
  });
}

double gaussian_epsilon(double delta, double mu) {
  check_delta(delta);
  check_non_negative("mu", mu);
  if (delta_at_most(0, mu, delta)) return 0;
  const double rough = last_at_which(0, [&](double e) { return rough_delta(e, mu) > delta; });
  // d delta / d epsilon
  const double slope =
      -std::exp(rough) * std::erfc((rough / mu + mu / 2) / std::numbers::sqrt2) / 2;
  const double near = nearer(rough, gaussian_delta(rough, mu), delta, slope);
  return next_up(last_at_which(near, [&](double e) { return !delta_at_most(e, mu, delta); }));
}

double gaussian_mu(double epsilon, double delta) {
  check_non_negative("epsilon", epsilon);
  check_delta(delta);
  const double rough =
      last_at_which(0, [&](double mu) { return !(rough_delta(epsilon, mu) > delta); });
  const double a = epsilon / rough - rough / 2;
  // d delta / d mu
  const double slope = std::exp(-a * a / 2) / std::sqrt(2 * std::numbers::pi);
  const double near = nearer(rough, gaussian_delta(epsilon, rough), delta, slope);
  return last_at_which(near, [&](double mu) { return delta_at_most(epsilon, mu, delta); });
}

double gaussian_sigma(double epsilon, double delta, double l2_sensitivity) {
  check_positive("l2_sensitivity", l2_sensitivity);
  return next_up(l2_sensitivity / gaussian_mu(epsilon, delta));
}

double compose_gaussian(std::span<const double> mus) {
  double largest = 0;
  for (const double mu : mus) {
    check_non_negative("mu", mu);
    largest = std::max(largest, mu);
  }
  if (largest == 0) return 0;
  double sum = 0;  // of squares that are at most 1: none overflows, and one is 1
  for (const double mu : mus) sum += (mu / largest) * (mu / largest);
  const double margin = static_cast<double>(mus.size() + 6) * 0x1p-53;
  return largest * std::sqrt(sum) * (1 + 2 * margin);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/objective_perturbation.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "real.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/certify/discrete_gaussian.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

// docs/mathematics.md section 5.6.
namespace recant {
namespace {

constexpr mpfr_prec_t kBits = 256;
constexpr double kSafety = 1 + 1e-9;  // beyond all rounding of the expressions it multiplies

void check_delta(std::string_view name, double delta) {
  if (!(delta > 0 && delta < 1)) {
    throw UsageError(fmt::format("{} must be > 0 and < 1, but is {}", name, delta));
  }
}

void check(const PerturbationBase& base) {
  check_at_least("dimension", base.dimension, 1);
  check_positive("least_eigenvalue", base.least_eigenvalue);
  check_positive("largest_eigenvalue", base.largest_eigenvalue);
  check_non_negative("leverage", base.leverage);
  check_non_negative("shrinkage", base.shrinkage);
  check_non_negative("step_range", base.step_range);
  check_non_negative("step_norm", base.step_norm);
}

/// Everything but `residual` over the ball of this radius, and in `residual` what then follows.
PerturbationSuprema over_ball(const PerturbationBase& base, double radius) {
  PerturbationSuprema out{.radius = radius,
                          .bounds_fourth_derivative = base.bounds_fourth_derivative};
  const double kept = 1 - base.shrinkage;
  const double q = radius / std::sqrt(base.least_eigenvalue), cq = base.leverage * q;
  if (!(kept > 0 && cq < 1)) return out;
  // How far the optimum moves, as curvature (s: H changes by e^-s .. e^s) and in the norm of H.
  const double s = -std::log1p(-cq);
  const double way = base.leverage > 0 ? s / base.leverage : q;
  out.shrinkage = base.shrinkage * std::exp(2 * s) * kSafety;
  // By how much the step v(b) differs from v(0), in the norm of H_S(0).
  const double apart =
      std::expm1(s) * base.step_norm + std::exp(2 * s) * base.shrinkage * way / std::sqrt(kept);
  out.range = (base.step_range + base.leverage / std::sqrt(kept) * apart) * kSafety;
  const double step = std::exp(s / 2) * (base.step_norm + apart);
  const double largest = std::exp(s) * base.largest_eigenvalue;
  out.condition =
      std::exp(2 * s) * base.largest_eigenvalue / (kept * base.least_eigenvalue) * kSafety;
  out.residual =
      self_concordance_remainder(out.range) * step * std::sqrt(largest) * kSafety * kSafety;
  out.bounded = out.shrinkage < 1 && std::isfinite(out.range) && std::isfinite(out.condition) &&
                std::isfinite(out.residual);
  return out;
}

double up(const Real& x) {
  return mpfr_get_d(x, MPFR_RNDU);
}

/// j = R + (e^rho - 1) rho + rho g, upward, where R bounds what is left of the change of curvature
/// when the third derivative is taken off it: e^rho - 1 - rho by the fourth, and without one
/// e^rho - 1 + rho, the two of them added.
void bound_dependence(const PerturbationSuprema& suprema, Real& j) {
  Real rho(kBits), e(kBits), term(kBits);
  mpfr_set_d(rho, suprema.range, MPFR_RNDU);
  mpfr_expm1(e, rho, MPFR_RNDU);
  if (suprema.bounds_fourth_derivative) {
    mpfr_sub(j, e, rho, MPFR_RNDU);
  } else {
    mpfr_add(j, e, rho, MPFR_RNDU);
  }
  mpfr_mul(term, e, rho, MPFR_RNDU);
  mpfr_add(j, j, term, MPFR_RNDU);
  mpfr_mul_d(term, rho, suprema.shrinkage, MPFR_RNDU);
  mpfr_add(j, j, term, MPFR_RNDU);
}

/// L = j sqrt(condition), upward.
void bound_lipschitz(const Real& j, double condition, Real& lipschitz) {
  mpfr_set_d(lipschitz, condition, MPFR_RNDU);
  mpfr_sqrt(lipschitz, lipschitz, MPFR_RNDU);
  mpfr_mul(lipschitz, lipschitz, j, MPFR_RNDU);
}

/// Lambda = -d ln(1 - j), upward; j < 1.
void bound_log_determinant(const Real& j, Index dimension, Real& out) {
  mpfr_neg(out, j, MPFR_RNDD);
  mpfr_log1p(out, out, MPFR_RNDD);
  mpfr_neg(out, out, MPFR_RNDU);
  mpfr_mul_si(out, out, dimension, MPFR_RNDU);
}

/// L' = L / (1 - L), upward; L < 1.
void bound_inverse(const Real& lipschitz, Real& out) {
  mpfr_ui_sub(out, 1, lipschitz, MPFR_RNDD);
  mpfr_div(out, lipschitz, out, MPFR_RNDU);
}

/// (L' + L'^2 / 2) r^2 + Lambda, upward.
void bound_epsilon_2(const Real& inverse, double radius, const Real& determinant, Real& out) {
  Real square(kBits), r(kBits);
  mpfr_sqr(square, inverse, MPFR_RNDU);
  mpfr_div_2ui(square, square, 1, MPFR_RNDU);
  mpfr_add(square, square, inverse, MPFR_RNDU);
  mpfr_set_d(r, radius, MPFR_RNDU);
  mpfr_sqr(r, r, MPFR_RNDU);
  mpfr_mul(out, square, r, MPFR_RNDU);
  mpfr_add(out, out, determinant, MPFR_RNDU);
}

/// e^power a + b, upward.
double scaled_sum(double power, double a, double b) {
  Real e(kBits);
  mpfr_set_d(e, power, MPFR_RNDU);
  mpfr_exp(e, e, MPFR_RNDU);
  mpfr_mul_d(e, e, a, MPFR_RNDU);
  mpfr_add_d(e, e, b, MPFR_RNDU);
  return up(e);
}

}  // namespace

std::string_view name(PerturbationRefusal refusal) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"none", "unbounded", "not_contracting",
                                                      "dependence", "noise_too_small"};
  return kNames[static_cast<std::size_t>(refusal)];
}

double perturbation_radius(Index dimension, double delta_2) {
  check_at_least("dimension", dimension, 1);
  check_delta("delta_2", delta_2);
  Real root(kBits), tail(kBits);
  mpfr_sqrt_ui(root, static_cast<unsigned long>(dimension), MPFR_RNDU);
  mpfr_set_d(tail, delta_2, MPFR_RNDD);
  mpfr_log(tail, tail, MPFR_RNDD);
  mpfr_neg(tail, tail, MPFR_RNDU);
  mpfr_mul_2ui(tail, tail, 1, MPFR_RNDU);
  mpfr_sqrt(tail, tail, MPFR_RNDU);
  mpfr_add(root, root, tail, MPFR_RNDU);
  return up(root);
}

PerturbationSuprema perturbation_suprema(const PerturbationBase& base, double sigma,
                                         double radius_in_sigmas) {
  check(base);
  check_positive("sigma", sigma);
  check_positive("radius_in_sigmas", radius_in_sigmas);
  constexpr int kMostRounds = 100;
  double beta = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    const double radius = (sigma * radius_in_sigmas + 2 * beta) * kSafety;
    PerturbationSuprema found = over_ball(base, radius);
    if (!found.bounded || found.residual <= beta) {
      // beta is what the ball was made with, and it bounds the residual on it.
      found.residual = found.bounded ? beta : found.residual;
      return found;
    }
    beta = found.residual * 1.01;  // a little more, so that the next round may end
  }
  return {};
}

PerturbationPromise perturbation_promise(const PerturbationSuprema& suprema, Index dimension,
                                         const PerturbationOptions& options) {
  validate(options);
  check_delta("delta", options.delta);
  PerturbationPromise out{.suprema = suprema};
  out.delta_2 = options.delta / 4 * std::exp(-options.epsilon) / kSafety;
  if (!(out.delta_2 > 0)) throw UsageError("delta is too small beside e^epsilon", "delta");
  out.radius = perturbation_radius(dimension, out.delta_2);
  const double ball = options.sigma * out.radius + 2 * suprema.residual;
  if (!suprema.bounded || !(suprema.radius >= ball)) return out;

  Real j(kBits), lipschitz(kBits), determinant(kBits), inverse(kBits), epsilon_2(kBits);
  bound_dependence(suprema, j);
  bound_lipschitz(j, suprema.condition, lipschitz);
  out.dependence = up(j);
  out.lipschitz = up(lipschitz);
  out.refusal = PerturbationRefusal::kNotContracting;
  if (!(out.dependence < 1 && out.lipschitz < 1)) return out;
  bound_log_determinant(j, dimension, determinant);
  bound_inverse(lipschitz, inverse);
  bound_epsilon_2(inverse, out.radius, determinant, epsilon_2);
  out.log_determinant = up(determinant);
  out.inverse_lipschitz = up(inverse);
  out.epsilon_2 = up(epsilon_2);
  out.refusal = PerturbationRefusal::kDependence;
  if (!(out.epsilon_2 < options.epsilon)) return out;

  // Downward, so that the sum is not above what was asked for.
  out.epsilon_1 = std::nextafter(options.epsilon - out.epsilon_2, 0.0);
  const double mu = suprema.residual / options.sigma * kSafety;
  out.delta_1 = gaussian_delta(out.epsilon_1, mu);
  out.epsilon = options.epsilon;
  out.delta = std::max(scaled_sum(out.epsilon_2, out.delta_1, out.delta_2),
                       scaled_sum(out.epsilon_1, out.delta_2, out.delta_1));
  out.refusal =
      out.delta <= options.delta ? PerturbationRefusal::kNone : PerturbationRefusal::kNoiseTooSmall;
  return out;
}

PerturbationPromise perturbation_promise(const PerturbationBase& base,
                                         const PerturbationOptions& options) {
  validate(options);
  check_delta("delta", options.delta);
  check(base);
  const double delta_2 = options.delta / 4 * std::exp(-options.epsilon) / kSafety;
  if (!(delta_2 > 0)) throw UsageError("delta is too small beside e^epsilon", "delta");
  const double radius = perturbation_radius(base.dimension, delta_2);
  return perturbation_promise(perturbation_suprema(base, options.sigma, radius), base.dimension,
                              options);
}

Vector draw_perturbation(Index dimension, int sigma_exponent) {
  check_at_least("dimension", dimension, 1);
  check_between("sigma_exponent", sigma_exponent, -800, 800);
  constexpr int kGrid = 40;  // (sigma / h)^2 = 2^40
  const bool odd = sigma_exponent % 2 != 0;
  const DiscreteGaussian gaussian({.exponent = kGrid + (odd ? 1 : 0)});
  std::vector<std::int64_t> draws(static_cast<std::size_t>(dimension));
  gaussian.draw(draws);
  const int step = (sigma_exponent - (odd ? 1 : 0) - kGrid) / 2;
  Vector b(dimension);
  for (Index j = 0; j < dimension; ++j) {
    b[j] = std::ldexp(static_cast<double>(draws[static_cast<std::size_t>(j)]), step);
  }
  sodium_memzero(draws.data(), draws.size() * sizeof draws[0]);
  return b;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace recant {
namespace {

constexpr double kInfinite = DistanceBound::kInfinite;

/// More than the few operations here may lose; never 0, so that nothing is ever claimed to be
/// exact.
double outward(double value) noexcept {
  return value * (1 + 1e-9) + std::numeric_limits<double>::min();
}

/// A number that is not one bounds nothing.
double known(double value) noexcept {
  return std::isnan(value) ? kInfinite : value;
}

/// -log(1 - c q) / c, q for c = 0; from q and the ratio, since c q may be too small for a double.
double self_concordant_distance(double c, double q) noexcept {
  const double x = c * q * (1 + 1e-14);
  if (!(x < 1)) return kInfinite;
  return x < 1e-8 ? q * (1 + x) : q * (-std::log1p(-x) / x);
}

/// E of statement 3, from 1 - a and b - 1, so that it keeps its digits where both are near 0.
double correction_factor(double below, double above, double range, double change) noexcept {
  const double mean = std::log1p(self_concordance_remainder(change));  // log((e^change - 1)/change)
  const double over = std::expm1(std::log1p(above) + range + mean);
  const double under = -std::expm1(std::log1p(-below) - range + mean - change);
  return std::max({over, under, 0.0});
}

/// Everything that does not depend on how r is known. `dual` is |r|_{H^{-1}}.
DistanceBound from_dual(const CurvatureFrame& frame, double range, double dual, double rounding,
                        double dropped) noexcept {
  DistanceBound bound;
  const double mu = frame.least_eigenvalue;
  bound.range = known(range);
  bound.leverage = known(frame.leverage);
  bound.least_eigenvalue = mu;
  if (!(mu > 0)) return bound;
  bound.a = 1 - frame.below - frame.hessian_rounding / mu;
  bound.b = 1 + frame.above + frame.hessian_rounding / mu;
  bound.residual = known(dual);
  bound.rounding = known(rounding);
  if (!(bound.a > 0) || !(bound.b < kInfinite)) return bound;
  const double q = std::exp(bound.range) * bound.residual / bound.a;
  bound.eta = known(self_concordant_distance(bound.leverage, q));
  bound.newton = known(outward(bound.eta / std::sqrt(mu) + dropped));
  return bound;
}

/// E eta / sqrt(mu) of statement 3.
double correction_term(const CurvatureFrame& frame, const DistanceBound& bound) noexcept {
  const double mu = frame.least_eigenvalue, lost = frame.hessian_rounding / mu;
  return correction_factor(frame.below + lost, frame.above + lost, bound.range,
                           bound.leverage * bound.eta) *
         bound.eta / std::sqrt(mu);
}

void choose_least(DistanceBound& bound) noexcept {
  const auto offer = [&](double value, BoundStatement statement) {
    if (!(value < bound.value)) return;
    bound.value = value;
    bound.statement = statement;
  };
  offer(bound.newton, BoundStatement::kNewton);
  offer(bound.corrected, BoundStatement::kCorrected);
  offer(bound.strong_convexity, BoundStatement::kStrongConvexity);
}

}  // namespace

std::string_view name(BoundStatement statement) noexcept {
  switch (statement) {
    case BoundStatement::kNone:
      return "none";
    case BoundStatement::kNewton:
      return "newton";
    case BoundStatement::kCorrected:
      return "corrected";
    case BoundStatement::kStrongConvexity:
      return "strong_convexity";
  }
  return "none";
}

double self_concordance_remainder(double rho) noexcept {
  if (rho == 0) return 0;
  if (!(rho < 1e-2)) return rho < kInfinite ? (std::expm1(rho) - rho) / rho : kInfinite;
  double sum = 0;  // rho/2! + rho^2/3! + ..., the smallest term first
  for (int k = 9; k >= 2; --k) sum = rho / k * (1 + sum);
  return sum;
}

DistanceBound bound_from_step(const CurvatureFrame& frame, const StepMeasure& step) noexcept {
  const double mu = frame.least_eigenvalue, root = std::sqrt(mu);
  const double kappa = self_concordance_remainder(known(step.range));
  const double above = 1 + frame.above + frame.hessian_rounding / mu;  // b
  // H_S v instead of H v: their difference is at most e |v| <= e |v|_H / sqrt(mu).
  const double rounding =
      step.linear_rounding / root + frame.hessian_rounding / mu * step.step_norm;
  const double curved = kappa > 0 ? above * kappa * step.step_norm : 0;
  const double linear = std::min(known(step.linear_residual / root),
                                 known(step.solution_decrement + step.solve_residual / root));
  DistanceBound bound =
      from_dual(frame, step.range, linear + curved + rounding, rounding, step.dropped);
  bound.kappa = kappa;
  if (bound.eta < kInfinite) {
    // H^{-1} r is s but for what the remainder and rounding may add.
    const double nearly = step.solution_norm + step.solve_residual / mu;
    bound.corrected = known(outward(nearly + (curved + rounding) / root +
                                    correction_term(frame, bound) + step.dropped));
  }
  choose_least(bound);
  return bound;
}

DistanceBound bound_from_residual(const CurvatureFrame& frame,
                                  const ResidualMeasure& residual) noexcept {
  const double mu = frame.least_eigenvalue, root = std::sqrt(mu);
  const double off = residual.solve_residual + residual.residual_rounding;
  DistanceBound bound = from_dual(frame, residual.range, residual.solution_decrement + off / root,
                                  off / root, residual.dropped);
  if (bound.eta < kInfinite) {
    bound.corrected = known(outward(residual.solution_norm + off / mu +
                                    correction_term(frame, bound) + residual.dropped));
  }
  bound.strong_convexity = known(
      outward((residual.residual_norm + residual.residual_rounding) / frame.l2 + residual.dropped));
  choose_least(bound);
  return bound;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace recant {
namespace {

constexpr double kInfinite = DistanceBound::kInfinite;

/// More than the few operations here may lose, and than vanishes of what has no square; never 0, so
/// that nothing is ever claimed to be exact.
double outward(double value) noexcept {
  return value * (1 + 1e-9) + kVanishedDistance;
}

/// A number that is not one bounds nothing.
double known(double value) noexcept {
  return std::isnan(value) ? kInfinite : value;
}

/// -log(1 - c q) / c, q for c = 0; from q and the ratio, since c q may be too small for a double.
double self_concordant_distance(double c, double q) noexcept {
  const double x = c * q * (1 + 1e-14);
  if (!(x < 1)) return kInfinite;
  return x < 1e-13 ? q * (1 + x) : q * (-std::log1p(-x) / x);
}

/// E of statement 3, from 1 - a and b - 1, so that it keeps its digits where both are near 0.
double correction_factor(double below, double above, double range, double change) noexcept {
  const double mean = std::log1p(self_concordance_remainder(change));  // log((e^change - 1)/change)
  const double over = std::expm1(std::log1p(above) + range + mean);
  const double under = -std::expm1(std::log1p(-below) - range + mean - change);
  return std::max({over, under, 0.0});
}

/// b: H_S(theta_0) <= b H.
double upper_factor(const CurvatureFrame& frame) noexcept {
  return 1 + frame.above + frame.hessian_rounding / frame.least_eigenvalue;
}

/// How much of |h|_H the data can pull on directions outside V: |Q^T A h| <= leak |h|_H, with A the
/// data's part of H_S(theta_0) and Q those directions.
double leak(const CurvatureFrame& frame) noexcept {
  return known(std::sqrt(frame.off_span_curvature * upper_factor(frame)));
}

/// |h| of a vector with |h|_H <= norm and l2 |Q^T h| <= pull.
double length(const CurvatureFrame& frame, double norm, double pull) noexcept {
  const double all = known(norm / std::sqrt(frame.least_eigenvalue));
  if (!(frame.span_eigenvalue > frame.least_eigenvalue)) return all;
  const double parts = std::hypot(norm / std::sqrt(frame.span_eigenvalue), pull / frame.l2);
  return std::min(all, known(parts));
}

/// zeta: how much curvature may have grown on the way between theta and theta*. `change` is rho of
/// the way.
double growth(const DistanceBound& bound, double change) noexcept {
  return known(std::exp(bound.range) * (1 + self_concordance_remainder(change)));
}

/// Everything that does not depend on how r is known. `dual` is |r|_{H^{-1}}, `pull` |Q^T r|.
DistanceBound from_dual(const CurvatureFrame& frame, double range, double dual, double rounding,
                        double pull, double dropped) noexcept {
  DistanceBound bound;
  const double mu = frame.least_eigenvalue;
  bound.frame = frame;
  bound.leak = leak(frame);
  bound.range = known(range);
  bound.leverage = known(frame.leverage);
  bound.least_eigenvalue = mu;
  bound.span_eigenvalue = frame.span_eigenvalue;
  if (!(mu > 0)) return bound;
  bound.a = 1 - frame.below - frame.hessian_rounding / mu;
  bound.b = upper_factor(frame);
  bound.residual = known(dual);
  bound.rounding = known(rounding);
  if (!(bound.a > 0) || !(bound.b < kInfinite)) return bound;
  const double q = std::exp(bound.range) * bound.residual / bound.a;
  bound.eta = known(self_concordant_distance(bound.leverage, q));
  bound.growth = growth(bound, bound.leverage * bound.eta);
  const double off = known(pull + bound.growth * bound.leak * bound.eta);
  bound.newton = known(outward(length(frame, bound.eta, off) + dropped));
  return bound;
}

/// How far curvature between theta and theta* can be from H, relative to it; `change` is rho of the
/// way.
double mean_factor(const CurvatureFrame& frame, const DistanceBound& bound,
                   double change) noexcept {
  const double lost = frame.hessian_rounding / frame.least_eigenvalue;
  return correction_factor(frame.below + lost, frame.above + lost, bound.range, change);
}

/// |theta - theta* - s| where it is at most `norm` in the norm of H, and theta - theta* at most
/// `distance`; what the data's mean Hessian on the way pulls outside V is `grown` times that of S.
double apart_from_step(const CurvatureFrame& frame, const DistanceBound& bound, double norm,
                       double distance, double grown) noexcept {
  const double pull = bound.leak * bound.residual + grown * bound.leak * distance +
                      frame.hessian_rounding * bound.solution;
  return known(length(frame, norm, known(pull)));
}

/// Statement 3 from eta of statement 2.
void correct_by_eta(const CurvatureFrame& frame, double dropped, DistanceBound& bound) noexcept {
  if (!(bound.eta < kInfinite)) return;
  bound.factor = known(mean_factor(frame, bound, bound.leverage * bound.eta));
  const double apart =
      apart_from_step(frame, bound, bound.factor * bound.eta, bound.eta, bound.growth);
  bound.corrected_by_eta = known(outward(bound.solution + apart + dropped));
}

/// Statement 3 without eta: theta* is in a ball of radius t around theta - s, in the norm of H, if
/// no model of that ball is so far that the step from there would leave it.
void correct_by_ball(const CurvatureFrame& frame, double dropped, DistanceBound& bound) noexcept {
  constexpr int kTries = 60;
  double t = 0;
  for (int i = 0; i < kTries; ++i) {
    const double change = bound.solution_range + bound.leverage * t;
    const double factor = mean_factor(frame, bound, change);
    if (!(factor < 1)) return;
    const double needed = factor / (1 - factor) * bound.residual;
    if (needed * (1 + 1e-9) <= t) {
      bound.ball_radius = t;
      bound.ball_factor = factor;
      bound.ball_growth = growth(bound, change);
      const double apart = apart_from_step(frame, bound, t, bound.residual + t, bound.ball_growth);
      bound.corrected_by_ball = known(outward(bound.solution + apart + dropped));
      return;
    }
    t = needed * (1 + 1e-3);
  }
}

/// Statement 3 after a second look: as above, around s + w and from curvature at theta in place of
/// that at theta_0, so that only the way from theta to theta* changes it.
void correct_by_second_look(const CurvatureFrame& frame, const ResidualMeasure& residual,
                            DistanceBound& bound) noexcept {
  const SecondLook& look = *residual.second;
  const double root = std::sqrt(bound.least_eigenvalue), grown = std::exp(bound.range);
  const double measured = look.residual + look.product_rounding;
  const double away = mean_factor(frame, bound, 0);  // of H_S(theta) from H, relative to H
  const double left = known(measured / root + bound.rounding + away * look.change_decrement);
  bound.second_residual = left;
  constexpr int kTries = 60;
  double t = 0;
  for (int i = 0; i < kTries; ++i) {
    const double change = look.solution_range + bound.leverage * t;
    const double kappa = self_concordance_remainder(change);
    const double pulled = left + kappa * bound.b * grown * look.solution_decrement;
    const double held = bound.a / grown * std::exp(-change) * (1 + kappa);
    const double needed = known(pulled / held);
    if (!(needed < kInfinite)) return;
    if (needed * (1 + 1e-9) <= t) {
      bound.second_radius = t;
      const double out = bound.leak, e = frame.hessian_rounding;
      const double off =
          measured + residual.sum_rounding +
          std::min(residual.score_rounding, known(out * residual.score_rounding_dual)) +
          ((grown + 1) * out + e / root) * look.change_decrement +
          grown * out * look.solution_decrement +
          growth(bound, change) * out * (look.solution_decrement + t);
      bound.corrected_by_second_look =
          known(outward(look.solution_norm + length(frame, t, known(off)) + residual.dropped));
      return;
    }
    t = needed * (1 + 1e-3);
  }
}

/// rho/2! + rho^2/3! + ... without its first terms: from rho^(first - 1)/first! on.
double remainder_series(double rho, int first) noexcept {
  double sum = 0;  // the smallest term first
  for (int k = first + 9; k >= first; --k) sum = rho / k * (1 + sum);
  for (int k = first - 1; k >= 2; --k) sum *= rho / k;
  return sum;
}

/// Statement 4.
double by_strong_convexity(double l2, double residual, double dropped) noexcept {
  if (!(l2 >= kLeastPenalty)) return kInfinite;
  return known(outward(residual / l2 + dropped));
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
  return remainder_series(rho, 2);
}

double self_concordance_remainder_3(double rho) noexcept {
  if (rho == 0) return 0;
  if (!(rho < 0.1))
    return rho < kInfinite ? (std::expm1(rho) - rho - rho * rho / 2) / rho : kInfinite;
  return remainder_series(rho, 3);
}

DistanceBound bound_from_step(const CurvatureFrame& frame, const StepMeasure& step) noexcept {
  const double mu = frame.least_eigenvalue, root = std::sqrt(mu), e = frame.hessian_rounding;
  const double kappa = self_concordance_remainder(known(step.range)), out = leak(frame);
  // H_S v instead of H v: their difference is at most e |v| <= e |v|_H / sqrt(mu).
  const double rounding = step.linear_rounding / root + e / mu * step.step_norm;
  const double curved = kappa > 0 ? upper_factor(frame) * kappa * step.step_norm : 0;
  const double solution = step.solution_norm + step.solve_residual / mu;
  const double decrement = known(step.solution_decrement + step.solve_residual / root);
  const double linear = std::min(known(step.linear_residual / root), decrement);
  // The same three parts of r outside V: of z, of the remainder, of rounding.
  const double linear_off =
      std::min(known(step.linear_residual), known((frame.l2 + e) * solution + out * decrement));
  const double curved_off =
      kappa > 0 ? known(out * (std::exp(step.range) + 1) * step.step_norm) : 0;
  DistanceBound bound =
      from_dual(frame, step.range, linear + curved + rounding, rounding,
                known(linear_off + curved_off + step.linear_rounding + e / root * step.step_norm),
                step.dropped);
  bound.kappa = kappa;
  // H^{-1} r is s but for what the remainder and rounding may add.
  bound.solution =
      known(solution + rounding / root +
            length(frame, curved, known(curved_off + out * curved + e / root * curved)));
  correct_by_eta(frame, step.dropped, bound);
  bound.corrected = bound.corrected_by_eta;
  bound.step_measure = step;
  choose_least(bound);
  return bound;
}

DistanceBound bound_from_residual(const CurvatureFrame& frame,
                                  const ResidualMeasure& residual) noexcept {
  const double mu = frame.least_eigenvalue, root = std::sqrt(mu), e = frame.hessian_rounding;
  const double b = upper_factor(frame), out = leak(frame);
  // Rounded scores change r along the rows: that costs least in the norm of H^{-1}.
  const double sums = residual.solve_residual + residual.sum_rounding;
  const double off = sums + residual.score_rounding;
  const double scores = std::sqrt(b) * residual.score_rounding_dual;
  const double rounding = std::min(known(off / root), known(sums / root + scores));
  const bool expanded = residual.step_norm != 0, carried = residual.way_norm != 0;
  const double kappa = expanded ? self_concordance_remainder_3(known(residual.range)) : 0;
  double missing = kappa > 0 ? b * kappa * residual.step_norm : 0;
  double missing_off = kappa > 0 ? known(out * kappa * residual.step_norm) : 0;
  double way_factor = 0;
  if (carried) {
    const double start = known(residual.start_range), way = known(residual.way_range);
    way_factor = known(correction_factor(frame.below + e / mu, frame.above + e / mu, start, way));
    missing = known(way_factor * residual.way_norm);
    const double grown = std::exp(start) * (1 + self_concordance_remainder(way));
    missing_off = known(((grown + 1) * out + e / root) * residual.way_norm);
  }

  const double dual = residual.solution_decrement + rounding + missing;
  const double correction =
      residual.solution_norm + std::min(known(off / mu), known(sums / mu + scores / root)) +
      length(frame, missing, known(missing_off + out * missing + e / root * missing));
  DistanceBound bound =
      from_dual(frame, residual.range, dual, rounding,
                known((frame.l2 + e) * correction + out * dual), residual.dropped);
  bound.kappa = kappa;
  bound.way_factor = way_factor;
  bound.solution = known(correction);
  if (bound.a > 0 && bound.b < kInfinite) {
    const double start =
        residual.solution_range + bound.leverage * (rounding + missing) * (1 + 1e-12);
    bound.solution_range = std::min(known(start), bound.leverage * bound.residual);
    correct_by_eta(frame, residual.dropped, bound);
    correct_by_ball(frame, residual.dropped, bound);
    if (residual.second) correct_by_second_look(frame, residual, bound);
    bound.corrected =
        std::min({bound.corrected_by_eta, bound.corrected_by_ball, bound.corrected_by_second_look});
  }
  if (!expanded && !carried) {
    bound.strong_convexity = by_strong_convexity(
        frame.l2, residual.residual_norm + residual.residual_rounding(), residual.dropped);
  }
  bound.residual_measure = residual;
  choose_least(bound);
  return bound;
}

DistanceBound bound_from_gradient(double l2, const GradientMeasure& gradient) noexcept {
  DistanceBound bound;
  bound.frame.l2 = l2;
  bound.gradient_measure = gradient;
  bound.strong_convexity =
      by_strong_convexity(l2, gradient.norm + (gradient.sum_rounding + gradient.score_rounding), 0);
  choose_least(bound);
  return bound;
}

}  // namespace recant

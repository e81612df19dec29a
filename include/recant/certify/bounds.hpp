// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <string_view>

#include "recant/model/deviation.hpp"

/// How far a model theta can be from theta* = argmin F_S, from a residual and a few constants,
/// whatever algorithm made theta. Symbols and proofs: docs/mathematics.md section 5.3.
///
///   1  |r|_{H^{-1}} <= |grad F_S(theta_0) + H_S v|_{H^{-1}} + b kappa(rho(v)) |v|_H
///      |r|_{H^{-1}} <= |... + T_S[v, v] / 2|_{H^{-1}} + b kappa_3(rho(v)) |v|_H
///      |r|_{H^{-1}} <= |grad F_S(theta_1) + H v'|_{H^{-1}} + E |v'|_H,  v' = theta - theta_1
///   2  q = e^{rho(v)} |r|_{H^{-1}} / a,  c q < 1:   |theta - theta*| <= eta / sqrt(mu),
///      eta = -log(1 - c q) / c
///   3  |theta - theta*| <= |H^{-1} r| + E eta / sqrt(mu)     r measured, or known but for 1's last
///      term, which then is added over sqrt(mu)
///      |theta - theta*| <= |s| + t / sqrt(mu),  s = H^{-1} r,  for t with E' |s|_H <= (1 - E') t,
///      E' being E for rho_h = rho(s) + c t
///      |theta - theta*| <= |s + w| + t / sqrt(mu),  w about H^{-1} (r - H_S(theta) s), after a
///      second look, for t with  |r - H_S(theta)(s + w)|_{H^{-1}} + b e^{rho(v)} kappa(rho_h)
///      |s + w|_H <= a e^{-rho(v)} (1 - e^{-rho_h}) t / rho_h,  rho_h = rho(s + w) + c t
///   4  |theta - theta*| <= |r| / lambda, always
///
/// Where the rows leave directions out, lengths are taken from norms of H in two parts, which
/// replaces 1/sqrt(mu) by 1/sqrt(mu_V) and very little more (section 5.3, "Rows in a subspace").
///
/// Errs: never below the distance; every rounding term of the measurement is in it, and the last
/// step multiplies by 1 + 1e-9. Infinite where a statement does not apply (c q >= 1, a <= 0) or a
/// number is NaN; never NaN. Cost: a few elementary functions.
namespace recant {

enum class BoundStatement {
  kNone,             ///< no statement applies: the bound is infinite
  kNewton,           ///< 2
  kCorrected,        ///< 3
  kStrongConvexity,  ///< 4
};
/// "none", "newton", "corrected", "strong_convexity".
[[nodiscard]] std::string_view name(BoundStatement statement) noexcept;

/// The bound and every term of it: terms_of() in bound_terms.hpp lists them by name.
struct DistanceBound {
  static constexpr double kInfinite = std::numeric_limits<double>::infinity();

  double value = kInfinite;  ///< the least of the three below: |theta - theta*| <= value
  BoundStatement statement = BoundStatement::kNone;  ///< the one that gave it
  double newton = kInfinite, corrected = kInfinite, strong_convexity = kInfinite;

  double residual = kInfinite;  ///< |r|_{H^{-1}}, measured or by statement 1, with its rounding
  double rounding = 0;          ///< the part of `residual` that is rounding
  double a = 0, b = kInfinite;  ///< a H <= H_S(theta_0) <= b H
  double range = 0;             ///< rho(v)
  double kappa = 0;             ///< kappa or kappa_3 of rho(v); 0 where r was measured
  double way_factor = 0;        ///< E of the way along which r was carried; 0 where it was not
  double leverage = 0;          ///< c
  double least_eigenvalue = 0;  ///< mu
  double span_eigenvalue = 0;   ///< mu_V; 0 where the rows leave no direction out
  double eta = kInfinite;       ///< |theta - theta*|_H <= eta

  // Of statement 3 and its two forms, by eta and by the ball of radius t.
  double solution = kInfinite;        ///< |s|, with its rounding; |s|_H is `residual`
  double solution_range = kInfinite;  ///< rho(s), with its rounding
  double factor = kInfinite;          ///< E, for rho_h = c eta
  double ball_radius = kInfinite;     ///< t
  double ball_factor = kInfinite;     ///< E', for rho_h = rho(s) + c t
  double corrected_by_eta = kInfinite, corrected_by_ball = kInfinite;

  // After a second look: |r - H_S(theta)(s + w)|_{H^{-1}}, the ball's radius around s + w.
  double second_residual = kInfinite, second_radius = kInfinite;
  double corrected_by_second_look = kInfinite;

  // Of rows in a subspace.
  double leak = kInfinite;         ///< ell
  double growth = kInfinite;       ///< zeta, for rho_h = c eta
  double ball_growth = kInfinite;  ///< the same for rho_h = rho(s) + c t

  // What all of it was computed from: one of the measures; of the last, `frame` is l2 alone.
  CurvatureFrame frame;
  std::optional<StepMeasure> step_measure;
  std::optional<ResidualMeasure> residual_measure;
  std::optional<GradientMeasure> gradient_measure;
};

/// kappa(rho) = (e^rho - 1 - rho) / rho for rho >= 0, to 1e-13 of itself; 0 at 0.
[[nodiscard]] double self_concordance_remainder(double rho) noexcept;
/// kappa_3(rho) = (e^rho - 1 - rho - rho^2/2) / rho, likewise.
[[nodiscard]] double self_concordance_remainder_3(double rho) noexcept;

/// Statements 1, 2 and, where s is known, 3: needs no pass over the rows. Without self-concordance
/// (squared loss) all of range and leverage are 0, and what is left is rounding.
[[nodiscard]] DistanceBound bound_from_step(const CurvatureFrame& frame,
                                            const StepMeasure& step) noexcept;

/// Statements 2, 3 and 4, from the measured gradient; 2 and 3 from its expansion (tier 1/2), or
/// from one that was measured at another model (tier 0).
[[nodiscard]] DistanceBound bound_from_residual(const CurvatureFrame& frame,
                                                const ResidualMeasure& residual) noexcept;

/// Statement 4 alone: all that can be said where no base is at hand. Certain, and loose where l2 is
/// small beside the curvature of the data; infinite for an l2 below kLeastPenalty.
[[nodiscard]] DistanceBound bound_from_gradient(double l2,
                                                const GradientMeasure& gradient) noexcept;

}  // namespace recant

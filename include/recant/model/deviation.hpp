// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>

/// What is measured at a model to bound its distance to argmin F_S, the exact model of the rows
/// that stay; any way of getting there can be measured so. Made by stage `unlearn` (or by hand),
/// read by stage `certify`. Every number errs to the side that makes the bound larger, its rounding
/// apart. Symbols: docs/mathematics.md section 5.3.
namespace recant {

/// The least l2 for which a distance is stated, and what every distance is raised by. Over such an
/// l2 that is more than norms, products and exponentials too small for a double add up to: a norm
/// loses 2^-537 an entry at most.
inline constexpr double kLeastPenalty = 1e-100, kVanishedDistance = 1e-40;

/// The matrix H in whose norm distances are taken, and what it says of the rows S at the base
/// theta_0:  (1 - below - e/mu) H <= H_S(theta_0) <= (1 + above + e/mu) H.
struct CurvatureFrame {
  double l2 = 0;                ///< lambda
  double below = 0, above = 0;  ///< 1 - a and b - 1: 0 where H is the Hessian of S itself
  double hessian_rounding = 0;  ///< e: spectral norm of what rounding did to H
  double least_eigenvalue = 0;  ///< mu, of H: a lower bound; <= 0 where rounding leaves none
  /// The rows lie in nearly less than all directions: |h|_H^2 >= span_eigenvalue |h_V|^2 for the
  /// part h_V of any h in a space V, and sum_S w_i phi''_i (x_i^T z)^2 <= off_span_curvature |z|^2
  /// for z orthogonal to V. 0 where there is no such V.
  double span_eigenvalue = 0, off_span_curvature = 0;
  double leverage = 0;  ///< c = M max |x_i|_{H^{-1}}; softmax: over x_i (e_k - e_l)^T
  /// g: H_S(theta_0) >= (1 - g) H_D(theta_0). Told, not used: mu, mu_V and c have it in them.
  double shrinkage = 0;
};

/// Where a step v = theta - theta_0 led, without a pass over the rows.
struct StepMeasure {
  static constexpr double kUnknown = std::numeric_limits<double>::infinity();

  double range = 0;            ///< rho(v) = M max |x_i^T v|, an upper bound
  double step_norm = 0;        ///< |v|_H
  double linear_residual = 0;  ///< |z|, z = grad F_S(theta_0) + H v: rounding for a Newton step
  double linear_rounding = 0;  ///< of z, the base's own gradient included
  double dropped = 0;          ///< softmax: length of theta in the direction without data

  // Where z is more than rounding, as after a step by value: s solves H s = z.
  double solution_norm = kUnknown;       ///< |s| as computed
  double solution_decrement = kUnknown;  ///< |s|_H
  double solve_residual = kUnknown;      ///< |z - H s|, its own rounding included
};

/// What s leaves of the system at theta, from a second pass: z = r - H_S(theta) s. w solves H w =
/// z, and s + w comes nearer to theta - theta* by one order.
struct SecondLook {
  double residual = 0;            ///< |z - H w|, with the rounding of all but r and H_S(theta) s
  double product_rounding = 0;    ///< of H_S(theta) s
  double change_decrement = 0;    ///< |w|_H
  double solution_norm = 0;       ///< |s + w|
  double solution_decrement = 0;  ///< |s + w|_H
  double solution_range = 0;      ///< rho(s + w)
};

/// The gradient r = grad F_S(theta), from a pass over the rows, and nothing else.
struct GradientMeasure {
  double norm = 0;            ///< |r| as computed
  double sum_rounding = 0;    ///< of r: of what is added up
  double score_rounding = 0;  ///< of r: of rounded scores
};

/// The same, and what it says through H: s solves H s = r, H being that of
/// the frame of S itself (below and above are 0).
struct ResidualMeasure {
  double range = 0;          ///< rho(theta - theta_0)
  double residual_norm = 0;  ///< |r| as computed
  /// Of r: of what is added up; of rounded scores; the latter in the norm of H_S(theta_0)^{-1}.
  double sum_rounding = 0, score_rounding = 0, score_rounding_dual = 0;
  double solution_norm = 0;                       ///< |s| as computed
  double solution_decrement = 0;                  ///< |s|_H
  double solve_residual = 0;                      ///< |r - H s|, its own rounding included
  double solution_range = StepMeasure::kUnknown;  ///< rho(s), of s as computed
  double dropped = 0;                             ///< as above
  /// |v|_H where r is its expansion at theta_0 up to v^2, made without a pass; 0 where it was
  /// measured.
  double step_norm = 0;
  // Where r is known from the gradient at another model theta_1, carried along v' = theta - theta_1
  // by H: |v'|_H, which is 0 else, rho(v') and rho(theta_1 - theta_0).
  double way_norm = 0, way_range = 0, start_range = 0;
  std::optional<SecondLook> second;  ///< of r as measured

  [[nodiscard]] double residual_rounding() const noexcept { return sum_rounding + score_rounding; }
};

}  // namespace recant

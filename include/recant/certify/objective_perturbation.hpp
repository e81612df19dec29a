// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/linalg/types.hpp"

/// What it would take to certify a model trained with b^T theta added to its objective, b normal
/// and secret, instead of adding noise to its parameters: docs/mathematics.md section 5.6.
///
/// Deletion leaves a residual u(b) = grad F_S + b. [Guo2020] theorem 3 takes it as independent of
/// b; it is not, and the theorem then fails. With suprema over |b| <= sigma r + 2 beta of
/// |u| <= beta, |du/db| <= L < 1 and |log det(I - du/db)| <= Lambda one release is
///
///   (epsilon_1 + epsilon_2, max(e^epsilon_2 delta_1 + delta_2, delta_1 + e^epsilon_1 delta_2))
///
/// indistinguishable from retraining, delta_1 = delta(epsilon_1; beta / sigma),
/// epsilon_2 = (L' + L'^2/2) r^2 + Lambda, L' = L / (1 - L), r = sqrt(d) + sqrt(2 ln(1/delta_2)).
///
/// The theorem is about real numbers: parameters rounded to doubles are outside it. So whatever
/// these functions say, a certificate has the level `heuristic`; one of the two texts below is its
/// first assumption, without which issue() writes none.
namespace recant {

/// Where the promise does not hold or was not worked out.
inline constexpr std::string_view kObjectivePerturbationAsPublished =
    "objective perturbation as published, residual assumed independent of the noise; not certified "
    "by recant";
/// Where PerturbationPromise::usable.
inline constexpr std::string_view kObjectivePerturbationExact =
    "objective perturbation with the dependence of the residual on the noise bounded, for exact "
    "arithmetic; rounding of the parameters is not covered; not certified by recant";

/// What is known at the optimum without perturbation (b = 0), H = H_D there. Each as an upper bound
/// but for the least eigenvalue. Softmax: in contrast coordinates.
struct PerturbationBase {
  Index dimension = 0;            ///< d, parameters
  double least_eigenvalue = 0;    ///< mu, of H: a lower bound
  double largest_eigenvalue = 0;  ///< of H
  double leverage = 0;            ///< c = M max |x_i|_{H^{-1}}, over all rows
  double shrinkage = 0;           ///< g: H_S >= (1 - g) H
  double step_range = 0;          ///< rho(v) of the deletion step v at b = 0
  double step_norm = 0;           ///< |v|_H
  /// Loss::bounds_fourth_derivative(). Where it is not known self-concordance alone is used: what
  /// is of first order in v then stays, and little is usable.
  bool bounds_fourth_derivative = false;
};

/// What holds wherever |b| <= radius.
struct PerturbationSuprema {
  bool bounded = false;                   ///< false: no number below is a bound
  double radius = 0;                      ///< sigma r + 2 beta
  double residual = 0;                    ///< beta >= |u(b)|
  double range = 0;                       ///< rho(v)
  double shrinkage = 0;                   ///< g
  double condition = 0;                   ///< lambda_max / lambda_min of H_S(theta_0)
  bool bounds_fourth_derivative = false;  ///< as of the base
};

/// Suprema over the ball, by self-concordance from its middle; beta, on which the ball depends, is
/// raised until it bounds itself. `radius_in_sigmas` is perturbation_radius().
/// Failure outcome: `bounded` is false where the ball reaches further than the bounds do.
/// Errs: upward, times 1 + 1e-9 for rounding. Cost: some elementary functions.
/// @throws UsageError for numbers out of range.
[[nodiscard]] PerturbationSuprema perturbation_suprema(const PerturbationBase& base, double sigma,
                                                       double radius_in_sigmas);

/// r = sqrt(d) + sqrt(2 ln(1/delta_2)), rounded up: |b| > sigma r has probability below delta_2.
/// @throws UsageError for d < 1, delta_2 outside (0, 1).
[[nodiscard]] double perturbation_radius(Index dimension, double delta_2);

enum class PerturbationRefusal {
  kNone,
  kUnbounded,       ///< no suprema over the ball: less noise, fewer rows or a larger l2
  kNotContracting,  ///< L >= 1: the residual may follow the noise wherever it goes
  kDependence,      ///< epsilon_2 >= epsilon: d j is not small beside epsilon
  kNoiseTooSmall,   ///< beta / sigma costs more than is left
};
/// "none", "unbounded", "not_contracting", "dependence", "noise_too_small".
[[nodiscard]] std::string_view name(PerturbationRefusal refusal) noexcept;

struct PerturbationOptions {
  double epsilon = 0, delta = 0;  ///< asked for; both must be given
  double sigma = 0;               ///< of b

  static constexpr auto fields() {
    using O = PerturbationOptions;
    return std::tuple{
        Field{"epsilon", &O::epsilon, "privacy loss", Accept::kPositive},
        Field{"delta", &O::delta, "probability of a larger loss; below 1", Accept::kPositive},
        Field{"sigma", &O::sigma, "standard deviation of every entry of b", Accept::kPositive}};
  }
};

struct PerturbationPromise {
  PerturbationRefusal refusal = PerturbationRefusal::kUnbounded;
  [[nodiscard]] bool usable() const noexcept { return refusal == PerturbationRefusal::kNone; }
  /// What the certificate has to say first.
  [[nodiscard]] std::string_view assumption() const noexcept {
    return usable() ? kObjectivePerturbationExact : kObjectivePerturbationAsPublished;
  }
  PerturbationSuprema suprema;
  double delta_2 = 0, radius = 0;             ///< r
  double dependence = 0;                      ///< j, of the residual on b in the norm of H_S
  double lipschitz = 0, log_determinant = 0;  ///< L, Lambda
  double inverse_lipschitz = 0;               ///< L'
  double epsilon_2 = 0, epsilon_1 = 0, delta_1 = 0;
  double epsilon = 0, delta = 0;  ///< the promise; if usable, at most those asked for
};

/// The theorem for given suprema: j, L, Lambda, L', epsilon_2; then epsilon_1 = epsilon - epsilon_2
/// and what delta comes to. delta_2 is e^-epsilon delta / 4.
/// Errs: every number rounds outward. Numbers after the one that refused are 0.
/// Cost: one gaussian_delta(). @throws UsageError for options out of range.
[[nodiscard]] PerturbationPromise perturbation_promise(const PerturbationSuprema& suprema,
                                                       Index dimension,
                                                       const PerturbationOptions& options);

/// Both together, from the base.
[[nodiscard]] PerturbationPromise perturbation_promise(const PerturbationBase& base,
                                                       const PerturbationOptions& options);

/// b: d independent draws of N(0, 2^sigma_exponent), on a grid of 2^-20 sigma, from the system's
/// random bytes. One vector for the life of a model; as secret as its state.
/// @throws UsageError for d < 1 or |sigma_exponent| > 800; DataError when there are no random
/// bytes.
[[nodiscard]] Vector draw_perturbation(Index dimension, int sigma_exponent);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

/// How private Gaussian noise is: docs/mathematics.md section 5.1,
/// docs/algorithms/privacy_accounting.md.
///
/// A vector that may be off by B (Euclidean norm) is published with noise N(0, sigma^2 I). All that
/// matters is mu = B / sigma, and
///
///   delta(epsilon; mu) = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu)
///
/// is the least delta for which the release is (epsilon, delta)-indistinguishable from the one at
/// the exact vector: an equality, not a bound. Source: [BalleWang2018] theorem 8; that releases
/// compose as one of mu = sqrt(sum mu_t^2) is [DongRothSu2022] corollary 3.3.
///
/// Errs: every function rounds to the side that promises less privacy, by at most one unit in the
/// last place where |log2 mu| < 100 and epsilon < 1e6; further out it is still never under. Nothing
/// of the form sqrt(2 ln(1.25/delta))/epsilon is used anywhere: it fails for epsilon > 1.
/// Assumes: epsilon >= 0, 0 < delta < 1, mu >= 0, all finite. @throws UsageError otherwise.
/// Cost: delta 10 to 100 microseconds, its inverses 2 to 64 times that.
namespace recant {

/// delta(epsilon; mu), rounded up: never 0 unless mu is, at most 1.
[[nodiscard]] double gaussian_delta(double epsilon, double mu);

/// ln delta(epsilon; mu), rounded up, for a delta that no double holds; where delta is next to 1,
/// by at most 2^-52 in all. Never below -3.2e18, where exponents end; -infinity for mu = 0.
[[nodiscard]] double gaussian_log_delta(double epsilon, double mu);

/// The least epsilon >= 0 with delta(epsilon; mu) <= delta, rounded up.
[[nodiscard]] double gaussian_epsilon(double delta, double mu);

/// The largest mu with delta(epsilon; mu) <= delta, rounded down.
[[nodiscard]] double gaussian_mu(double epsilon, double delta);

/// The least sigma for a vector that may be off by l2_sensitivity: l2_sensitivity / mu, rounded up.
[[nodiscard]] double gaussian_sigma(double epsilon, double delta, double l2_sensitivity);

/// sqrt(sum mu_t^2), rounded up by at most (n + 6) 2^-52: what n releases cost together. They may
/// be chosen one after the other, each from what was published before it.
[[nodiscard]] double compose_gaussian(std::span<const double> mus);

}  // namespace recant

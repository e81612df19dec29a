// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>

#include "recant/certify/discrete_gaussian.hpp"
#include "recant/core/options.hpp"

/// What is fixed when a model is enrolled, before any deletion: sigma, the grid step h and the
/// allowance B_max. docs/mathematics.md sections 5.1 and 5.2.
///
///   one release    mu_1 = (1 + 2^-20) (B_max + h sqrt(d)) / sigma
///   t releases     mu_t = sqrt(t) mu_1
///   the promise    delta(epsilon; mu_T) <= delta
///
/// Every release is charged the whole allowance, whatever it needed. sigma = 2^(k/2) and h = 2^m,
/// so that (sigma/h)^2 is a power of two exactly. h <= min(sigma, B_max/sqrt(d)) 2^-10.
///
/// Difference protection, on request (section 5.7): of any two releases that follow each other, who
/// holds both learns no more of the deletion between them than from two releases of the former
/// model: mu_d = (1 + 2^-20) (V + B_max + h sqrt(d)) / sigma, delta(epsilon_d; mu_d) <= delta_d,
/// provided that the model moves by at most V.
namespace recant {

/// Why a model cannot be enrolled, or a budget does not hold together.
enum class BudgetRefusal {
  kNone,
  kSigmaTooSmall,       ///< max_sigma leaves no deletion the allowance that was asked for
  kGridTooCoarse,       ///< h above 2^-10 sigma, or h sqrt(d) above 2^-10 B_max
  kReleaseTooLoud,      ///< (B_max + h sqrt(d)) / sigma > 4, where the grid theorem ends
  kOutOfRange,          ///< sigma or h beyond 2^+-400, sigma/h beyond 2^42, or d T beyond 10^12
  kPromiseExceeded,     ///< delta(epsilon; mu_T) > delta
  kDifferenceExceeded,  ///< delta(epsilon_d; mu_d) > delta_d
};
/// "none", "sigma_too_small", "grid_too_coarse", "release_too_loud", "out_of_range",
/// "promise_exceeded", "difference_exceeded".
[[nodiscard]] std::string_view name(BudgetRefusal refusal) noexcept;

struct EnrolmentOptions {
  double epsilon = 0, delta = 0;    ///< the promise over all releases; both must be given
  std::int64_t releases = 1;        ///< T
  std::optional<double> allowance;  ///< the least B_max that is of use
  std::optional<double> max_sigma;  ///< the most noise that the utility bears
  /// Difference protection: all three or none.
  std::optional<double> difference_epsilon, difference_delta, difference_step;

  static constexpr auto fields() {
    return std::tuple{
        Field{"epsilon", &EnrolmentOptions::epsilon, "privacy loss over all releases",
              Accept::kPositive},
        Field{"delta", &EnrolmentOptions::delta, "probability of a larger loss; below 1",
              Accept::kPositive},
        Field{"releases", &EnrolmentOptions::releases, "how many releases the promise covers",
              Accept::kPositive},
        Field{"allowance", &EnrolmentOptions::allowance,
              "distance to the retrained model that a release may have, at least",
              Accept::kPositive},
        Field{"max_sigma", &EnrolmentOptions::max_sigma, "standard deviation of the noise, at most",
              Accept::kPositive},
        Field{"difference_epsilon", &EnrolmentOptions::difference_epsilon,
              "privacy loss to who holds the releases before and after a deletion",
              Accept::kPositive},
        Field{"difference_delta", &EnrolmentOptions::difference_delta,
              "probability of a larger loss to them; below 1", Accept::kPositive},
        Field{"difference_step", &EnrolmentOptions::difference_step,
              "distance that a model may move from one release to the next", Accept::kPositive}};
  }
};

/// What is promised to who holds two releases that follow each other.
struct DifferenceBudget {
  double epsilon = 0, delta = 0;
  double step = 0;  ///< V: the model moves by at most so much from one release to the next

  bool operator==(const DifferenceBudget&) const = default;
};

struct PrivacyBudget {
  double epsilon = 0, delta = 0;
  std::int64_t releases = 0, dimension = 0;  ///< T, d
  int sigma_exponent = 0;                    ///< k: sigma = 2^(k/2)
  int grid_exponent = 0;                     ///< m: h = 2^m
  double allowance = 0;                      ///< B_max
  std::optional<DifferenceBudget> difference;

  [[nodiscard]] double sigma() const;                     ///< to rounding; squared it is 2^k
  [[nodiscard]] double grid_step() const;                 ///< h, exactly
  [[nodiscard]] RationalVariance noise_variance() const;  ///< (sigma/h)^2, exactly
};

struct Enrolment {
  BudgetRefusal refusal = BudgetRefusal::kNone;
  std::optional<PrivacyBudget> budget;  ///< if not refused
};

/// Chooses sigma, h and B_max.
///
/// With an allowance: the least sigma that grants it. With max_sigma alone: the largest power of
/// sqrt(2) that is not above it. Both: the first, refused if above max_sigma. h is the largest
/// that the grid rule admits, and B_max all that is then left, so at least the allowance asked for.
/// With difference protection sigma and B_max keep both promises.
/// sigma and B_max depend on no row, unless the caller took max_sigma from data; then that is an
/// assumption to be named.
///
/// Errs: sigma and B_max to the private side, B_max by about 2^-9 of itself (the grid's share).
/// Cost: one gaussian_mu(). @throws UsageError for options out of range, or neither of the two.
[[nodiscard]] Enrolment enrol(const EnrolmentOptions& options, std::int64_t dimension);

/// Whether a budget (from enrol(), from a file) keeps every rule above; for verification.
/// @throws UsageError for numbers that are not in the range of their kind.
[[nodiscard]] BudgetRefusal check_budget(const PrivacyBudget& budget);

/// mu of `releases` releases, rounded up by at most 2^-46 of itself.
[[nodiscard]] double budget_mu(const PrivacyBudget& budget, std::int64_t releases);

/// mu_d of two releases that follow each other, rounded up. @throws UsageError for a budget
/// without difference protection.
[[nodiscard]] double difference_mu(const PrivacyBudget& budget);

/// Whether the promise about differences covers a release that moves the model by `step_norm`: true
/// for a budget that makes none. False is an outcome: whoever publishes all the same must not claim
/// difference protection for this pair, and a refusal itself tells that the step was large. A V
/// that holds for every deletion keeps the question from arising (section 5.7).
/// @throws UsageError for a step that is not finite and >= 0.
[[nodiscard]] bool difference_covers(const PrivacyBudget& budget, double step_norm);

/// What `done` releases have cost; epsilons at the budget's delta, rounded up.
struct BudgetStatus {
  std::int64_t releases_left = 0;
  double mu_spent = 0, epsilon_spent = 0;
  double mu_total = 0, epsilon_total = 0;  ///< after all T
  double mu_left = 0;                      ///< sqrt(mu_total^2 - mu_spent^2), rounded down
};
/// @throws UsageError for done < 0 or done > T.
[[nodiscard]] BudgetStatus budget_status(const PrivacyBudget& budget, std::int64_t done);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/privacy_budget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "faults.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr double kGridTheorem = 1 + 0x1p-20;  // what the grid costs in mu
constexpr double kLoudest = 4;                // B'/sigma up to which it is proved
constexpr double kFinest = 0x1p-10;           // h in units of sigma and of B_max / sqrt(d)
constexpr int kLargestExponent = 400;
constexpr int kLargestRatioExponent = 42;  // of sigma/h: what DiscreteGaussian takes
constexpr double kMostEntries = 1e12;  // over all releases: how far the grid theorem is worked out
// More than all roundings of any expression below (at most 16) can add up to.
constexpr double kUp = 1 + 0x1p-47, kDown = 1 - 0x1p-47;

double power_of_sqrt2(int k) {
  return std::ldexp(k % 2 == 0 ? 1.0 : std::sqrt(2.0), k >= 0 ? k / 2 : (k - 1) / 2);
}

/// h sqrt(d): rounding moves the exact vector and ours by h sqrt(d)/2 each.
double rounding_sensitivity(double h, std::int64_t dimension) {
  return faults.rounding_forgotten ? 0 : h * std::sqrt(static_cast<double>(dimension));
}

bool in_range(const PrivacyBudget& b) {
  return std::abs(b.sigma_exponent) <= 2 * kLargestExponent &&
         std::abs(b.grid_exponent) <= kLargestExponent &&
         b.sigma_exponent - 2 * b.grid_exponent <= 2 * kLargestRatioExponent &&
         static_cast<double>(b.dimension) * static_cast<double>(b.releases) <= kMostEntries;
}

/// What an enrolment may spend: B'/sigma of one release and, with difference protection,
/// (V + B')/sigma of two that follow each other.
struct Loudness {
  double release = 0;
  std::optional<double> difference;
};

/// Fills in h and B_max for the sigma that is set; B_max <= 0 where nothing is left for it.
void fill_sigma(const Loudness& loudness, PrivacyBudget& budget) {
  const double sigma = budget.sigma();
  double most = sigma * loudness.release;  // B_max + h sqrt(d)
  if (loudness.difference) {
    most = std::min(most, (sigma * *loudness.difference - budget.difference->step) * kDown);
  }
  budget.allowance = 0;
  if (!(most > 0)) return;
  const double root_d = std::sqrt(static_cast<double>(budget.dimension));
  // h sqrt(d) <= 2^-10 B_max = 2^-10 (most - h sqrt(d))
  const double h = std::min(sigma * kFinest, most / (root_d * (1 + 1 / kFinest))) * (kDown * kDown);
  budget.grid_exponent = std::ilogb(h);
  budget.allowance = (most - rounding_sensitivity(budget.grid_step(), budget.dimension)) * kDown;
}

void check_delta(double delta, std::string_view what = "delta") {
  if (!(delta > 0 && delta < 1)) {
    throw UsageError(fmt::format("{} must be > 0 and < 1, but is {}", what, delta));
  }
}

void check(const EnrolmentOptions& options, std::int64_t dimension) {
  validate(options);
  check_at_least("dimension", dimension, 1);
  check_delta(options.delta);
  if (!options.allowance && !options.max_sigma) {
    throw UsageError("a budget needs an allowance or a max_sigma, but has neither");
  }
  const int given = options.difference_epsilon.has_value() + options.difference_delta.has_value() +
                    options.difference_step.has_value();
  if (given != 0 && given != 3) {
    throw UsageError(
        "difference protection needs difference_epsilon, difference_delta and difference_step");
  }
  if (given == 3) check_delta(*options.difference_delta, "difference_delta");
}

void check(const PrivacyBudget& budget) {
  check_positive("epsilon", budget.epsilon);
  check_delta(budget.delta);
  check_at_least("releases", budget.releases, 1);
  check_at_least("dimension", budget.dimension, 1);
  check_positive("allowance", budget.allowance);
  if (!budget.difference) return;
  check_positive("difference_epsilon", budget.difference->epsilon);
  check_delta(budget.difference->delta, "difference_delta");
  check_positive("difference_step", budget.difference->step);
}

}  // namespace

std::string_view name(BudgetRefusal refusal) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {
      "none",         "sigma_too_small",  "grid_too_coarse",    "release_too_loud",
      "out_of_range", "promise_exceeded", "difference_exceeded"};
  return kNames[static_cast<std::size_t>(refusal)];
}

double PrivacyBudget::sigma() const {
  return power_of_sqrt2(sigma_exponent);
}

double PrivacyBudget::grid_step() const {
  return std::ldexp(1.0, grid_exponent);
}

RationalVariance PrivacyBudget::noise_variance() const {
  const int halved = faults.sigma_halved ? -2 : 0;
  return {.exponent = sigma_exponent - 2 * grid_exponent + halved};
}

Enrolment enrol(const EnrolmentOptions& options, std::int64_t dimension) {
  check(options, dimension);
  PrivacyBudget budget{.epsilon = options.epsilon,
                       .delta = options.delta,
                       .releases = options.releases,
                       .dimension = dimension};
  const double mu_total = gaussian_mu(options.epsilon, options.delta);
  Loudness loudness{.release = mu_total / std::sqrt(static_cast<double>(options.releases)) /
                               kGridTheorem * kDown};
  double start = options.allowance ? *options.allowance / loudness.release : *options.max_sigma;
  if (options.difference_step) {
    budget.difference = {*options.difference_epsilon, *options.difference_delta,
                         *options.difference_step};
    loudness.difference =
        gaussian_mu(budget.difference->epsilon, budget.difference->delta) / kGridTheorem * kDown;
    if (options.allowance) {
      start =
          std::max(start, (budget.difference->step + *options.allowance) / *loudness.difference);
    }
  }
  if (std::max(loudness.release, loudness.difference.value_or(0)) > kLoudest)
    return {.refusal = BudgetRefusal::kReleaseTooLoud};
  // Two steps of the logarithm below are surely too little for the one and allowed for the other.
  const double exponent = std::floor(2 * std::log2(start)) - 2;
  if (!(std::abs(exponent) < 2 * kLargestExponent)) return {.refusal = BudgetRefusal::kOutOfRange};
  budget.sigma_exponent = static_cast<int>(exponent);
  if (options.allowance) {
    do {
      ++budget.sigma_exponent;
      fill_sigma(loudness, budget);
    } while (budget.allowance < *options.allowance);
    if (options.max_sigma && budget.sigma() * kUp > *options.max_sigma)
      return {.refusal = BudgetRefusal::kSigmaTooSmall};
  } else {
    // An even power is exact, and may be the limit itself.
    const auto within = [&](int k) {
      return power_of_sqrt2(k) * (k % 2 == 0 ? 1 : kUp) <= *options.max_sigma;
    };
    while (within(budget.sigma_exponent + 1)) ++budget.sigma_exponent;
    fill_sigma(loudness, budget);
    if (!(budget.allowance > 0)) return {.refusal = BudgetRefusal::kSigmaTooSmall};
  }
  if (!in_range(budget)) return {.refusal = BudgetRefusal::kOutOfRange};
  return {.budget = budget};
}

namespace {

/// gaussian_delta, which takes MPFR: every release asks it of its budget, most often the same.
class LastDelta {
 public:
  double operator()(double epsilon, double mu) {
    if (epsilon != epsilon_ || mu != mu_) {
      delta_ = gaussian_delta(epsilon, mu);
      epsilon_ = epsilon;
      mu_ = mu;
    }
    return delta_;
  }

 private:
  double epsilon_ = -1, mu_ = -1, delta_ = 0;  // neither is ever negative
};

}  // namespace

BudgetRefusal check_budget(const PrivacyBudget& budget) {
  thread_local LastDelta of_promise, of_difference;
  check(budget);
  if (!in_range(budget)) return BudgetRefusal::kOutOfRange;
  const double rounding = rounding_sensitivity(budget.grid_step(), budget.dimension);
  if (budget.sigma_exponent - 2 * budget.grid_exponent < 20 ||
      rounding > budget.allowance * kFinest)
    return BudgetRefusal::kGridTooCoarse;
  if ((budget.allowance + rounding) / budget.sigma() * kDown > kLoudest)
    return BudgetRefusal::kReleaseTooLoud;
  const double mu = budget_mu(budget, budget.releases);
  if (!(of_promise(budget.epsilon, mu) <= budget.delta)) return BudgetRefusal::kPromiseExceeded;
  if (!budget.difference) return BudgetRefusal::kNone;
  const double mu_d = difference_mu(budget);
  if (mu_d / kGridTheorem * (kDown * kDown) > kLoudest) return BudgetRefusal::kReleaseTooLoud;
  return of_difference(budget.difference->epsilon, mu_d) <= budget.difference->delta
             ? BudgetRefusal::kNone
             : BudgetRefusal::kDifferenceExceeded;
}

double budget_mu(const PrivacyBudget& budget, std::int64_t releases) {
  check(budget);
  check_at_least("releases", releases, 0);
  const double rounding = rounding_sensitivity(budget.grid_step(), budget.dimension);
  const double one = kGridTheorem * (budget.allowance + rounding) / budget.sigma();
  return one * std::sqrt(static_cast<double>(releases)) * kUp;
}

double difference_mu(const PrivacyBudget& budget) {
  check(budget);
  if (!budget.difference) throw UsageError("the budget has no difference protection");
  const double rounding = rounding_sensitivity(budget.grid_step(), budget.dimension);
  return kGridTheorem * (budget.difference->step + budget.allowance + rounding) / budget.sigma() *
         kUp;
}

bool difference_covers(const PrivacyBudget& budget, double step_norm) {
  check_non_negative("step_norm", step_norm);
  return !budget.difference || step_norm <= budget.difference->step;
}

BudgetStatus budget_status(const PrivacyBudget& budget, std::int64_t done) {
  check_between("done", static_cast<double>(done), 0, static_cast<double>(budget.releases));
  const std::int64_t left = budget.releases - done;
  BudgetStatus status{.releases_left = left,
                      .mu_spent = budget_mu(budget, done),
                      .mu_total = budget_mu(budget, budget.releases),
                      .mu_left = budget_mu(budget, left) * (kDown * kDown * kDown)};
  status.epsilon_spent = gaussian_epsilon(budget.delta, status.mu_spent);
  status.epsilon_total = gaussian_epsilon(budget.delta, status.mu_total);
  return status;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/certify/bounds.hpp"
#include "recant/certify/privacy_budget.hpp"
#include "recant/core/progress.hpp"
#include "recant/engine/fitted_model.hpp"
#include "recant/engine/noise_price.hpp"

/// Enrolling a model: what its deletions will promise, fixed before the first release.
/// docs/algorithms/forget.md.
namespace recant {

/// What happens to a deletion when the budget is spent.
enum class WhenSpent {
  kRefuse,   ///< the request is rejected
  kRetrain,  ///< trained again from the rows that stay, as the first release of a new enrolment
};
/// "refuse", "retrain".
[[nodiscard]] std::string_view name(WhenSpent when) noexcept;
/// @throws UsageError naming the two.
[[nodiscard]] WhenSpent when_spent(std::string_view name);

/// At most one of sigma, allowance and utility_price; without any, a utility price of 0.001.
struct EnrolmentRequest {
  double epsilon = 0, delta = 0;        ///< the promise over all releases; both must be given
  std::int64_t releases = 100;          ///< T; the fit is the first
  std::optional<double> sigma;          ///< noise, at most: rounded down to a power of sqrt(2)
  std::optional<double> allowance;      ///< the least allowance that is of use
  std::optional<double> utility_price;  ///< the loss may rise by this share
  /// Difference protection (docs/mathematics.md section 5.7): all three or none.
  std::optional<double> difference_epsilon, difference_delta, difference_step;
  WhenSpent when_spent = WhenSpent::kRefuse;

  static constexpr auto fields() {
    using R = EnrolmentRequest;
    return std::tuple{
        Field{"epsilon", &R::epsilon, "privacy loss over all releases; enrols the model",
              Accept::kPositive},
        Field{"delta", &R::delta, "probability of a larger loss; below 1", Accept::kPositive},
        Field{"releases", &R::releases, "how many releases the promise covers; the fit is one",
              Accept::kPositive},
        Field{"sigma", &R::sigma,
              "standard deviation of the noise, rounded down to a power of sqrt(2)",
              Accept::kPositive},
        Field{"allowance", &R::allowance,
              "distance to the retrained model that a release may have, at least; sets the noise",
              Accept::kPositive},
        Field{"utility_price", &R::utility_price,
              "share by which the mean validation loss may rise; sets the noise (0.001 if nothing "
              "else does)",
              Accept::kPositive},
        Field{"difference_epsilon", &R::difference_epsilon,
              "also promise this to who holds the releases before and after a deletion",
              Accept::kPositive},
        Field{"difference_delta", &R::difference_delta,
              "probability of a larger loss to them; below 1", Accept::kPositive},
        Field{
            "difference_step", &R::difference_step,
            "distance that one deletion may move the model; one that moves it further is rejected",
            Accept::kPositive}};
  }
};

/// Why a model cannot be enrolled so.
struct EnrolmentRefusal {
  /// A code: that of BudgetRefusal, "sigma_too_small" and "allowance_too_small" also where this
  /// model asks for more, "out_of_range" where no noise would do for it, "price_too_small" where
  /// rounding hides the price, or "no_price".
  std::string reason;
  std::string text;  ///< one sentence, with what to do
};

/// What will be fixed, with what it costs.
struct EnrolmentPlan {
  std::optional<EnrolmentRefusal> refusal;
  bool only_planned = false;  ///< nothing is going to be written: to see what it costs
  PrivacyBudget budget;       ///< unless refused
  WhenSpent when_spent = WhenSpent::kRefuse;
  std::optional<NoisePrice> price;  ///< of sigma, on the validation rows or else those of training
  /// The same without the protection of differences, where it was asked for and sigma is larger
  /// for it.
  std::optional<NoisePrice> price_without_difference;
  bool priced_on_training = false;
  DistanceBound fit_bound;  ///< of the fit from the exact minimum: the bound of release 1
  std::vector<std::string> assumptions;
};

/// Chooses sigma, grid and allowance, and prices them. `validation` may be none: then training rows
/// stand in, and the certificate says so.
/// Failure outcome: `refusal`, where no deletion could ever be certified so, or not even the fit.
/// @throws UsageError for epsilon, delta or others out of range, or more than one of the three ways
/// to set the noise.
[[nodiscard]] EnrolmentPlan plan_enrolment(const FittedModel& fitted,
                                           const EnrolmentRequest& request,
                                           const Dataset* validation,
                                           const ProgressCallback& progress = {});

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/enrolment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "recant/certify/bounds.hpp"
#include "recant/certify/grid_noise.hpp"
#include "recant/core/error.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant {
namespace {

constexpr double kDefaultPrice = 0.001;
// Of the grid's reach, for the model of the fit: later ones may be longer.
constexpr double kShareOfGrid = 0.5;
// What a proposed sigma leaves a deletion, in units of what the fit itself is known to.
constexpr double kRoom = 10;

void check(const EnrolmentRequest& request) {
  validate(request);
  if (!(request.delta < 1)) {
    throw UsageError(fmt::format("must be below 1, but is {:g}", request.delta), "delta");
  }
  if (int(request.sigma.has_value()) + int(request.allowance.has_value()) +
          int(request.utility_price.has_value()) >
      1) {
    throw UsageError("at most one of sigma, allowance and utility_price sets the noise",
                     "enrolment");
  }
}

std::string describe(BudgetRefusal refusal) {
  switch (refusal) {
    case BudgetRefusal::kSigmaTooSmall:  // has a text of its own
      break;
    case BudgetRefusal::kGridTooCoarse:
      return "there are too many parameters for the grid of the noise";
    case BudgetRefusal::kReleaseTooLoud:
      return "a single release would reveal more than the accounting covers; promise more (a "
             "smaller epsilon)";
    case BudgetRefusal::kOutOfRange:
      return "sigma, grid or number of releases are beyond what the noise can do: sigma and grid "
             "lie between 2^-400 and 2^400, parameters times releases below 1e12";
    case BudgetRefusal::kPromiseExceeded:
      return "the releases together would cost more than epsilon and delta";
    case BudgetRefusal::kDifferenceExceeded:
      return "two releases that follow each other would tell more than was to be promised";
    case BudgetRefusal::kNone:
      break;
  }
  return "";
}

std::vector<std::string> assumptions_of(const FittedModel& fitted, const EnrolmentRequest& request,
                                        bool priced, bool on_training) {
  std::vector<std::string> list = {
      "compared with retraining on the rows that stay with the same l2, row weights, columns, grid "
      "and sigma"};
  if (fitted.encoder) {
    list.emplace_back("columns were encoded and standardised by all rows, those deleted included");
  }
  if (priced) {
    list.emplace_back(on_training ? "sigma was chosen by its price in loss on the training rows"
                                  : "sigma was chosen by its price in loss on validation rows");
  }
  if (request.difference_epsilon) {
    list.emplace_back(
        "the promise about two releases that follow each other holds for deletions that move the "
        "model by no more than difference_step; others are rejected, which itself tells that much");
  }
  list.emplace_back(
      "requests depend on published models only, not on annexes, state or the times taken");
  list.emplace_back("models published before this enrolment, or without noise, are not covered");
  if (request.when_spent == WhenSpent::kRetrain) {
    list.emplace_back("the promise covers this enrolment; a spent budget begins another");
  }
  return list;
}

/// |theta - argmin F| with everything that rounding adds.
DistanceBound bound_of_fit(const FittedModel& fitted) {
  const Objective objective = fitted.objective();
  const DeletionState base(objective, fitted.model.theta, fitted.rows.weights);
  return bound_from_residual(base.frame(), base.measure_residual(fitted.model.theta));
}

bool grid_holds(const PrivacyBudget& budget, const Vector& theta) {
  return theta.lpNorm<Eigen::Infinity>() <
         kShareOfGrid * std::ldexp(1, GridNoise::kLargestExponent + budget.grid_exponent);
}

/// A budget for the same promise with which this model could be enrolled and be deleted from, with
/// room: not the least there is. None where no noise would do.
std::optional<PrivacyBudget> with_enough_noise(EnrolmentOptions options, const Vector& theta,
                                               double fit_bound) {
  options.max_sigma.reset();
  const double first = std::max(kRoom * fit_bound, std::numeric_limits<double>::min());
  for (double allowance = first; std::isfinite(allowance); allowance *= 2) {
    options.allowance = allowance;
    const Enrolment found = enrol(options, theta.size());
    if (found.budget && grid_holds(*found.budget, theta)) return found.budget;
  }
  return std::nullopt;
}

/// How a promise would be kept with the same sigma; nothing where the allowance is given, as sigma
/// then follows the promise and what a release may be off stays.
std::string how_to_promise_less(const EnrolmentOptions& options) {
  if (options.allowance) return "";
  std::string how = ", or promise less (a larger epsilon or delta, fewer releases";
  if (options.difference_step) how += "; of differences likewise, or a smaller difference_step";
  return how + ")";
}

/// What to do where sigma or allowance is too small for this model: `why`, and how else than by
/// more noise it could be, `less`.
EnrolmentRefusal too_small(const EnrolmentOptions& options, const FittedModel& fitted, double much,
                           const std::string& why, const std::string& less, double fit_bound) {
  const Vector& theta = fitted.model.theta;
  const std::string_view what = options.allowance ? "allowance" : "sigma";
  const std::optional<PrivacyBudget> enough = with_enough_noise(options, theta, fit_bound);
  if (!enough) {
    return {std::string(name(BudgetRefusal::kOutOfRange)),
            fmt::format(
                "no noise would do: sigma and grid lie between 2^-400 and 2^400, but the largest "
                "parameter is {:.3g}, the fit is known to {:.3g}{}; scale the features or the "
                "target",
                theta.lpNorm<Eigen::Infinity>(), fit_bound,
                options.difference_step
                    ? fmt::format(", difference_step is {:g}", *options.difference_step)
                    : "")};
  }
  std::string more;
  if (2 * fitted.gradient.norm() > fitted.l2 * fit_bound) more = "fit to a smaller tolerance, ";
  // Rounded up, as a sigma that is given is rounded down.
  const double room = 1.01 * (options.allowance ? enough->allowance : enough->sigma());
  return {fmt::format("{}_too_small", what),
          fmt::format("{0} {1:.3g} is too small, no deletion could be certified: {2}; {3}give {4} "
                      "{0} of {5:.3g}, which leaves deletions room{6}",
                      what, much, why, more, options.allowance ? "an" : "a", room, less)};
}

/// Why no deletion could ever be certified with this budget, from the fit alone; none if nothing
/// speaks against it.
std::optional<EnrolmentRefusal> too_little_noise(const EnrolmentOptions& options,
                                                 const FittedModel& fitted,
                                                 const PrivacyBudget& budget, double fit_bound) {
  const Vector& theta = fitted.model.theta;
  std::string why;
  if (!(fit_bound <= budget.allowance)) {
    why = fmt::format(
        "a release may be {:.3g} from the retrained model (the allowance), but even the fit is "
        "only known to {:.3g}",
        budget.allowance, fit_bound);
  } else if (!grid_holds(budget, theta)) {
    why = fmt::format(
        "the grid of the noise, of step 2^{}, is too fine to hold the parameters, of which the "
        "largest is {:.3g}",
        budget.grid_exponent, theta.lpNorm<Eigen::Infinity>());
  } else {
    return std::nullopt;
  }
  return too_small(options, fitted, options.allowance.value_or(budget.sigma()), why,
                   how_to_promise_less(options), fit_bound);
}

double sigma_of(int exponent) {
  PrivacyBudget budget;
  budget.sigma_exponent = exponent;
  return budget.sigma();
}

EnrolmentRefusal no_price(double price, double least) {
  if (price >= least) return {"no_price", "no noise is within this price in loss"};
  if (!std::isfinite(least)) {
    return {"no_price", "the loss of these rows is 0, so no noise has a price; give sigma"};
  }
  return {"price_too_small",
          fmt::format("a utility_price of {:.3g} is below what rounding lets one measure on these "
                      "rows; give {:.3g} or more, or give sigma",
                      price, 1.01 * least)};
}

}  // namespace

std::string_view name(WhenSpent when) noexcept {
  return when == WhenSpent::kRetrain ? "retrain" : "refuse";
}

WhenSpent when_spent(std::string_view text) {
  for (const WhenSpent when : {WhenSpent::kRefuse, WhenSpent::kRetrain}) {
    if (text == name(when)) return when;
  }
  throw UsageError(fmt::format("'{}' is not a choice", text), "on_budget_spent",
                   "choose retrain or refuse");
}

EnrolmentPlan plan_enrolment(const FittedModel& fitted, const EnrolmentRequest& request,
                             const Dataset* validation, const ProgressCallback& progress) {
  check(request);
  EnrolmentPlan plan;
  plan.when_spent = request.when_spent;
  const Dataset& rows = validation != nullptr ? *validation : fitted.rows;
  plan.priced_on_training = validation == nullptr;
  const bool by_price = !request.sigma && !request.allowance;

  EnrolmentOptions options{.epsilon = request.epsilon,
                           .delta = request.delta,
                           .releases = request.releases,
                           .allowance = request.allowance,
                           .max_sigma = request.sigma};
  if (by_price) {
    const double price = request.utility_price.value_or(kDefaultPrice);
    const std::optional<PricedSigma> priced =
        sigma_for_price(fitted.model, rows, price, {}, progress);
    if (!priced) {
      plan.refusal = no_price(price, least_price(fitted.model, rows));
      return plan;
    }
    options.max_sigma = sigma_of(priced->sigma_exponent);
  }
  options.difference_epsilon = request.difference_epsilon;
  options.difference_delta = request.difference_delta;
  options.difference_step = request.difference_step;
  const Enrolment enrolment = enrol(options, fitted.model.theta.size());
  if (enrolment.refusal == BudgetRefusal::kSigmaTooSmall) {  // only differences leave nothing
    const std::string why = fmt::format(
        "a step of {:g} between two releases (difference_step) takes all of it and leaves the "
        "distance to the retrained model none",
        *request.difference_step);
    plan.refusal = too_small(options, fitted, *options.max_sigma, why,
                             ", or promise less of differences (a larger difference_epsilon or "
                             "difference_delta, a smaller difference_step)",
                             bound_of_fit(fitted).value);
    return plan;
  }
  if (enrolment.refusal != BudgetRefusal::kNone) {
    std::string text = describe(enrolment.refusal);
    if (request.difference_step) text += "; the protection of differences takes part of the noise";
    plan.refusal = {std::string(name(enrolment.refusal)), std::move(text)};
    return plan;
  }
  plan.budget = *enrolment.budget;
  plan.fit_bound = bound_of_fit(fitted);
  plan.refusal = too_little_noise(options, fitted, plan.budget, plan.fit_bound.value);
  if (plan.refusal) return plan;
  plan.price = noise_price(fitted.model, rows, plan.budget.sigma(), {}, progress);
  if (plan.budget.difference) {
    options.difference_epsilon = options.difference_delta = options.difference_step = {};
    const Enrolment plain = enrol(options, fitted.model.theta.size());
    if (plain.budget) {
      plan.price_without_difference =
          noise_price(fitted.model, rows, plain.budget->sigma(), {}, progress);
    }
  }
  plan.assumptions = assumptions_of(fitted, request, by_price, plan.priced_on_training);
  return plan;
}

}  // namespace recant

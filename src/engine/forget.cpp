// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/forget.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"

namespace recant {

std::string_view name(ForgetMethod method) noexcept {
  return method == ForgetMethod::kAscent ? "ascent" : "newton";
}

ForgetMethod forget_method(std::string_view text) {
  for (const ForgetMethod method : {ForgetMethod::kNewton, ForgetMethod::kAscent}) {
    if (text == name(method)) return method;
  }
  throw UsageError(fmt::format("'{}' is not a method", text), "method", "choose newton or ascent");
}

std::string_view name_of_weighting(const ForgetWeighting& weighting) noexcept {
  if (weighting.retained) return "retained";
  return weighting.by_value ? "value" : "uniform";
}

std::string source_of_given(ConstVectorRef values) {
  Fingerprint all;
  all.add(std::span(values.data(), static_cast<std::size_t>(values.size())));
  return fmt::format("given {:016x}", all.value());
}

std::string_view describe_reason(std::string_view reason) noexcept {
  using Text = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kTexts = {
      Text{"every_row", "no row would be left to train on"},
      Text{"no_row", "no row is named"},
      Text{"row_twice", "a row is named twice"},
      Text{"row_unknown", "a row is not in this model"},
      Text{"key_used", "this key was used for another request"},
      Text{"last_of_class", "the last row of a class would leave: fit a model without that class"},
      Text{"last_of_group", "the last row of a group would leave: fit a model without that group"},
      Text{"budget_spent", "the releases that the promise covers are used up: fit and enrol anew"},
      Text{"budget_spent_needs_retraining",
           "the budget is spent, so the next deletion trains again, which weights by value, "
           "gradient ascent and a limit of the tier rule out: ask without them; that begins the "
           "new enrolment, which allows them again"},
      Text{"above_allowance",
           "no tier that the method allows is within the allowance: enrol with more noise (a "
           "larger sigma), or leave out weights by value and gradient ascent where there are any"},
      Text{"step_too_large",
           "gradient ascent left rows never seen with a loss that no model has, and the losses did "
           "not meet: give a smaller step size"},
      Text{
          "alpha_too_large",
          "alpha is so large that the weight of a row vanishes: ask with a smaller one, or for the "
          "form rank"},
      Text{"tier_limit", "the allowance would need a closer look than the tier allowed"},
      Text{"difference_exceeded",
           "the model would move further than the protection of differences allows"},
      Text{"beyond_grid",
           "a parameter would be too large for the grid of the noise: fit and enrol anew with more "
           "noise (a larger sigma)"},
      Text{"not_converged", "retraining did not reach the tolerance of the fit"},
      Text{"not_computed", "the model could not be moved; ask again with the same key"},
      Text{"interrupted",
           "was interrupted before its rows were touched; ask again with the same "
           "key"},
      Text{"other_version",
           "was received by another version of recant; ask again with the same key to have it done "
           "by this one"},
      Text{"other_enrolment",
           "was received under another budget; ask again with the same key to have it done under "
           "this one"},
  };
  for (const auto& [code, text] : kTexts) {
    if (code == reason) return text;
  }
  return reason;
}

}  // namespace recant

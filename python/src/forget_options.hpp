// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bind.hpp"
#include "recant/engine/forget.hpp"

namespace recant::python {

/// How rows are asked for and weighted, as _forget.py puts it: method, weighting ("uniform",
/// "value" or "retained"), form, alpha, values, tier_at_most, third_derivative, rule and the fields
/// of GradientAscentOptions. Looks at `holdout`, which must outlive the request.
/// @throws UsageError for a value that is none.
[[nodiscard]] ForgetRequest forget_request(const Named& how, const Rows* holdout);

/// The values that the request weighs by: those that it has, or what its method finds of the model.
[[nodiscard]] Vector values_for(const ForgetRequest& request, const FittedModel& model,
                                const ProgressCallback& progress);

}  // namespace recant::python

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "recant/data/dataset.hpp"
#include "recant/model/objective.hpp"
#include "recant/valuation/subset_utility.hpp"

namespace recant {

/// What a model is judged by; larger is better.
enum class ModelScore {
  kAccuracy,  ///< share of validation rows whose class is right; p = 1/2 counts as negative
  kLogLoss,   ///< - mean phi: minus the mean log-loss, or half the squared error
};
/// "accuracy", "log_loss".
[[nodiscard]] std::string_view name(ModelScore score) noexcept;
/// @throws UsageError naming the two.
[[nodiscard]] ModelScore model_score(std::string_view name);

/// The score of the model trained on S, theta(S) = argmin F(theta; w with 0 outside S).
///
/// v(empty) is the score of theta = 0, the optimum of the penalty alone (with a linear term b of
/// -b/l2); so is that of a set whose rows weigh 0. A set that grows is trained from where it was
/// before; v does not depend on that by more than the training tolerance (a gradient of 1e-10 of
/// its terms). Cost: a training for each value(): about one Hessian and 5 passes over all n rows.
/// @throws UsageError for no validation row, unequal columns, weights < 0, accuracy of squared
/// loss or a b/l2 that is not finite; while a set is trained, if it does not converge.
[[nodiscard]] std::unique_ptr<SubsetUtility> model_utility(const Objective& objective,
                                                           ConstVectorRef weights,
                                                           const Dataset& validation,
                                                           ModelScore score);

}  // namespace recant

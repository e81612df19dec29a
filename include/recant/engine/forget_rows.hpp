// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "recant/core/progress.hpp"
#include "recant/engine/fitted_model.hpp"
#include "recant/engine/forget.hpp"

namespace recant {

/// Deletes rows from a model in memory: one Newton step from where it is, with a bound on how far
/// that is from training without them; or what `request` says of method and weighting. Nothing is
/// written down, published or signed, and there is no noise: no epsilon and delta hold, and the
/// report's level is `exact` after retraining and else `heuristic`.
///
/// Without an allowance the bound is measured by one pass over the rows (tier 1). With one the
/// model is looked at as closely as it takes to be within, up to training again.
/// Rows by position; the features are shared with `fitted` and stay where they are, the rows count
/// as erased (fitted_model.hpp). Bounds of one deletion after another do not add up: each is about
/// training without all rows that left.
/// Failure outcomes: the model as it was, and `state` of the report: already_erased, or rejected
/// for a `reason`. Of a deletion it is applied, not certified.
/// Cost: a Hessian and a factor, three passes. Source: docs/mathematics.md section 5.3.
/// @throws UsageError for ids, an allowance that is not finite and > 0, alpha = auto without one,
/// and as Vault::forget; NotFoundError for a position that is out of range.
[[nodiscard]] std::pair<FittedModel, ForgetReport> forget_rows(
    const FittedModel& fitted, ForgetRequest request, std::optional<double> allowance = {},
    const ProgressCallback& progress = {});

}  // namespace recant

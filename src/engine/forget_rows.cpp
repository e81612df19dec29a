// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/forget_rows.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "categories_left.hpp"
#include "deletion_step.hpp"
#include "forget_request.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "rows_left.hpp"

namespace recant {
namespace {

void check_for_memory(const ForgetRequest& request, std::optional<double> allowance) {
  if (!request.ids.empty()) {
    throw UsageError("rows of a model in memory are named by position", "ids");
  }
  if (request.weighting.by_value && !request.weighting.alpha && !allowance) {
    throw UsageError("alpha is chosen from an allowance, and there is none", "alpha",
                     "give a number or an allowance");
  }
}

/// Rows of weight 0 have no say in the model.
std::vector<Index> counting(const Dataset& data, const std::vector<Index>& rows) {
  std::vector<Index> found;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
               [&](Index row) { return data.weights[row] > 0; });
  return found;
}

/// The step, and why it is none if it is none.
DeletionStep step_away(const FittedModel& fitted, const Objective& objective,
                       ForgetRequest& request, std::optional<double> allowance) {
  ModelMover mover(fitted, objective);
  const std::vector<Index> rows = counting(fitted.rows, request.rows);
  if (rows.empty()) request = made_plain(request);
  if (allowance) return mover.move_within(*allowance, Tier::kStep, rows, request);
  // Weights of rows that stay need a new base, and then the same pass.
  const Tier usual = request.weighting.retained ? Tier::kNewBase : Tier::kPass;
  const Tier only = std::min(request.tier_at_most.value_or(usual), usual);
  request.tier_at_most = only;
  DeletionStep step = mover.move_within(std::numeric_limits<double>::max(), only, rows, request);
  // A limit below a new base leaves nothing to try of those.
  if (step.refusal.empty() || step.refusal == "step_too_large" ||
      (request.weighting.retained && step.record.tried.empty())) {
    return step;
  }
  // The bound is infinite, or would have taken a dearer tier: without an allowance, an answer.
  step.refusal.clear();
  return step;
}

void tell(const DeletionStep& step, ForgetReport& report) {
  tell_step(step.record, report);
  const bool exact = step.record.tier == name(Tier::kRetrain);
  report.state = RequestState::kApplied;
  report.level = exact ? CertificateLevel::kExact : CertificateLevel::kHeuristic;
  report.assumptions = step.record.assumptions;
  report.assumptions.emplace_back(
      exact ? "without noise: who also holds the model from before can find out what was deleted"
      : step.record.bound
          ? "without noise: the bound on the distance to retraining holds, no epsilon and delta"
          : "without noise: nothing bounds the distance to retraining, no epsilon and delta hold");
  if (step.holdout_lost) report.assumptions.emplace_back(kHoldoutLost);
}

}  // namespace

std::pair<FittedModel, ForgetReport> forget_rows(const FittedModel& fitted, ForgetRequest request,
                                                 std::optional<double> allowance,
                                                 const ProgressCallback& progress) {
  Stopwatch watch;
  check_for_memory(request, allowance);
  check_request(request, fitted.model.loss, fitted.rows.rows());
  std::sort(request.rows.begin(), request.rows.end());
  FittedModel left = fitted;
  ForgetReport report;
  report.rows = std::ssize(request.rows);
  report.allowance = allowance;
  if (std::any_of(request.rows.begin(), request.rows.end(),
                  [&](Index row) { return is_erased(fitted.rows.ids, row); })) {
    report.state = RequestState::kAlreadyErased;
    return {std::move(left), std::move(report)};
  }
  report.state = RequestState::kRejected;
  report.reason = RowsLeft(fitted.rows).take(request.rows);
  if (report.reason.empty()) {
    const Objective objective = fitted.objective();
    if (progress) progress({"deleting", 0, 1});
    const DeletionStep step = step_away(fitted, objective, request, allowance);
    report.reason = step.theta.allFinite() ? step.refusal : "not_computed";
    report.tried = step.record.tried;
    if (report.reason.empty()) {
      tell(step, report);
      mark_erased(left.rows, request.rows);
      erase_unheld_names(left);
      left.model.theta = step.theta;
      left.trained_weights = step.trained_weights;
      left.optimal = step.record.optimal;
      left.gradient = objective.evaluate(left.model.theta, left.rows.weights).gradient;
    }
    if (progress) progress({"deleting", 1, 1});
  }
  report.total_seconds = watch.lap();
  return {std::move(left), std::move(report)};
}

}  // namespace recant

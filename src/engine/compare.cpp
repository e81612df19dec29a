// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/compare.hpp"

#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {
namespace {

class Comparison {
 public:
  Comparison(const FittedModel& fitted, const Dataset& validation, const Dataset& test,
             const CompareRequest& request, const ProgressCallback& progress)
      : fitted_(fitted),
        objective_(fitted.objective()),
        validation_(validation),
        test_(test),
        request_(request),
        progress_(progress),
        goals_(resolve_metric(request.goal, validation, fitted.model, fitted.settings)) {
    if (goals_.size() != 1) {
      throw UsageError("compare needs a goal with one value", "close",
                       "name one group, e.g. NAME:COLUMN=GROUP");
    }
    influence_move_ = Vector::Zero(objective_.parameters());
    gap_ = metric_values(goals_, validation, fitted.model, fitted.settings).front();
    report_.target_gap = (1 - request.close_share) * std::abs(gap_);
  }

  CompareReport run() {
    add({.scheme = "original", .update = "", .rounds = 0, .reached = false, .stop = ""},
        fitted_.model.theta);
    for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) compare_scheme(scheme);
    set_intervals(validation_, &CompareRow::validation);
    set_intervals(test_, &CompareRow::test);
    return std::move(report_);
  }

 private:
  void compare_scheme(Scheme scheme) {
    Stopwatch watch;
    CorrectionOptions options;
    options.scheme = scheme;
    options.rounds = request_.rounds;
    options.target_gap = report_.target_gap;
    options.keep_utility = request_.keep_utility;
    options.lower = request_.lower;
    options.upper = request_.upper;
    options.trainer.tolerance = fitted_.tolerance;
    tell(std::string(name(scheme)) + " weights");
    const CorrectionResult found = correct(objective_, fitted_.model, fitted_.rows.weights,
                                           validation_, goals_, fitted_.settings, options);
    const double search = watch.lap();

    CompareRow row;
    row.scheme = name(scheme);
    for (const CorrectionRound& round : found.rounds) row.rounds += round.accepted ? 1 : 0;
    row.stop = name(found.stop);
    row.changed_rows = (found.change.delta.array() != 0).count();
    const Vector total = fitted_.rows.weights + found.change.delta;
    row.removed_rows = (total.array() == 0).count() - (fitted_.rows.weights.array() == 0).count();

    influence_move_ = one_step(UpdateKind::kInfluence, found.change).theta - fitted_.model.theta;
    for (const UpdateKind update : {UpdateKind::kInfluence, UpdateKind::kNewton}) {
      row.update = name(update);
      watch.lap();
      const UpdateResult moved = one_step(update, found.change);
      row.seconds = watch.lap();
      add(row, moved.theta);
    }
    row.update = "polish";
    row.seconds = search;
    add(row, found.theta);

    row.update = "retrain";
    watch.lap();
    TrainerOptions trainer;
    trainer.tolerance = fitted_.tolerance;
    const TrainerResult retrained = train(objective_, total, trainer);
    row.seconds = watch.lap();
    add(row, retrained.theta);
  }

  UpdateResult one_step(UpdateKind update, const Reweighting& change) const {
    if (update == UpdateKind::kNewton) {
      return newton_step(objective_, fitted_.model.theta, fitted_.rows.weights, change);
    }
    const auto hessian = factor_hessian(objective_, fitted_.model.theta, fitted_.rows.weights);
    if (!hessian) throw InternalError("the Hessian of a fitted model has no factor");
    return influence_step(objective_, fitted_.model.theta, *hessian, fitted_.rows.weights, change);
  }

  void add(CompareRow row, const Vector& theta) {
    tell(row.scheme + " " + row.update);
    const LinearModel model = fitted_.model.at(theta);
    row.validation = cell(validation_, model);
    row.test = cell(test_, model);
    row.reached = std::abs(row.validation.gap) <= report_.target_gap * (1 + 1e-6);
    report_.rows.push_back(std::move(row));
    models_.push_back(model);
  }

  /// The goal, and on hard labels where it is a gap in p.
  std::vector<Metric> gaps() const {
    std::vector<Metric> gaps = goals_;
    if (gaps.front().kind == MetricKind::kDemographicParity ||
        gaps.front().kind == MetricKind::kEqualOpportunity) {
      gaps.push_back(gaps.front());
      gaps.back().hard = true;
    }
    return gaps;
  }

  CompareCell cell(const Dataset& data, const LinearModel& model) const {
    const auto values = metric_values(gaps(), data, model, fitted_.settings, &fitted_.model);
    const Evaluation evaluation = evaluate(data, model, fitted_.settings);
    CompareCell cell;
    cell.gap = values.front();
    cell.gap_predicted =
        metric_values(goals_, data, fitted_.model, fitted_.settings).front() +
        metric_gradients(goals_, data, fitted_.model, fitted_.settings).col(0).dot(influence_move_);
    if (values.size() > 1) cell.gap_hard = values.back();
    cell.utility = evaluation.log_loss_mean;
    cell.accuracy = evaluation.accuracy.value();  // the logistic loss has one
    if (evaluation.robust_loss) {
      cell.robust_loss = *evaluation.robust_loss / static_cast<double>(data.rows());
    }
    return cell;
  }

  /// Of all models at once, on the same resamples.
  void set_intervals(const Dataset& data, CompareCell CompareRow::*split) {
    tell("bootstrap");
    const auto intervals = bootstrap(gaps(), data, models_, fitted_.settings, request_.resamples,
                                     request_.seed, &fitted_.model);
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      CompareCell& cell = report_.rows[i].*split;
      cell.gap_interval = intervals[i].front();
      if (cell.gap_hard) cell.gap_hard_interval = intervals[i].back();
    }
  }

  void tell(const std::string& phase) const {
    if (progress_) progress_({phase, static_cast<double>(report_.rows.size()), 9});
  }

  const FittedModel& fitted_;
  Objective objective_;
  const Dataset& validation_;
  const Dataset& test_;
  const CompareRequest& request_;
  const ProgressCallback& progress_;
  std::vector<Metric> goals_;
  double gap_ = 0;
  Vector influence_move_;  // of theta, to first order, by the weights being looked at
  CompareReport report_;
  std::vector<LinearModel> models_;  // of the rows of the report
};

}  // namespace

CompareReport compare(const FittedModel& fitted, const Dataset& validation, const Dataset& test,
                      const CompareRequest& request, const ProgressCallback& progress) {
  check_between("close_share", request.close_share, 0, 1);
  if (fitted.model.loss.kind() != LossKind::kLogistic) {
    throw UsageError("compare is for the logistic loss", "loss");
  }
  return Comparison(fitted, validation, test, request, progress).run();
}

}  // namespace recant

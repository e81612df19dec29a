// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/compare.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {
namespace {

/// The metrics of a split that intervals are of, each once, and which of them are asked for.
class GapList {
 public:
  struct Named {
    std::string name;
    std::size_t at;  ///< of the metrics
    std::optional<std::size_t> other_half;
  };

  GapList(const Metric& goal, const Dataset& data, const FittedModel& fitted)
      : goal_(find_or_add(goal)) {
    static constexpr std::string_view kNames[] = {"demographic_parity", "equal_opportunity",
                                                  "equal_opportunity_loss", "equalized_odds"};
    const bool classes = fitted.model.loss.kind() != LossKind::kSquared;  // others have no labels
    const std::vector<Metric> soft =
        gap_metrics(std::span(kNames).first(classes ? 4 : 1), data, fitted.model, fitted.settings);
    for (const Metric& metric : soft) add(metric, metric.name);
    if (!classes) return;
    for (const Metric& metric : soft) {
      if (const auto hard = on_hard_labels(metric)) add(*hard, hard_name(metric.name));
    }
    if (const auto hard = on_hard_labels(goal)) goal_hard_ = find_or_add(*hard);
    if (goal.kind != MetricKind::kDemographicParity) return;
    for (const Named& named : named_) {
      const Metric& metric = metrics_[named.at];
      if (metric.kind == MetricKind::kEqualOpportunity && metric.column == goal.column &&
          metric.group == goal.group && !metric.hard) {
        equal_opportunity_ = named.at;
      }
    }
  }

  [[nodiscard]] const std::vector<Metric>& metrics() const noexcept { return metrics_; }

  /// Puts values of the metrics, and intervals if there are any, where they belong.
  void fill(CompareCell& cell, const std::vector<double>& values,
            const std::vector<std::optional<Interval>>* intervals) const {
    const auto interval = [&](std::size_t at) {
      return intervals != nullptr ? (*intervals)[at] : std::nullopt;
    };
    const auto gap = [&](std::string name, std::size_t at) {
      return CompareGap{.name = std::move(name),
                        .value = values[at],
                        .interval = interval(at),
                        .too_few_rows = intervals != nullptr && !(*intervals)[at]};
    };
    cell.gap = values[goal_];
    cell.gap_interval = interval(goal_);
    cell.gap_too_few_rows = intervals != nullptr && !cell.gap_interval;
    if (goal_hard_) {
      cell.gap_hard = values[*goal_hard_];
      cell.gap_hard_interval = interval(*goal_hard_);
    }
    cell.gaps.clear();
    for (const Named& named : named_) {
      const bool other =
          named.other_half && std::abs(values[*named.other_half]) > std::abs(values[named.at]);
      cell.gaps.push_back(gap(named.name, other ? *named.other_half : named.at));
    }
    if (equal_opportunity_) {
      cell.equal_opportunity = gap(metrics_[*equal_opportunity_].name, *equal_opportunity_);
    }
  }

 private:
  static std::optional<Metric> on_hard_labels(Metric metric) {
    if (!metric.is_gap() || metric.kind == MetricKind::kEqualOpportunityLoss) return {};
    metric.hard = true;
    return metric;
  }

  /// NAME_hard[:COLUMN[=GROUP]]
  static std::string hard_name(std::string name) {
    return name.insert(std::min(name.find(':'), name.size()), "_hard");
  }

  std::size_t find_or_add(const Metric& metric) {
    const auto same = [&](const Metric& m) {
      return std::tie(m.kind, m.column, m.group, m.hard) ==
             std::tie(metric.kind, metric.column, metric.group, metric.hard);
    };
    const auto found = std::find_if(metrics_.begin(), metrics_.end(), same);
    const auto at = static_cast<std::size_t>(found - metrics_.begin());
    if (found == metrics_.end()) metrics_.push_back(metric);
    return at;
  }

  /// The halves of equalized_odds follow each other under one name.
  void add(const Metric& metric, std::string name) {
    const std::size_t at = find_or_add(metric);
    if (!named_.empty() && named_.back().name == name) {
      named_.back().other_half = at;
    } else {
      named_.push_back({std::move(name), at, {}});
    }
  }

  std::vector<Metric> metrics_;
  std::vector<Named> named_;
  std::size_t goal_;
  std::optional<std::size_t> goal_hard_, equal_opportunity_;
};

/// The rows of a split, and the original model on them.
struct Split {
  Split(const Metric& goal, const Dataset& rows, const FittedModel& fitted)
      : data(rows),
        gaps(goal, rows, fitted),
        metrics(single_metrics(rows, fitted.model, fitted.settings)) {
    metrics.push_back(goal);  // the last: it has a member of its own
    before = metric_values(metrics, data, fitted.model, fitted.settings);
    gradients = metric_gradients(metrics, data, fitted.model, fitted.settings);
  }

  const Dataset& data;
  GapList gaps;
  std::vector<Metric> metrics;
  std::vector<double> before;
  Matrix gradients;                             // a column each
  std::vector<std::vector<double>> gap_values;  // of `gaps`, by model
};

class Comparison {
 public:
  Comparison(const FittedModel& fitted, const Dataset& validation, const Dataset& test,
             const CompareRequest& request, const ProgressCallback& progress)
      : fitted_(fitted),
        objective_(fitted.objective()),
        request_(request),
        progress_(progress),
        goal_(the_goal(request, validation, fitted)),
        validation_(goal_, validation, fitted),
        test_(goal_, test, fitted) {
    if (has_goal(fitted.rows, validation)) train_.emplace(goal_, fitted.rows, fitted);
    influence_move_ = Vector::Zero(objective_.parameters());
    report_.target_gap = (1 - request.close_share) * std::abs(validation_.before.back());
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
  static Metric the_goal(const CompareRequest& request, const Dataset& validation,
                         const FittedModel& fitted) {
    const auto goals = resolve_metric(request.goal, validation, fitted.model, fitted.settings);
    if (goals.size() != 1) {
      throw UsageError("compare needs a goal with one value", "close",
                       "name one group, e.g. NAME:COLUMN=GROUP");
    }
    return goals.front();
  }

  /// Training rows may have no groups, or not the group of the goal.
  [[nodiscard]] bool has_goal(const Dataset& train, const Dataset& validation) const {
    if (!goal_.is_gap()) return true;
    return train.sensitive.size() == validation.sensitive.size() &&
           std::isfinite(metric_values({goal_}, train, fitted_.model, fitted_.settings).front());
  }

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
    const CorrectionResult found =
        correct(objective_, fitted_.model, fitted_.rows.weights, validation_.data, {&goal_, 1},
                fitted_.settings, options);
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
    if (train_) row.train = cell(*train_, model);
    row.validation = cell(validation_, model);
    row.test = cell(test_, model);
    row.reached = std::abs(row.validation.gap) <= report_.target_gap * (1 + 1e-6);
    report_.rows.push_back(std::move(row));
    models_.push_back(model);
  }

  CompareCell cell(Split& split, const LinearModel& model) const {
    const Evaluation evaluation = evaluate(split.data, model, fitted_.settings);
    CompareCell cell;
    split.gap_values.push_back(values(split, split.gaps.metrics(), model));
    split.gaps.fill(cell, split.gap_values.back(), nullptr);
    const Vector predicted = split.gradients.transpose() * influence_move_;
    cell.gap_predicted = split.before.back() + predicted(predicted.size() - 1);
    cell.changes = metric_changes(split.metrics,
                                  {predicted.data(), static_cast<std::size_t>(predicted.size())},
                                  split.before, values(split, split.metrics, model));
    cell.changes.pop_back();
    cell.utility = evaluation.log_loss_mean;
    cell.accuracy = evaluation.accuracy;
    if (evaluation.robust_loss) {
      cell.robust_loss = *evaluation.robust_loss / static_cast<double>(split.data.rows());
    }
    return cell;
  }

  [[nodiscard]] std::vector<double> values(const Split& split, const std::vector<Metric>& metrics,
                                           const LinearModel& model) const {
    return metric_values(metrics, split.data, model, fitted_.settings, &fitted_.model);
  }

  /// Of all models at once, on the same resamples.
  void set_intervals(const Split& split, CompareCell CompareRow::*member) {
    tell("bootstrap");
    const auto intervals = bootstrap(split.gaps.metrics(), split.data, models_, fitted_.settings,
                                     request_.resamples, request_.seed, &fitted_.model);
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      split.gaps.fill(report_.rows[i].*member, split.gap_values[i], &intervals[i]);
    }
  }

  void tell(const std::string& phase) const {
    if (progress_) progress_({phase, static_cast<double>(report_.rows.size()), 9});
  }

  const FittedModel& fitted_;
  Objective objective_;
  const CompareRequest& request_;
  const ProgressCallback& progress_;
  Metric goal_;
  std::optional<Split> train_;
  Split validation_, test_;
  Vector influence_move_;  // of theta, to first order, by the weights being looked at
  CompareReport report_;
  std::vector<LinearModel> models_;  // of the rows of the report
};

}  // namespace

CompareReport compare(const FittedModel& fitted, const Dataset& validation, const Dataset& test,
                      const CompareRequest& request, const ProgressCallback& progress) {
  check_between("close_share", request.close_share, 0, 1);
  return Comparison(fitted, validation, test, request, progress).run();
}

}  // namespace recant

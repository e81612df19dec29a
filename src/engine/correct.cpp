// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/correct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant {
namespace {

struct Split {
  std::string name;
  const Dataset* data;
};

std::vector<Metric> resolve_goals(const CorrectionRequest& request, const Dataset& validation,
                                  const FittedModel& fitted) {
  std::vector<Metric> goals;
  for (const std::string& text : request.goals) {
    for (Metric& metric : resolve_metric(text, validation, fitted.model, fitted.settings)) {
      if (metric.kind == MetricKind::kUtility) {
        throw UsageError("utility is kept, not closed", "close");
      }
      goals.push_back(std::move(metric));
    }
  }
  return goals;
}

/// Each group of a column that is compared with the rest, as resolve_metric() reads it after the
/// name of the column; one that is empty where the metric itself knows which.
std::vector<std::string> compared(const SensitiveColumn& column, std::size_t index,
                                  const MetricSettings& settings) {
  const bool privileged = index < settings.privileged.size() && settings.privileged[index];
  if (privileged || column.groups.size() <= 2) return {""};
  std::vector<std::string> groups;
  for (const std::string& group : column.groups) groups.push_back("=" + group);
  return groups;
}

/// A model of no row has no optimum: said of the flag that asks for it.
void check_rows_stay(const CorrectionOptions& options, const Vector& weights) {
  const Index count = (weights.array() != 0).count();
  const auto refuse = [&](const char* which) {
    throw UsageError(
        fmt::format("all {} rows that count would be deleted, and nothing is left to train on",
                    count),
        which, "delete fewer");
  };
  if (options.scheme != Scheme::kHard) return;
  if (options.count && *options.count == count) refuse("count");
  const auto rows = static_cast<double>(weights.size());
  if (options.share && *options.share <= 1 &&
      std::floor(*options.share * rows) >= static_cast<double>(count)) {
    refuse("share");
  }
  if (static_cast<Index>(options.delete_rows.size()) == count) refuse("rows");
}

std::optional<std::string> group_of(const Metric& metric, const Dataset& data) {
  if (!metric.is_gap()) return {};
  return data.sensitive[static_cast<std::size_t>(metric.column)]
      .groups[static_cast<std::size_t>(metric.group)];
}

}  // namespace

SplitChange& CorrectionReport::split(std::string_view name) {
  const auto found = std::find_if(splits.begin(), splits.end(),
                                  [&](const SplitChange& change) { return change.split == name; });
  if (found == splits.end()) throw InternalError("a split of a correction is not there");
  return *found;
}

int default_rounds(const CorrectionOptions& options) noexcept {
  const bool once = options.count || options.share || !options.delete_rows.empty() ||
                    (!options.bounded && options.scheme == Scheme::kSoft);
  return once ? 1 : CorrectionOptions{}.rounds;
}

bool has_outcome(const CorrectionReport& report, const CorrectionOptions& options) noexcept {
  const CorrectionResult& result = report.result;
  const bool accepted = std::any_of(result.rounds.begin(), result.rounds.end(),
                                    [](const CorrectionRound& round) { return round.accepted; });
  const bool one_too_dear = options.rounds == 1 && result.stop == CorrectionStop::kUtilityPrice;
  return result.stop != CorrectionStop::kUpdateFailed && !one_too_dear &&
         (accepted || result.stop == CorrectionStop::kNoGap);
}

std::vector<Metric> gap_metrics(std::span<const std::string_view> names, const Dataset& data,
                                const LinearModel& model, const MetricSettings& settings) {
  std::vector<Metric> list;
  for (std::size_t c = 0; c < data.sensitive.size(); ++c) {
    const SensitiveColumn& column = data.sensitive[c];
    const std::string column_name = column.name.empty() ? "groups" : column.name;
    for (const std::string_view gap : names) {
      for (const std::string& group : compared(column, c, settings)) {
        try {
          const std::string text = std::string(gap) + ":" + column_name + group;
          for (Metric& metric : resolve_metric(text, data, model, settings)) {
            if (data.sensitive.size() == 1 && group.empty()) metric.name = gap;
            list.push_back(std::move(metric));
          }
        } catch (const DataError&) {
          // A group (or group and label) without rows here: the gap has no value to compare.
        }
      }
    }
  }
  return list;
}

std::vector<Metric> single_metrics(const Dataset& data, const LinearModel& model,
                                   const MetricSettings& settings) {
  static constexpr std::string_view kGaps[] = {"demographic_parity", "equal_opportunity",
                                               "equal_opportunity_loss"};
  const bool classes = model.loss.kind() != LossKind::kSquared;  // the others read labels
  std::vector<Metric> list = resolve_metric("utility", data, model, settings);
  std::vector<Metric> gaps =
      gap_metrics(std::span(kGaps).first(classes ? 3 : 1), data, model, settings);
  std::move(gaps.begin(), gaps.end(), std::back_inserter(list));
  if (model.loss.kind() == LossKind::kLogistic &&
      model.theta.head(model.features).squaredNorm() > 0) {
    list.push_back({.kind = MetricKind::kRobustLoss, .name = "robust_loss"});
    list.push_back({.kind = MetricKind::kTransferredRobustLoss, .name = "transferred_robust_loss"});
  }
  return list;
}

std::vector<MetricChange> metric_changes(const std::vector<Metric>& metrics,
                                         std::span<const double> predicted,
                                         std::span<const double> before,
                                         std::span<const double> after) {
  std::vector<MetricChange> list;
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    list.push_back({metrics[m].name, predicted[m], after[m] - before[m]});
  }
  return list;
}

std::pair<FittedModel, CorrectionReport> correct(const FittedModel& fitted,
                                                 const Dataset& validation, const Dataset* test,
                                                 const CorrectionRequest& request,
                                                 const ProgressCallback& progress) {
  if (!fitted.optimal) {
    throw UsageError(
        "the model is an approximate update, not the optimum of its weights, so influences "
        "at it mean little",
        "model", "correct the model it came from, or polish it");
  }
  CorrectionReport report;
  report.goals = resolve_goals(request, validation, fitted);
  check_rows_stay(request.options, fitted.rows.weights);

  const bool about_groups = std::any_of(report.goals.begin(), report.goals.end(),
                                        [](const Metric& goal) { return goal.is_gap(); });
  for (const Metric& goal : report.goals) {
    report.goal_groups.push_back(group_of(goal, validation));
  }
  std::vector<Split> splits = {{"validation", &validation}};
  if (!about_groups || fitted.rows.sensitive.size() == validation.sensitive.size()) {
    splits.insert(splits.begin(), {"train", &fitted.rows});
  }
  if (test != nullptr) splits.push_back({"test", test});
  std::vector<ObservedSplit> observed;
  for (const Split& split : splits) {
    // The goals lead, so that what they were meant to do is told of every split.
    ObservedSplit rows{split.data, report.goals};
    const auto others = single_metrics(*split.data, fitted.model, fitted.settings);
    rows.metrics.insert(rows.metrics.end(), others.begin(), others.end());
    observed.push_back(std::move(rows));
  }
  CorrectionOptions options = request.options;
  options.trainer.tolerance = fitted.tolerance;
  report.result = correct(fitted.objective(), fitted.model, fitted.rows.weights, validation,
                          report.goals, fitted.settings, options, observed, progress);

  Stopwatch watch;
  FittedModel corrected = fitted;
  corrected.model.theta = report.result.theta;
  corrected.rows.weights += report.result.change.delta;
  report.weights = summarize(report.result.change, fitted.rows.weights);
  corrected.optimal = options.update == UpdateKind::kPolish || report.weights.nonzero == 0;
  corrected.gradient = report.result.gradient;
  for (std::size_t s = 0; s < splits.size(); ++s) {
    const Dataset& data = *splits[s].data;
    const std::vector<Metric>& metrics = observed[s].metrics;
    const std::vector<MetricChange> all = metric_changes(
        metrics, report.result.predicted[s],
        metric_values(metrics, data, fitted.model, fitted.settings),
        metric_values(metrics, data, corrected.model, fitted.settings, &fitted.model));
    const auto goals = static_cast<std::ptrdiff_t>(report.goals.size());
    report.goal_changes.emplace_back(all.begin(), all.begin() + goals);
    report.splits.push_back(
        {.split = splits[s].name,
         .before = evaluate(data, fitted.model, fitted.settings),
         .after = evaluate(data, corrected.model, fitted.settings, &fitted.model),
         .rows_dropped = 0,
         .unseen = {},
         .changes = {all.begin() + goals, all.end()}});
  }
  report.total_weight_zero_rows = (corrected.rows.weights.array() == 0).count();
  report.evaluate_seconds = watch.lap();
  return {std::move(corrected), std::move(report)};
}

}  // namespace recant

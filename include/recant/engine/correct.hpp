// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recant/data/table.hpp"
#include "recant/engine/vault.hpp"
#include "recant/metrics/evaluation.hpp"
#include "recant/unlearn/correction.hpp"

namespace recant {

/// Which gaps to close and how.
struct CorrectionRequest {
  std::vector<std::string> goals;  ///< metrics, as resolve_metric() reads them
  CorrectionOptions options;
};

/// A metric on one split: what the linearisations predicted of it, and what happened.
struct MetricChange {
  std::string metric;  ///< with several sensitive columns or groups "NAME:COLUMN[=GROUP]"
  double predicted = 0, actual = 0;
};

/// One split before and after.
struct SplitChange {
  std::string split;  ///< "train", "validation", "test"
  Evaluation before, after;
  Index rows_dropped = 0;                ///< of its file, for missing values
  std::vector<UnseenCategories> unseen;  ///< categories that training has not seen
  std::vector<MetricChange> changes;
};

struct CorrectionReport {
  CorrectionResult result;
  std::vector<Metric> goals;
  std::vector<std::optional<std::string>> goal_groups;  ///< whose gap each goal is; none of a sum
  /// "train", "validation" and, if given, "test"; without "train" where a goal is about groups that
  /// the training rows do not have.
  std::vector<SplitChange> splits;
  std::vector<std::vector<MetricChange>> goal_changes;  ///< by split and goal
  ReweightingSummary weights;
  Index total_weight_zero_rows = 0;  ///< rows that no longer count at all
  double evaluate_seconds = 0;

  /// @throws InternalError for a split that is not there.
  [[nodiscard]] SplitChange& split(std::string_view name);
};

/// Rounds where none are asked for: a number of rows, or the closed form, is one linearisation.
[[nodiscard]] int default_rounds(const CorrectionOptions& options) noexcept;

/// Whether there is a corrected model to keep: a step was taken, or no gap was there to close.
[[nodiscard]] bool has_outcome(const CorrectionReport& report,
                               const CorrectionOptions& options) noexcept;

/// Corrects a model: chooses weights on `validation`, moves the model, measures on every split.
/// The first of the pair is the corrected model, with its rows' new weights.
/// @throws UsageError, DataError as resolve_metric() and correct()
[[nodiscard]] std::pair<FittedModel, CorrectionReport> correct(
    const FittedModel& fitted, const Dataset& validation, const Dataset* test,
    const CorrectionRequest& request, const ProgressCallback& progress = {});

/// Gaps, by their names, of every sensitive column; of each group where several are compared. Those
/// without rows here are left out. Called as in MetricChange; both halves of equalized_odds alike.
[[nodiscard]] std::vector<Metric> gap_metrics(std::span<const std::string_view> names,
                                              const Dataset& data, const LinearModel& model,
                                              const MetricSettings& settings);

/// Every metric that has one value on these rows: utility, the gaps of gap_metrics() and the robust
/// losses.
[[nodiscard]] std::vector<Metric> single_metrics(const Dataset& data, const LinearModel& model,
                                                 const MetricSettings& settings);

/// Of each metric what was predicted and, from its values before and after, what happened.
[[nodiscard]] std::vector<MetricChange> metric_changes(const std::vector<Metric>& metrics,
                                                       std::span<const double> predicted,
                                                       std::span<const double> before,
                                                       std::span<const double> after);

}  // namespace recant

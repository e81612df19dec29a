// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recant/core/progress.hpp"
#include "recant/engine/correct.hpp"
#include "recant/engine/vault.hpp"
#include "recant/metrics/bootstrap.hpp"
#include "recant/unlearn/correction.hpp"

namespace recant {

/// The experiment of the soft-weighting paper: the same gap closed by soft weights and by hard
/// deletion, under every update, next to retraining from scratch on the same weights.
struct CompareRequest {
  std::string goal = "demographic_parity";  ///< must resolve to one metric
  double close_share = 0.8;                 ///< close this share of the validation gap
  bool keep_utility = true;                 ///< of the soft weights
  double lower = -1, upper = 1;             ///< of the soft weights
  int rounds = 8;
  int resamples = 1000;  ///< of the bootstrap
  std::uint64_t seed = 1;
};

/// A gap of one model on one split.
struct CompareGap {
  std::string
      name;  ///< as in MetricChange, with "_hard" after NAME where it is read on hard labels
  double value = 0;
  std::optional<Interval> interval;  ///< 95%, bootstrap over the split's rows; none on train
  bool too_few_rows = false;         ///< for it: fewer than kFewestResampledRows on a side
};

/// One model of the table, on one split.
struct CompareCell {
  double gap = 0;
  double gap_predicted = 0;  ///< by the first-order effect of the weights on the original model
  std::optional<Interval> gap_interval;
  bool gap_too_few_rows = false;   ///< as in CompareGap; of hard labels too
  std::optional<double> gap_hard;  ///< on hard labels; none for a goal that is no gap in p
  std::optional<Interval> gap_hard_interval;
  double utility = 0;                 ///< mean loss
  std::optional<double> accuracy;     ///< none of squared loss
  std::optional<double> robust_loss;  ///< mean; the attack follows the model; none for w = 0
  /// Of single_metrics(), from the original model; predicted as `gap_predicted` is.
  std::vector<MetricChange> changes;
  /// Every gap that evaluate() reports, of every sensitive column and group compared. That of
  /// equalized_odds is the half of larger size, with the interval of this half.
  std::vector<CompareGap> gaps;
  /// Beside a goal of demographic parity: equal opportunity of the same groups, if it has rows.
  std::optional<CompareGap> equal_opportunity;
};

struct CompareRow {
  std::string scheme;  ///< "original", "soft", "hard"
  std::string update;  ///< "", "influence", "newton", "polish", "retrain"
  int rounds = 0;
  bool reached = false;  ///< the validation gap is at most the target
  std::string stop;      ///< why it ended
  Index changed_rows = 0, removed_rows = 0;
  double seconds = 0;
  std::optional<CompareCell> train;  ///< none where the goal has no value there
  CompareCell validation, test;
};

/// A file that rows came from, for whoever reads it to say.
struct CompareFile {
  std::string name;  ///< "train", "validation", "test"
  Index rows = 0;
  std::optional<Index> rows_dropped;  ///< none where nobody knows: of a folder's training rows
  std::vector<UnseenCategories> unseen;
};

struct CompareReport {
  double target_gap = 0;
  std::vector<CompareRow> rows;
  std::vector<CompareFile> files;
};

/// Soft and hard to the same target gap on validation, each iterated with polish; the weights
/// found are then applied to the original model in one influence step, in one Newton step, and
/// by training from scratch. Training rows have no intervals: the models were made from them, and
/// resampling rows under fixed models says nothing of that.
/// @throws UsageError, DataError as correct()
[[nodiscard]] CompareReport compare(const FittedModel& fitted, const Dataset& validation,
                                    const Dataset& test, const CompareRequest& request,
                                    const ProgressCallback& progress = {});

}  // namespace recant

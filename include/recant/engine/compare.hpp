// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recant/core/progress.hpp"
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

/// One model of the table, on one split.
struct CompareCell {
  double gap = 0;
  double gap_predicted = 0;  ///< by the first-order effect of the weights on the original model
  Interval gap_interval;     ///< 95%, bootstrap over the split's rows
  std::optional<double> gap_hard;  ///< on hard labels; none for a goal that is no gap in p
  Interval gap_hard_interval;
  double utility = 0;  ///< mean loss
  double accuracy = 0;
  std::optional<double> robust_loss;  ///< mean; the attack follows the model; none for w = 0
};

struct CompareRow {
  std::string scheme;  ///< "original", "soft", "hard"
  std::string update;  ///< "", "influence", "newton", "polish", "retrain"
  int rounds = 0;
  bool reached = false;  ///< the validation gap is at most the target
  std::string stop;      ///< why it ended
  Index changed_rows = 0, removed_rows = 0;
  double seconds = 0;
  CompareCell validation, test;
};

struct CompareReport {
  double target_gap = 0;
  std::vector<CompareRow> rows;
};

/// Soft and hard to the same target gap on validation, each iterated with polish; the weights
/// found are then applied to the original model in one influence step, in one Newton step, and
/// by training from scratch. Labels are those of a two-class model (logistic loss).
/// @throws UsageError, DataError as correct()
[[nodiscard]] CompareReport compare(const FittedModel& fitted, const Dataset& validation,
                                    const Dataset& test, const CompareRequest& request,
                                    const ProgressCallback& progress = {});

}  // namespace recant

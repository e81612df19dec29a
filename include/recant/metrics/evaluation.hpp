// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recant/metrics/metric.hpp"

namespace recant {

/// What one group looks like to a model.
struct GroupEvaluation {
  std::string name;
  Index rows = 0, positives = 0;         ///< positives: rows whose target is the positive class
  std::optional<double> positive_rate;   ///< positives / rows
  std::optional<double> selection_rate;  ///< share predicted positive
  std::optional<double> mean_score;      ///< mean p
  std::optional<double> accuracy;
};

/// The gaps of one sensitive column: the metric's headline (the gap of largest size among the
/// groups), and the same on hard labels. Nothing where a group (or group and label) has no row.
struct GapEvaluation {
  std::string column;
  std::string privileged;  ///< the group whose gap it is: that group minus the rest
  std::optional<double> demographic_parity, equal_opportunity, equal_opportunity_loss,
      equalized_odds, demographic_parity_hard, equal_opportunity_hard, equalized_odds_hard;
  std::vector<GroupEvaluation> groups;
};

/// Everything recant reports about a model on rows. Fields that the loss does not have (accuracy
/// of squared loss, robustness of softmax) are empty.
struct Evaluation {
  Index rows = 0;
  double log_loss_sum = 0, log_loss_mean = 0;  ///< squared loss: half the squared errors
  std::optional<double> accuracy;
  std::optional<double> transferred_robust_loss, robust_loss, margin_robust_accuracy;
  std::vector<GapEvaluation> gaps;  ///< by sensitive column
};

/// Evaluates on `data`. `attack` as in metric_values: pass the model before an update to compare.
/// Cost: one pass over the rows. Source: docs/mathematics.md section 3.
[[nodiscard]] Evaluation evaluate(const Dataset& data, const LinearModel& model,
                                  const MetricSettings& settings,
                                  const LinearModel* attack = nullptr);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/data/dataset.hpp"
#include "recant/model/linear_model.hpp"

namespace recant {

/// What we care about, as a differentiable function m(theta) of rows the model was not trained
/// on. With p the probability of the positive class (squared loss: the prediction itself), phi
/// the loss, a the privileged group and b every other row:
///
///   utility                   sum phi                                       (lower is better)
///   demographic_parity        mean_a p - mean_b p
///   equal_opportunity         mean_{a, y=1} p - mean_{b, y=1} p
///   equal_opportunity_loss    mean_{b, y=1} phi - mean_{a, y=1} phi
///   equalized_odds            equal_opportunity, and the same for y = 0: two metrics
///   transferred_robust_loss   sum phi at x_adv = x - 1.3 (t/|w|^2) w of a fixed model (w, c)
///   robust_loss               the same with the attack following theta
///
/// Source: docs/mathematics.md section 3.
enum class MetricKind {
  kUtility,
  kDemographicParity,
  kEqualOpportunity,
  kEqualOpportunityNegative,  ///< the half of equalized_odds for y = 0
  kEqualOpportunityLoss,
  kTransferredRobustLoss,
  kRobustLoss,
};

/// The names of `--metric` and `--close`, in the order of the table.
[[nodiscard]] const std::vector<std::string>& metric_names();

/// A metric with everything resolved: which column, which group against the rest.
struct Metric {
  MetricKind kind = MetricKind::kUtility;
  std::string name;        ///< as asked for, e.g. "demographic_parity:race"
  Index column = 0;        ///< index into Dataset::sensitive, for the gaps
  std::int32_t group = 0;  ///< group a; b is every other row
  bool hard = false;       ///< a gap read on hard labels in place of p: has no gradient

  /// A difference between groups, rather than a sum over rows.
  [[nodiscard]] bool is_gap() const noexcept {
    return kind != MetricKind::kUtility && kind != MetricKind::kTransferredRobustLoss &&
           kind != MetricKind::kRobustLoss;
  }
};

/// How the metrics read a model; stored with the model. Every function below that takes them checks
/// them, and so do evaluate() and bootstrap(). @throws UsageError
struct MetricSettings {
  Index positive_class = 1;  ///< softmax: the class whose probability p is
  std::vector<std::optional<std::string>> privileged;  ///< by sensitive column; empty: see resolve
  double threshold = 0.5;                              ///< hard labels: p > threshold
  double radius = 0;                                   ///< of margin-robust accuracy
  bool attack_correct_only = false;  ///< the attack moves only rows that are classified rightly

  static constexpr auto fields() {
    return std::tuple{Field{"radius", &MetricSettings::radius,
                            "margin-robust accuracy: length of the attack", Accept::kNonNegative},
                      Field{"threshold", &MetricSettings::threshold,
                            "probability above which a label is positive", Accept::kUnitInterval}};
  }
};

/// Turns "NAME", "NAME:COLUMN" or "NAME:COLUMN=GROUP" into metrics.
///
/// A gap between two groups is one metric. Among more groups without a privileged one it is one
/// metric a group, each against the rest. equalized_odds doubles that.
/// @throws UsageError for an unknown name or column, or a gap without a sensitive column;
/// DataError naming a group (and label) without a row in `data`.
[[nodiscard]] std::vector<Metric> resolve_metric(std::string_view text, const Dataset& data,
                                                 const LinearModel& model,
                                                 const MetricSettings& settings);

/// The group with the highest share of positive targets, the first of them on a tie: the default
/// privileged group. Read on the training rows.
[[nodiscard]] std::string highest_positive_rate(const Dataset& data, Index column,
                                                Index positive_class);

/// Values and gradients of several metrics at one model, on one data set.
///
/// `attack` is the model whose attack transferred_robust_loss keeps fixed; without it the model
/// itself, and then both robust losses have the same value but not the same gradient.
/// Cost: one pass for the values, and one for all gradients together.
/// @throws DataError for a robust metric where w = 0; UsageError where the loss has no such metric.
[[nodiscard]] std::vector<double> metric_values(const std::vector<Metric>& metrics,
                                                const Dataset& data, const LinearModel& model,
                                                const MetricSettings& settings,
                                                const LinearModel* attack = nullptr);

/// q x m: the same of m models that differ from `model` in their parameters alone, the columns of
/// `thetas` (C*p x m). Rows are read once for dozens of models. Throws as above.
[[nodiscard]] Matrix metric_values_of_models(const std::vector<Metric>& metrics,
                                             const Dataset& data, const LinearModel& model,
                                             ConstMatrixRef thetas, const MetricSettings& settings,
                                             const LinearModel* attack = nullptr);

/// C*p x q: the gradient of every metric at the model; `attack` as above.
[[nodiscard]] Matrix metric_gradients(const std::vector<Metric>& metrics, const Dataset& data,
                                      const LinearModel& model, const MetricSettings& settings,
                                      const LinearModel* attack = nullptr);

}  // namespace recant

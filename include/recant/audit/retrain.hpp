// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "recant/audit/rate.hpp"
#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/objective.hpp"
#include "recant/model/trainer.hpp"

/// The truth about a deletion: training again without the rows. docs/mathematics.md section 6.
namespace recant {

struct RetrainAuditOptions {
  TrainerOptions trainer = {.tolerance = 1e-13};
  std::optional<double> bound;  ///< claimed distance to retraining
  double confidence = 0.95;

  static constexpr auto fields() {
    using O = RetrainAuditOptions;
    return std::tuple{
        Field{"bound", &O::bound, "claimed largest distance to the retrained model",
              Accept::kNonNegative},
        Field{"confidence", &O::confidence, "of every interval", Accept::kUnitInterval}};
  }
};

/// Is a claimed bound on the distance true?
enum class BoundVerdict {
  kNotClaimed,
  kHolds,     ///< the whole interval of the distance is within it
  kBroken,    ///< the whole interval is beyond it
  kUndecided  ///< the retraining is not exact enough to tell
};
/// "not_claimed", "holds", "broken", "undecided".
[[nodiscard]] std::string_view name(BoundVerdict verdict) noexcept;

/// One model on the test rows, each row counted once.
struct TestUtility {
  double log_loss = 0;           ///< mean phi
  std::optional<Rate> accuracy;  ///< not for squared loss
};

/// How much two models say the same on the test rows.
struct PredictionAgreement {
  std::optional<Rate> same_label;  ///< not for squared loss
  double mean_difference = 0;      ///< of probabilities (squared: predictions), absolute,
  double largest_difference = 0;   ///< the class that differs most
};

struct RetrainAudit {
  TrainerResult retrained;  ///< from theta = 0, so that nothing of the deleted rows is in it
  double distance = 0;      ///< |theta - retrained.theta|
  /// The exact optimum lies within minimum_distance() of retrained.theta, so the true distance
  /// |theta - theta*| is in [low, high], for certain: rounding is counted.
  double distance_low = 0, distance_high = 0;
  BoundVerdict verdict = BoundVerdict::kNotClaimed;
  TestUtility unlearned_utility, retrained_utility;
  PredictionAgreement unlearned_agreement;  ///< with the retrained model
  /// Of the model before the deletion; unset where nobody has it.
  std::optional<TestUtility> original_utility;
  std::optional<PredictionAgreement> original_agreement;
  double seconds = 0;  ///< of the retraining
};

/// Trains on `weights` (those that are left: deleted rows have 0) and compares.
/// original: theta before the deletion; unlearned: theta after it. Ties p = threshold and scores
/// that are equal count as the negative and the first class.
/// Assumes: weights >= 0.
/// Failure outcome: retrained.converged = false; the interval is right all the same.
/// Cost: a cold fit and a pass, three passes over `test`. Source: docs/mathematics.md section 6.
/// @throws UsageError for sizes that differ or options out of range; DataError for no test row, and
/// as minimum_distance().
[[nodiscard]] RetrainAudit audit_by_retraining(const Objective& objective, ConstVectorRef weights,
                                               ConstVectorRef original, ConstVectorRef unlearned,
                                               const Dataset& test,
                                               const MetricSettings& settings = {},
                                               const RetrainAuditOptions& options = {},
                                               const ProgressCallback& progress = {});

/// The distance alone, where there are no test rows: utilities and agreement are left as they are.
[[nodiscard]] RetrainAudit audit_by_retraining(const Objective& objective, ConstVectorRef weights,
                                               ConstVectorRef unlearned,
                                               const RetrainAuditOptions& options = {},
                                               const ProgressCallback& progress = {});

/// Fills in utilities and agreement of an audit whose retrained model is there. `original` may be
/// nullptr: its figures stay unset.
void measure_utilities(const Objective& objective, const Vector* original, ConstVectorRef unlearned,
                       const Dataset& test, const MetricSettings& settings, double confidence,
                       RetrainAudit& audit);

}  // namespace recant

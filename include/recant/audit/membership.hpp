// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/audit/rate.hpp"
#include "recant/audit/roc.hpp"
#include "recant/audit/shadow_models.hpp"
#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/model/objective.hpp"

/// Membership inference: can an attacker who holds a model tell whether a row was in its training
/// set? docs/mathematics.md section 6.3.
namespace recant {

/// What the attacker scores a row by; higher means more like a member.
enum class MembershipAttack {
  kLoss,  ///< -phi: rows that were trained on fit better ([Yeom2018])
  kLira,  ///< how much better than models that never saw the row, offline LiRA ([Carlini2022])
};
/// "loss", "lira".
[[nodiscard]] std::string_view name(MembershipAttack attack) noexcept;

struct MembershipOptions {
  std::optional<ShadowOptions> shadows = ShadowOptions{};  ///< unset: only the loss attack
  double confidence = 0.95;
  double false_alarm = 0.01;  ///< of any flag, when unlearned and retrained are equally attackable
  double tolerance = 0.01;    ///< differences of AUC up to this are no matter
  std::uint64_t seed = 0;     ///< of the halves that thresholds are set and measured on

  static constexpr auto fields() {
    using O = MembershipOptions;
    return std::tuple{
        Field{"confidence", &O::confidence, "of every interval", Accept::kUnitInterval},
        Field{"false_alarm", &O::false_alarm,
              "chance of a flag when there is nothing to flag, all attacks and both sides together",
              Accept::kUnitInterval},
        Field{"tolerance", &O::tolerance, "difference of AUC from retraining that is no matter",
              Accept::kNonNegative},
        Field{"seed", &O::seed, "of the split into halves"}};
  }
};

/// At a threshold that one half of the rows set, what the other half shows.
struct OperatingPoint {
  double aimed_fpr = 0;  ///< 0: the threshold with the largest advantage
  double threshold = 0;
  Rate tpr, fpr;  ///< measured, Clopper-Pearson
  /// The half that set the threshold has 1 / aimed_fpr unseen rows or more; else the threshold is
  /// their largest score and the false positive rate only what `fpr` shows.
  bool resolved = true;
};

/// One attack on one set of rows against unseen rows.
struct AttackResult {
  Index rows = 0, unseen_rows = 0;
  Auc auc;
  OperatingPoint at_one_in_thousand, at_one_percent;
  /// TPR - FPR at the threshold that is best on the other half, in [-1, 1]; the interval adds the
  /// two rates' intervals, each at half the error, and so covers at least as promised.
  double advantage = 0, advantage_low = -1, advantage_high = 1;
};

/// Members' scores against others', thresholds on one random half and measured on the other.
/// @throws UsageError for NaN, or fewer than 2 rows on a side.
[[nodiscard]] AttackResult attack(ConstVectorRef members, ConstVectorRef others, double confidence,
                                  std::uint64_t seed);

/// The deleted rows seen through the unlearned model, beside the retrained one.
enum class ForgettingVerdict {
  kAsRetrained,     ///< no difference beyond tolerance is shown
  kUnderForgotten,  ///< deleted rows look more like members than after retraining
  kOverForgotten,   ///< and less: they stand out as removed
  kTooFewRows,      ///< fewer than kFewestRows deleted or unseen rows
};
/// "as_retrained", "under_forgotten", "over_forgotten", "too_few_rows".
[[nodiscard]] std::string_view name(ForgettingVerdict verdict) noexcept;
/// One sentence for a person.
[[nodiscard]] std::string_view describe(ForgettingVerdict verdict) noexcept;

struct ModelUnderAttack {
  AttackResult deleted, retained;  ///< each against unseen rows
};

struct AttackAudit {
  MembershipAttack attack = MembershipAttack::kLoss;
  ModelUnderAttack original, unlearned, retrained;
  AucDifference difference;          ///< deleted rows: AUC of unlearned minus retrained
  double difference_confidence = 0;  ///< of its interval: 1 - false_alarm / number of attacks
  ForgettingVerdict verdict = ForgettingVerdict::kAsRetrained;
};

struct MembershipAudit {
  std::vector<AttackAudit> attacks;  ///< loss, then LiRA if there are shadow models
  int shadows_not_converged = 0;
};

/// The three models, on the same rows.
struct AuditedModels {
  ConstVectorRef original, unlearned, retrained;  ///< C*p each
};

/// Attacks all three models on deleted, retained and unseen rows.
///
/// A verdict compares the AUC of deleted against unseen rows under the unlearned and the retrained
/// model, on the same rows, by DeLong's paired test: a flag is raised when the whole interval of
/// the difference lies beyond +-tolerance. Each attack has its share of false_alarm, so that all of
/// them together raise one no oftener where there is nothing to find.
/// `deleted`: rows of the objective that were deleted; retained are the others with weight > 0 in
/// `weights`, the weights before the deletion. `unseen`: rows that no model was trained on, from
/// the same source as the training rows; that they are is the attack's assumption.
/// Errs: intervals take rows as independent and models as given. Flags come about as often as
/// false_alarm says at most (measured at tolerance 0, from kFewestRows rows on; below there is no
/// verdict).
/// Cost: three passes over all rows and unseen; with shadows k cold fits and k passes.
/// The same bytes for any number of threads. Source: docs/mathematics.md section 6.3.
/// @throws UsageError for sizes that differ, options out of range, bad rows; DataError for fewer
/// than 2 deleted, retained or unseen rows, or other features.
[[nodiscard]] MembershipAudit audit_membership(const Objective& objective, ConstVectorRef weights,
                                               const AuditedModels& models,
                                               std::span<const Index> deleted,
                                               const Dataset& unseen,
                                               const MembershipOptions& options = {},
                                               const ProgressCallback& progress = {});

/// The same where the deleted rows are no longer among those of the objective: `weights` are those
/// after the deletion, and rows of weight 0 play no part. The shadow models are then trained on
/// halves of the retained rows alone; deleted and unseen rows, which none of them saw, are
/// described by a random half of them each.
[[nodiscard]] MembershipAudit audit_membership(const Objective& objective, ConstVectorRef weights,
                                               const AuditedModels& models, const Dataset& deleted,
                                               const Dataset& unseen,
                                               const MembershipOptions& options = {},
                                               const ProgressCallback& progress = {});

}  // namespace recant

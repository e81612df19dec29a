// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "batch_record.hpp"
#include "recant/core/progress.hpp"
#include "recant/engine/fitted_model.hpp"
#include "recant/engine/forget.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant {

/// Where a deletion would leave the model: nothing on disk is touched yet.
struct DeletionStep {
  std::string refusal;  ///< a reason of a no, see describe_reason(); empty: go ahead
  Vector theta;
  std::optional<Vector> trained_weights;  ///< see FittedModel
  std::optional<DeletionState> state;     ///< to go on from
  bool new_base = false;                  ///< `state` is about a base built here
  bool holdout_lost = false;              ///< see GradientAscentResult
  BatchRecord record;                     ///< what the step knows of it
};

/// What a deletion whose ascent has `holdout_lost` says where no budget tells how far it went.
inline constexpr const char* kHoldoutLost =
    "gradient ascent ended where rows never seen have more than a thousand times the loss that "
    "they "
    "had";

/// Neither led elsewhere nor weighted by value.
[[nodiscard]] bool is_plain(const ForgetRequest& request) noexcept;
/// The same request as a Newton step that weights nothing. What becomes of any other that names
/// only rows of weight 0: with nothing to climb and no force to share out, training without them is
/// training with them.
[[nodiscard]] ForgetRequest made_plain(const ForgetRequest& request);

/// Moves a model away from rows, and bounds how far it then is from training without them.
///
/// With a budget: one Newton step from the base, looked at as closely as the allowance asks for
/// (docs/mathematics.md section 5.4). Without: to the optimum, or wherever the method leads, and
/// said to be heuristic. One base serves many deletions; a new one is built when they carry half of
/// its curvature, or when passes that a new base would have saved have cost as much as it does,
/// counted in operations, so that the same deletions give the same bytes.
class ModelMover {
 public:
  /// Keeps references to all of them. `fitted` has the weights and theta as they are now.
  ModelMover(const FittedModel& fitted, const Objective& objective)
      : fitted_(fitted), objective_(objective) {}

  /// `rows` have weight; without any the request is carried out as made_plain(). A whole retraining
  /// if `retrain` is set.
  [[nodiscard]] DeletionStep move(std::span<const Index> rows, const ForgetRequest& request,
                                  const std::optional<PrivacyBudget>& budget, bool retrain,
                                  const ProgressCallback& progress);
  /// The same as under a budget, for an allowance that no noise stands behind: looked at from
  /// `first` on. Without rows `request` is plain.
  [[nodiscard]] DeletionStep move_within(double allowance, Tier first, std::span<const Index> rows,
                                         const ForgetRequest& request,
                                         const ProgressCallback& progress = {});
  /// A step was taken: the next starts from it. `fitted` has changed likewise.
  void adopt(DeletionStep step);
  [[nodiscard]] std::int64_t bases() const noexcept { return bases_; }

 private:
  const FittedModel& fitted_;
  const Objective& objective_;
  std::optional<DeletionState> state_;
  std::int64_t bases_ = 0;
  double spent_ = 0;      // operations of passes since the base
  double last_cost_ = 0;  // of the step that is not adopted yet

  [[nodiscard]] const DeletionState& current(bool third_derivative);
  [[nodiscard]] double pass_cost() const;
  [[nodiscard]] double base_cost(bool third_derivative) const;
  void bounded(std::span<const Index> rows, const ForgetRequest& request, double allowance,
               Tier first, DeletionStep& step);
  void retained(std::span<const Index> rows, const ForgetRequest& request,
                std::optional<double> allowance, Tier first, DeletionStep& step,
                const ProgressCallback& progress);
  [[nodiscard]] Vector retained_weights(std::span<const Index> rows, const ForgetRequest& request,
                                        const ProgressCallback& progress) const;
  void unbounded(std::span<const Index> rows, const ForgetRequest& request, DeletionStep& step,
                 const ProgressCallback& progress);
  [[nodiscard]] DistanceBound bound_at(Tier tier, std::span<const Index> rows,
                                       const ForgetRequest& request, double alpha, double allowance,
                                       DeletionStep& step);
};

}  // namespace recant

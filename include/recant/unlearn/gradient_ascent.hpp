// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/value_weighted.hpp"

namespace recant {

/// How the step size goes on, t = 1, 2, ...
enum class StepRule {
  kConstant,  ///< step_size
  kDecaying,  ///< step_size / sqrt(t)
};
/// "constant", "decaying".
[[nodiscard]] std::string_view name(StepRule rule) noexcept;
/// @throws UsageError naming the two.
[[nodiscard]] StepRule step_rule(std::string_view name);

struct GradientAscentOptions {
  int max_steps = 100;
  double step_size = 0.1;
  StepRule rule = StepRule::kConstant;
  std::optional<double> clip = 1;  ///< unset: gradients are taken as they are

  static constexpr auto fields() {
    using O = GradientAscentOptions;
    return std::tuple{
        Field{"max_steps", &O::max_steps, "steps before giving up", Accept::kPositive},
        Field{"step_size", &O::step_size, "factor of the mean gradient", Accept::kPositive},
        Field{"clip", &O::clip, "a longer mean gradient is shortened to this norm",
              Accept::kPositive}};
  }
};

enum class AscentStop {
  kReached,         ///< the last step was cut where the losses are equal
  kAlreadyReached,  ///< the forget set's loss was not below the hold-out's: no step was made
  kSteps,           ///< as many steps as allowed
  kStationary,      ///< the forget set's gradient is 0
  kNotFinite,       ///< a step left the range of doubles; theta is the point before
  /// The hold-out's loss rose a thousandfold, over what it was and what a model of zeros has, and
  /// the losses did not meet; theta is the last point before that.
  kOvershot,
};
/// Whether the step size is to blame, so that nothing should be made of the result.
[[nodiscard]] constexpr bool step_too_large(AscentStop stop) noexcept {
  return stop == AscentStop::kNotFinite || stop == AscentStop::kOvershot;
}
/// "reached", "already_reached", "steps", "stationary", "not_finite", "overshot".
[[nodiscard]] std::string_view name(AscentStop stop) noexcept;
/// @throws UsageError for another name.
[[nodiscard]] AscentStop ascent_stop(std::string_view name);
/// One sentence for a person.
[[nodiscard]] std::string_view describe(AscentStop stop) noexcept;

/// A point on the way; the first is where it starts.
struct AscentPoint {
  double forget_loss = 0, holdout_loss = 0;  ///< means
  double gradient_norm = 0;                  ///< of the mean gradient there, before clipping
  double step_norm = 0;                      ///< of the step that led there; 0 at the start
};

struct GradientAscentResult {
  UpdateResult update;  ///< measured against training on weights + target
  AscentStop stop = AscentStop::kSteps;
  std::vector<AscentPoint> path;
  int clipped = 0;  ///< steps that were shortened by `clip`
  /// The losses met, but only where the hold-out's had risen a thousandfold (see kOvershot): of
  /// such a model somebody should be told.
  bool holdout_lost = false;
};

/// Climbs the loss of the rows to be forgotten until they look like rows never seen:
///
///   theta <- theta + eta_t clip(G),   G = sum_j c_j g_j(theta) / sum_j c_j,   c_j = omega_j w_j
///
/// and stops when mean phi over them (by omega) reaches mean phi over `holdout` (by its weights),
/// both at the same theta. The step that would pass that point is cut to it, to 1e-9 of the losses,
/// however far beyond it would have led, if the losses there are numbers.
/// `values` says which rows and with which w: value_weights() or uniform_weights(); the second form
/// of value weights has nothing to climb and is refused. Shapes: weights and values n, theta C*p.
/// Level: heuristic. Nothing ties the result to the model trained without the rows; retained rows
/// are not looked at and their loss rises too. gradient_norm says how far from optimal it is left.
/// Failure outcomes: `stop`. phi is convex, so with w = 1 no step lowers the loss that is climbed.
/// Cost: two passes over the training rows and one over `holdout` a step, one more over that in
/// all; the cut up to 64 more of each. Source: docs/mathematics.md section 4.5; [He2025].
/// @throws UsageError for sizes that differ or options out of range; DataError for a hold-out set
/// without a row that has weight, or with other features than the training rows.
[[nodiscard]] GradientAscentResult gradient_ascent(const Objective& objective, ConstVectorRef theta,
                                                   ConstVectorRef weights,
                                                   const ValueWeights& values,
                                                   const Dataset& holdout,
                                                   const GradientAscentOptions& options = {},
                                                   const ProgressCallback& progress = {});

}  // namespace recant

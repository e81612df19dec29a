// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "recant/core/progress.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/model/minimum_distance.hpp"
#include "recant/model/objective.hpp"
#include "recant/model/trainer.hpp"
#include "recant/weighting/reweighting.hpp"

/// Three ways to move a fitted model to where reweighted rows would have put it.
/// Source: docs/mathematics.md section 2.
namespace recant {

enum class UpdateKind { kInfluence, kNewton, kPolish };
/// "influence", "newton", "polish".
[[nodiscard]] std::string_view name(UpdateKind kind) noexcept;
/// @throws UsageError naming the three.
[[nodiscard]] UpdateKind update_kind(std::string_view name);

enum class UpdateStatus {
  kDone,
  kNotConverged,         ///< polish: the tolerance was not reached; theta is the best point found
  kNegativeWeights,      ///< polish: some w + delta < 0, so there is nothing to converge to
  kNotPositiveDefinite,  ///< Newton: negative total weights make H(theta; w + delta) indefinite
};
/// One sentence for a person.
[[nodiscard]] std::string_view describe(UpdateStatus status) noexcept;

/// Where the model went and how far it is from training on the new weights.
struct UpdateResult {
  UpdateStatus status = UpdateStatus::kDone;
  Vector theta;  ///< C*p; the old one where status says there is no new one
  Index negative_total_weight_rows =
      0;                      ///< no weighted training has these: nothing to compare with
  Vector gradient;            ///< grad F(theta; w + delta), C*p
  double gradient_norm = 0;   ///< its length
  GradientMeasure measured;   ///< the same with its rounding: what distance_bound follows from
  double distance_bound = 0;  ///< minimum_distance(): >= |theta - argmin|, if none is negative
  double seconds = 0;
};

/// theta - H(theta; w)^{-1} sum_j delta_j g_j(theta).
/// Takes the factor of H(theta; w), which the influences have needed already. Defined for any
/// delta. Heuristic. Cost: two passes, one solve. Source: [KohLiang2017].
[[nodiscard]] UpdateResult influence_step(const Objective& objective, ConstVectorRef theta,
                                          const Cholesky& hessian, ConstVectorRef weights,
                                          const Reweighting& change);

/// theta - H(theta; w + delta)^{-1} grad F(theta; w + delta).
/// The full gradient, with what the fit left over. Cost: one Hessian, two passes, one solve.
/// Source: [Guo2020].
[[nodiscard]] UpdateResult newton_step(const Objective& objective, ConstVectorRef theta,
                                       ConstVectorRef weights, const Reweighting& change);

/// argmin F(.; w + delta) from theta, to the trainer's tolerance: what any trainer gets from
/// sample_weight = w + delta. Exact. Cost: a warm fit, which begins with `near`, the factor of
/// H(theta; w), where the caller has it: then mostly without a Hessian.
[[nodiscard]] UpdateResult polish(const Objective& objective, ConstVectorRef theta,
                                  ConstVectorRef weights, const Reweighting& change,
                                  const TrainerOptions& options = {},
                                  const ProgressCallback& progress = {},
                                  const Cholesky* near = nullptr);

}  // namespace recant

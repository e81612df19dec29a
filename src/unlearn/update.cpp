// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/update.hpp"

#include <fmt/format.h>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"

namespace recant {
namespace {

/// Weights after the change; the closed form may have left them a rounding below 0.
struct NewWeights {
  Vector total;
  Index negative = 0;
};

NewWeights new_weights(const Objective& objective, ConstVectorRef weights,
                       const Reweighting& change) {
  check_size("row weights", weights.size(), objective.rows());
  check_size("delta", change.delta.size(), objective.rows());
  if (!change.delta.allFinite()) throw UsageError("delta must be finite", "delta");
  NewWeights after{weights + change.delta, 0};
  after.negative = (after.total.array() < 0).count();
  return after;
}

void note_distance(MinimumDistance found, UpdateResult& result) {
  result.gradient = std::move(found.gradient);
  result.gradient_norm = found.gradient_norm;
  result.measured = found.measured;
  result.distance_bound = found.bound;
}

UpdateResult measured(const Objective& objective, Vector theta, const NewWeights& weights,
                      Stopwatch& watch) {
  UpdateResult result;
  note_distance(minimum_distance(objective, theta, weights.total), result);
  result.theta = std::move(theta);
  result.negative_total_weight_rows = weights.negative;
  result.seconds = watch.lap();
  return result;
}

}  // namespace

std::string_view name(UpdateKind kind) noexcept {
  switch (kind) {
    case UpdateKind::kInfluence:
      return "influence";
    case UpdateKind::kNewton:
      return "newton";
    case UpdateKind::kPolish:
      return "polish";
  }
  return "polish";
}

UpdateKind update_kind(std::string_view text) {
  for (const UpdateKind kind : {UpdateKind::kInfluence, UpdateKind::kNewton, UpdateKind::kPolish}) {
    if (text == name(kind)) return kind;
  }
  throw UsageError(fmt::format("update must be influence, newton or polish, but is '{}'", text));
}

std::string_view describe(UpdateStatus status) noexcept {
  switch (status) {
    case UpdateStatus::kDone:
      return "done";
    case UpdateStatus::kNotConverged:
      return "the new model did not reach the fit's tolerance";
    case UpdateStatus::kNegativeWeights:
      return "some total row weights are negative, so no weighted training exists to polish to";
    case UpdateStatus::kNotPositiveDefinite:
      return "negative total row weights make the new Hessian indefinite";
  }
  return "done";
}

UpdateResult influence_step(const Objective& objective, ConstVectorRef theta,
                            const Cholesky& hessian, ConstVectorRef weights,
                            const Reweighting& change) {
  Stopwatch watch;
  const NewWeights after = new_weights(objective, weights, change);
  Vector moved = theta - hessian.solve(objective.weighted_gradients(theta, change.delta));
  return measured(objective, std::move(moved), after, watch);
}

UpdateResult newton_step(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights,
                         const Reweighting& change) {
  Stopwatch watch;
  const NewWeights after = new_weights(objective, weights, change);
  Objective::Expansion there = objective.expand(theta, after.total);
  const auto hessian = Cholesky::factor(std::move(there.hessian));
  if (!hessian) {
    UpdateResult result = measured(objective, theta, after, watch);
    result.status = UpdateStatus::kNotPositiveDefinite;
    return result;
  }
  Vector moved = theta - hessian->solve(there.gradient);
  return measured(objective, std::move(moved), after, watch);
}

UpdateResult polish(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights,
                    const Reweighting& change, const TrainerOptions& options,
                    const ProgressCallback& progress, const Cholesky* near) {
  Stopwatch watch;
  const NewWeights after = new_weights(objective, weights, change);
  if (after.negative > 0) {
    UpdateResult result = measured(objective, theta, after, watch);
    result.status = UpdateStatus::kNegativeWeights;
    return result;
  }
  TrainerResult trained = train_from(objective, after.total, theta, options, progress, near);
  UpdateResult result;
  result.status = trained.converged ? UpdateStatus::kDone : UpdateStatus::kNotConverged;
  note_distance(minimum_distance(objective, trained.theta, after.total), result);
  result.theta = std::move(trained.theta);
  result.seconds = watch.lap();
  return result;
}

}  // namespace recant

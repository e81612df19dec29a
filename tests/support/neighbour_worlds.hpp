// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "problems.hpp"
#include "recant/audit/neighbour_audit.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/certify/grid_noise.hpp"
#include "recant/certify/objective_perturbation.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/hard.hpp"

/// A model published after a row was deleted, and the one that never had the row: what an attacker
/// who knows both worlds makes of many releases of either.
namespace recant::test {

inline constexpr TrainerOptions kToRounding{.tolerance = 1e-14};

/// Output perturbation: noise on a grid, its allowance the tier-0 bound of the deletion.
struct NeighbourWorlds {
  PrivacyBudget budget;
  Vector unlearned, retrained;
  double bound = 0;

  explicit NeighbourWorlds(double epsilon, double delta) {
    Random random(29);
    const Dataset data = made_up_rows(random, 60, 3, Loss());
    const Objective objective(data, Loss(), true, 1);
    const Vector ones = Vector::Ones(60);
    DeletionState state(objective, train(objective, ones, kToRounding).theta, ones);
    const std::vector<Index> rows = {7};
    static_cast<void>(state.delete_rows(rows));
    unlearned = state.newton_point();
    bound = bound_from_step(state.frame(), state.measure_step(unlearned)).value;
    retrained = train(objective, state.weights(), kToRounding).theta;
    budget =
        *enrol({.epsilon = epsilon, .delta = delta, .allowance = bound}, unlearned.size()).budget;
  }

  /// Projections of releases on the line between the two models; the seed of a release is its
  /// number, so that a run is repeatable.
  [[nodiscard]] PublishedScore score(Vector with_row, Vector without) const {
    return [noise = GridNoise(budget), with_row, without](bool in, std::int64_t draw) {
      const auto seed = static_cast<std::uint64_t>(2 * draw + (in ? 1 : 0));
      const Vector published =
          noise.publish_uncertified(in ? with_row : without, seed).grid.parameters;
      return (published - without).dot(with_row - without);
    };
  }
  [[nodiscard]] PublishedScore actual() const { return score(unlearned, retrained); }
  /// Models that are as far apart as the allowance lets them be.
  [[nodiscard]] PublishedScore farthest() const {
    const Vector way = (unlearned - retrained).normalized();
    return score(retrained + budget.allowance * way, retrained);
  }
};

}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
// What an attacker sees of releases with and without a row never contradicts the claim. 10^6 draws
// in tests/slow.
#include <gtest/gtest.h>

#include "neighbour_worlds.hpp"

namespace recant::test {
namespace {

constexpr double kEpsilon = 1, kDelta = 1e-3;

// 99.9 % bounds with fixed seeds: a bound above a true claim had a chance of 0.1 % each.
TEST(NeighbourReleases, StayBelowTheClaim) {
  const NeighbourWorlds worlds(kEpsilon, kDelta);
  ASSERT_LE((worlds.unlearned - worlds.retrained).norm(), worlds.bound);
  const NeighbourAuditOptions options{.delta = kDelta, .draws = 5000};
  EXPECT_LE(audit_neighbours(worlds.actual(), options).epsilon_low, kEpsilon);
  const NeighbourAudit farthest = audit_neighbours(worlds.farthest(), options);
  EXPECT_LE(farthest.epsilon_low, kEpsilon);
  EXPECT_GT(farthest.epsilon_low, 0.1) << "the audit sees something";
}

TEST(NeighbourReleases, TooLittleNoiseIsNoticed) {
  NeighbourWorlds worlds(kEpsilon, kDelta);
  // Eight times the distance that the noise was made for.
  const Vector way = (worlds.unlearned - worlds.retrained).normalized();
  const Vector far = worlds.retrained + 8 * worlds.budget.allowance * way;
  const NeighbourAudit found =
      audit_neighbours(worlds.score(far, worlds.retrained), {.delta = kDelta, .draws = 5000});
  EXPECT_GT(found.epsilon_low, kEpsilon);
}

/// Releases by objective perturbation: trained with b, the row then deleted or never there.
PublishedScore perturbed(const Objective& objective, double sigma, Index row) {
  const Vector ones = Vector::Ones(objective.rows());
  const std::vector<Index> rows = {row};
  const Reweighting change = delete_rows(rows, ones);
  return [=, &objective](bool in, std::int64_t draw) {
    Random random(static_cast<std::uint64_t>(2 * draw + (in ? 1 : 0)));
    const Objective with_b =
        objective.with_linear_term(sigma * random.normals(objective.parameters()));
    const Vector left = ones + change.delta;
    if (!in) return train(with_b, left, kToRounding).theta.sum();
    const Vector theta = train(with_b, ones, kToRounding).theta;
    return newton_step(with_b, theta, ones, change).theta.sum();
  };
}

TEST(NeighbourReleases, ObjectivePerturbationStaysBelowItsPromise) {
  Random random(31);
  const Dataset data = made_up_rows(random, 80, 1, Loss());
  const Objective objective(data, Loss(), false, 4);
  const Vector ones = Vector::Ones(80);
  DeletionState state(objective, train(objective, ones, kToRounding).theta, ones);
  const std::vector<Index> rows = {3};
  ASSERT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
  const StepMeasure step = state.measure_step(state.newton_point(), FrameKind::kBase);
  const PerturbationBase base{
      .dimension = 1,
      .least_eigenvalue = state.base().least_eigenvalue,
      .largest_eigenvalue = state.base().largest_eigenvalue,
      .leverage = state.frame(FrameKind::kBase).leverage,
      .shrinkage = state.shrinkage(),
      .step_range = step.range,
      .step_norm = step.step_norm,
      .bounds_fourth_derivative = objective.loss().bounds_fourth_derivative()};
  const double sigma = 0.3;
  const PerturbationPromise promise =
      perturbation_promise(base, {.epsilon = 1, .delta = 1e-3, .sigma = sigma});
  ASSERT_TRUE(promise.usable()) << name(promise.refusal);
  const NeighbourAudit found =
      audit_neighbours(perturbed(objective, sigma, 3), {.delta = promise.delta, .draws = 1500});
  EXPECT_LE(found.epsilon_low, promise.epsilon);
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
// 10^6 releases of either world: 99.9 % bounds, fixed seeds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "neighbour_worlds.hpp"

namespace recant::test {
namespace {

constexpr double kEpsilon = 1, kDelta = 1e-4;
constexpr NeighbourAuditOptions kMillion{.delta = kDelta, .draws = 1'000'000};

TEST(NeighbourReleases1M, ActualModelsStayBelowTheClaim) {
  const NeighbourWorlds worlds(kEpsilon, kDelta);
  const NeighbourAudit found = audit_neighbours(worlds.actual(), kMillion);
  EXPECT_LE(found.epsilon_low, kEpsilon);
  fmt::print("models {:.3g} apart, bound {:.3g}: epsilon at least {:.4f}\n",
             (worlds.unlearned - worlds.retrained).norm(), worlds.bound, found.epsilon_low);
}

TEST(NeighbourReleases1M, FarthestModelsStayBelowTheClaim) {
  const NeighbourWorlds worlds(kEpsilon, kDelta);
  const NeighbourAudit found = audit_neighbours(worlds.farthest(), kMillion);
  EXPECT_LE(found.epsilon_low, kEpsilon);
  EXPECT_GT(found.epsilon_low, kEpsilon / 10);
  fmt::print("models as far apart as allowed: epsilon at least {:.4f}\n", found.epsilon_low);
}

}  // namespace
}  // namespace recant::test

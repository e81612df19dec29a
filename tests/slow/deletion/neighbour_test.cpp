// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "neighbour_worlds.hpp"

namespace recant::test {
namespace {

TEST(NeighbourReleases1M, StayBelowTheClaim) {  // 99.9 % bounds; fixed seeds
  for (const double epsilon : {0.5, 2.0}) {
    const NeighbourWorlds worlds(epsilon, 1e-4);
    const NeighbourAuditOptions options{.delta = 1e-4, .draws = 1'000'000};
    EXPECT_LE(audit_neighbours(worlds.actual(), options).epsilon_low, epsilon);
    const NeighbourAudit farthest = audit_neighbours(worlds.farthest(), options);
    EXPECT_LE(farthest.epsilon_low, epsilon);
    EXPECT_GT(farthest.epsilon_low, epsilon / 10);
  }
}

}  // namespace
}  // namespace recant::test

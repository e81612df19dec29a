// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/neighbour_audit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"

namespace recant {
namespace {

/// Laplace noise of scale 1 on 0 or `epsilon`: (epsilon, 0)-private, and no better.
PublishedScore laplace(double epsilon, std::uint64_t seed) {
  return [=](bool with_row, std::int64_t draw) {
    SeededRandom random(seed + with_row, static_cast<std::uint64_t>(draw));
    const double u = random.uniform() - 0.5;
    const double noise = -std::copysign(std::log1p(-2 * std::abs(u)), u);
    return noise + (with_row ? epsilon : 0);
  };
}

// 99.9 % bounds, 20 audits: a bound above the truth has a chance of 2 % in all; the seeds are
// fixed.
TEST(NeighbourAudit, StaysBelowTheTruthAndComesNear) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const double truth = seed % 2 == 0 ? 0.5 : 2;
    const NeighbourAudit found = audit_neighbours(laplace(truth, 2 * seed), {.draws = 1000});
    EXPECT_LE(found.epsilon_low, truth) << seed;
  }
  EXPECT_GT(audit_neighbours(laplace(2, 99), {.draws = 10000}).epsilon_low, 1.5);
}

TEST(NeighbourAudit, CatchesAFalseClaim) {
  // Twice the distance that was claimed.
  const double claimed = 1;
  EXPECT_GT(audit_neighbours(laplace(2 * claimed, 7), {.draws = 10000}).epsilon_low, claimed);
}

TEST(NeighbourAudit, ByHand) {
  // The row always raises the score; half the time the score is high without it.
  const PublishedScore half = [](bool with_row, std::int64_t draw) {
    return with_row || draw % 2 == 0 ? 1.0 : 0.0;
  };
  const NeighbourAudit found = audit_neighbours(half, {.confidence = 0.99, .draws = 200});
  // The rarer event, a low score, never happens with the row: Q_high = 1 - 0.005^(1/100).
  EXPECT_FALSE(found.likelier_with_row);
  EXPECT_FALSE(found.above);
  EXPECT_EQ(found.likelier.hits, 50);
  EXPECT_EQ(found.rarer.hits, 0);
  EXPECT_NEAR(found.rarer.high, 1 - std::pow(0.005, 0.01), 1e-12);
  EXPECT_NEAR(found.epsilon_low, std::log(found.likelier.low / found.rarer.high), 1e-14);
  const NeighbourAudit with_delta =
      audit_neighbours(half, {.delta = 0.2, .confidence = 0.99, .draws = 200});
  EXPECT_NEAR(with_delta.epsilon_low,
              std::log((with_delta.likelier.low - 0.2) / with_delta.rarer.high), 1e-14);
  EXPECT_LT(with_delta.epsilon_low, found.epsilon_low);
  // delta = 1 allows everything.
  EXPECT_EQ(audit_neighbours(half, {.delta = 1, .draws = 200}).epsilon_low, 0);
}

TEST(NeighbourAudit, NothingToTell) {
  const PublishedScore same = [](bool, std::int64_t draw) { return static_cast<double>(draw % 7); };
  EXPECT_EQ(audit_neighbours(same, {.draws = 1000}).epsilon_low, 0);
  const PublishedScore constant = [](bool, std::int64_t) { return 0.0; };
  EXPECT_EQ(audit_neighbours(constant, {.draws = 4}).epsilon_low, 0);
}

TEST(NeighbourAudit, SameForAnyNumberOfThreads) {
  std::optional<NeighbourAudit> first;
  for (const int threads : {1, 3}) {
    const test::WithThreads scope(threads);
    const NeighbourAudit found = audit_neighbours(laplace(1, 5), {.draws = 5001});
    if (!first) first = found;
    EXPECT_EQ(found.epsilon_low, first->epsilon_low);
    EXPECT_EQ(found.threshold, first->threshold);
  }
}

TEST(NeighbourAudit, RefusesBadArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PublishedScore zero = [](bool, std::int64_t) { return 0.0; };
  test::expect_error<UsageError>([&] { return audit_neighbours(zero, {.delta = nan}); }, {"delta"});
  test::expect_error<UsageError>([&] { return audit_neighbours(zero, {.confidence = 1}); },
                                 {"confidence"});
  test::expect_error<UsageError>([&] { return audit_neighbours(zero, {.draws = 3}); }, {"draws"});
  test::expect_error<UsageError>(
      [&] { return audit_neighbours([=](bool, std::int64_t) { return nan; }); }, {"not a number"});
}

}  // namespace
}  // namespace recant

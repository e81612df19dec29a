// SPDX-License-Identifier: Apache-2.0
#include "recant/model/minimum_distance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "exact_minimum.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"
#include "recant/model/trainer.hpp"
#include "ridge_in_quad.hpp"

namespace recant {
namespace {

const Loss kSquared(LossKind::kSquared);

TEST(MinimumDistanceOfAnySize, IsNeverBelowTheTruth) {
  int finite = 0, vanished = 0;
  for (std::uint64_t k = 0; k < 4000; ++k) {
    test::Random random(k);
    const auto n = static_cast<Index>(random.between(2, 200));
    Dataset data = test::made_up_rows(random, n, 2, kSquared);
    const double features = random.between(-190, 100), heavy = random.between(-170, 170),
                 targets = random.between(-170, 100),
                 l2 = random.uniform() < 0.5 ? 2 * features + heavy + random.between(-4, 4)
                                             : random.between(-99, 99);
    if (!(l2 >= -100 && l2 < 290 && std::abs(heavy + features + targets - l2) < 140)) continue;
    data.features = FeatureMatrix(RowMatrix(data.features.view() * std::pow(10, features)));
    data.targets *= std::pow(10, targets);
    const Vector weights = random.weights(n) * std::pow(10, heavy);
    const Objective objective(data, kSquared, false, std::pow(10, l2));
    try {
      const Vector theta = train(objective, weights).theta;
      const MinimumDistance found = minimum_distance(objective, theta, weights);
      const double truth = test::distance_in_quad(data, weights, objective.l2(), theta);
      EXPECT_GE(found.bound, truth) << k;
      EXPECT_GE(close_minimum_distance(objective, theta, weights), truth) << k;
      finite += found.bound < INFINITY;
      vanished += features < -162;
    } catch (const Error&) {
      continue;  // told that no distance can be
    }
  }
  EXPECT_GT(finite, 500);
  EXPECT_GT(vanished, 50);
}

TEST(CloseMinimumDistance, IsNeverBelowTheTruthWhereColumnsAreNearlyTheSame) {
  std::vector<double> gains;
  for (int k = 0; k < 1000; ++k) {
    test::Random random(static_cast<std::uint64_t>(k));
    const auto n = static_cast<Index>(random.between(2, 2500));
    const Dataset data =
        test::nearly_equal_columns(random, n, std::pow(10, -random.between(0, 12)));
    const double l2 = std::pow(10, -random.between(0, 9));
    const Vector weights = random.weights(n);
    if (weights.sum() == 0) continue;
    const Objective objective(data, kSquared, false, l2);
    const Vector theta = train(objective, weights, {.tolerance = 1e-13}).theta;
    const double close = close_minimum_distance(objective, theta, weights);
    EXPECT_GE(close, test::distance_in_quad(data, weights, l2, theta)) << k;
    gains.push_back(minimum_distance(objective, theta, weights).bound / close);
  }
  std::ranges::sort(gains);
  EXPECT_GT(gains[gains.size() / 2], 5) << "what it is for";
}

class CloseMinimumDistanceByLoss : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, CloseMinimumDistanceByLoss,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

/// At the minimum, and away from it; beside training in 128 bits.
TEST_P(CloseMinimumDistanceByLoss, IsBetweenTheTruthAndWhatDoublesSay) {
  for (std::uint64_t k = 0; k < 60; ++k) {
    test::Random random(k);
    const Loss loss(GetParam(), static_cast<Index>(random.between(2, 6)));
    const auto n = static_cast<Index>(random.between(3, 60)),
               d = static_cast<Index>(random.between(1, 6));
    Dataset data = test::made_up_rows(random, n, d, loss);
    data.features =
        FeatureMatrix(RowMatrix(data.features.view() * std::pow(10, random.between(-2, 3))));
    const bool intercept = k % 2 == 0;
    const double l2 = std::pow(10, random.between(-4, 2));
    const Vector weights = random.weights(n) + Vector::Constant(n, 0.01);
    const Objective objective(data, loss, intercept, l2);
    const Vector trained = train(objective, weights, {.tolerance = 1e-13}).theta;
    const auto exact =
        test::exact_minimum<test::WideReal>(data, loss, intercept, l2, weights, trained);
    for (const double away : {0.0, 1e-12, 1e-6, 1e-2}) {
      const Vector theta = trained + away * random.normals(trained.size());
      const double close = close_minimum_distance(objective, theta, weights);
      const test::WideReal truth =
          (theta.cast<test::WideReal>() - exact.theta).norm() - exact.error;
      EXPECT_GE(close, static_cast<double>(truth)) << k << ' ' << away;
      EXPECT_LE(close, minimum_distance(objective, theta, weights).bound * 1.01) << k;
    }
  }
}

TEST_P(CloseMinimumDistanceByLoss, IsTheSameForAnyNumberOfThreads) {
  test::Random random(5);
  const Loss loss(GetParam(), 3);
  const Dataset data = test::made_up_rows(random, 5000, 4, loss);
  const Objective objective(data, loss, true, 0.1);
  const Vector weights = random.weights(5000),
               theta = random.normals(objective.parameters()) * 1e-3;
  std::set<double> found;
  for (const int count : {1, 2, 4}) {
    set_threads(count);
    found.insert(close_minimum_distance(objective, theta, weights));
  }
  set_threads(0);
  EXPECT_EQ(found.size(), 1U);
  const Vector b = random.normals(theta.size());
  EXPECT_NEAR(close_minimum_distance(objective.with_linear_term(b), theta, weights),
              objective.with_linear_term(b).evaluate(theta, weights).gradient.norm() / 0.1, 1e-6);
}

TEST(CloseMinimumDistance, LooksAtTheRowsThatAreLeftIn) {
  test::Random random(6);
  const Dataset all = test::made_up_rows(random, 40, 3, kSquared);
  const std::vector<Index> kept = {1, 2, 5, 8, 13, 21, 34};
  Dataset some;
  some.features = all.features.only(kept);
  some.targets = all.targets(kept);
  Dataset copied = some;
  copied.features = FeatureMatrix(RowMatrix(all.features.view()(kept, Eigen::all)));
  const Vector weights = Vector::Ones(7), theta = random.normals(4);
  const auto distance = [&](const Dataset& rows) {
    return close_minimum_distance(Objective(rows, kSquared, true, 0.5), theta, weights);
  };
  EXPECT_EQ(distance(some), distance(copied));
}

TEST(MinimumDistanceRefusal, WantsAWeightForEveryRow) {
  test::Random random(1);
  const Objective objective(test::made_up_rows(random, 9, 2, kSquared), kSquared, false, 1);
  for (const Index size : {0, 8, 10, 2000}) {
    const Vector weights = Vector::Ones(size), theta = Vector::Zero(2);
    test::expect_error<UsageError>([&] { return minimum_distance(objective, theta, weights); },
                                   {"row weights"});
    test::expect_error<UsageError>(
        [&] { return close_minimum_distance(objective, theta, weights); }, {"row weights"});
  }
}

TEST(MinimumDistanceRefusal, NamesWhatNoDistanceCanBeToldFor) {
  test::Random random(1);
  const Dataset data = test::made_up_rows(random, 9, 2, kSquared);
  const Vector ones = Vector::Ones(9), theta = Vector::Zero(2);
  const auto distance = [&](const Dataset& rows, const Vector& weights, double l2) {
    return minimum_distance(Objective(rows, kSquared, false, l2), theta, weights).bound;
  };
  EXPECT_GT(distance(data, ones, 1e-99), 0);
  test::expect_error<DataError>([&] { return distance(data, ones, 9e-101); }, {"l2", "raise it"});
  EXPECT_GT(distance(data, ones * 1e199, 1e3), 0);
  test::expect_error<DataError>([&] { return distance(data, ones * 1e201, 1); },
                                {"row weights or features", "raise l2"});
  Dataset long_row = data;
  RowMatrix x = data.features.view();
  x.row(4) *= 1e120;
  long_row.features = FeatureMatrix(std::move(x));
  test::expect_error<DataError>([&] { return distance(long_row, ones, 1); },
                                {"row weights or features", "raise l2"});
  Vector without = ones;
  without(4) = 0;
  EXPECT_GT(distance(long_row, without, 1), 0) << "a row without weight is none";
}

}  // namespace
}  // namespace recant

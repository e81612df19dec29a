// SPDX-License-Identifier: Apache-2.0
#include "recant/model/minimum_distance.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
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
      EXPECT_GE(found.bound, test::distance_in_quad(data, weights, objective.l2(), theta)) << k;
      finite += found.bound < INFINITY;
      vanished += features < -162;
    } catch (const Error&) {
      continue;  // told that no distance can be
    }
  }
  EXPECT_GT(finite, 500);
  EXPECT_GT(vanished, 50);
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

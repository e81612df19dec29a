// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/flip_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

Dataset labelled(Index n, Index classes) {
  test::Random random(3);
  Dataset data = test::made_up_rows(random, n, 2, Loss());
  data.class_names.clear();
  for (Index c = 0; c < classes; ++c) data.class_names.push_back(std::to_string(c));
  for (Index i = 0; i < n; ++i) data.targets(i) = static_cast<double>(random.below(classes));
  return data;
}

TEST(FlipLabels, ChangesExactlyTheRowsItNames) {
  for (const Index classes : {2, 3, 7}) {
    const Dataset before = labelled(500, classes);
    Dataset after = before;
    const std::vector<Index> rows = flip_labels(after, 0.2, 5);
    EXPECT_EQ(rows.size(), 100U);
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
    for (Index i = 0; i < 500; ++i) {
      const bool flipped = std::binary_search(rows.begin(), rows.end(), i);
      EXPECT_EQ(before.targets(i) != after.targets(i), flipped) << i;
      EXPECT_GE(after.targets(i), 0);
      EXPECT_LT(after.targets(i), static_cast<double>(classes));
    }
  }
}

TEST(FlipLabels, IsTheSameForTheSameSeedOnly) {
  const auto rows = [](std::uint64_t seed) {
    Dataset data = labelled(300, 3);
    return flip_labels(data, 0.1, seed);
  };
  EXPECT_EQ(rows(7), rows(7));
  EXPECT_NE(rows(7), rows(8));
  EXPECT_NE(rows(7), rows(7 + (std::uint64_t{1} << 32)));
}

/// Every row and every other class has its chance; 8,000 draws, at six standard deviations.
TEST(FlipLabels, IsUniform) {
  std::map<Index, int> rows;
  std::map<double, int> classes;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Dataset data = labelled(20, 4);
    data.targets.setConstant(1);
    for (const Index row : flip_labels(data, 0.2, seed)) {
      ++rows[row];
      ++classes[data.targets(row)];
    }
  }
  EXPECT_EQ(rows.size(), 20U);
  for (const auto& [row, count] : rows) EXPECT_NEAR(count, 400, 6 * std::sqrt(400 * 0.8)) << row;
  EXPECT_EQ(classes.size(), 3U);
  for (const auto& [code, count] : classes) {
    EXPECT_NEAR(count, 8000.0 / 3, 6 * std::sqrt(8000 * 2.0 / 9)) << code;
  }
}

TEST(FlipLabels, LeavesRowsOfWeightZero) {
  Dataset data = labelled(100, 2);
  data.weights.head(60).setZero();
  const std::vector<Index> rows = flip_labels(data, 0.5, 1);
  EXPECT_EQ(rows.size(), 20U);
  EXPECT_GE(rows.front(), 60);
}

TEST(FlipLabels, Errors) {
  Dataset data = labelled(40, 2), numeric = labelled(40, 2);
  numeric.class_names.clear();
  test::expect_error<UsageError>([&] { return flip_labels(numeric, 0.1, 1); },
                                 {"flip_check", "classification"});
  for (const double bad : {0.0, -0.1, 1.0, 1.5, 0.001, 0.999, std::nan("")}) {
    test::expect_error<UsageError>([&] { return flip_labels(data, bad, 1); }, {"flip_check", "40"});
  }
}

TEST(FlipCheck, CountedByHand) {
  Vector values(6);
  values << 0.5, -2, 3, -1, 7, 0;
  const Vector ones = Vector::Ones(6);
  // Ascending: rows 1 3 5 0 2 4. Flipped 1 and 2: found first and fifth.
  const FlipCheck check = check_flips(values, ones, {1, 2});
  EXPECT_EQ(check.rows, 6);
  EXPECT_EQ(check.flipped, 2);
  EXPECT_DOUBLE_EQ(check.precision, 0.5);
  EXPECT_DOUBLE_EQ(check.area, ((1 - 0.5 / 6) + (1 - 4.5 / 6)) / 2);
  EXPECT_DOUBLE_EQ(check.chance(), 2.0 / 6);
  const FlipCheck best = check_flips(values, ones, {1, 3});
  EXPECT_DOUBLE_EQ(best.precision, 1);
  EXPECT_DOUBLE_EQ(best.area, best.best_area());
  const FlipCheck worst = check_flips(values, ones, {2, 4});
  EXPECT_DOUBLE_EQ(worst.precision, 0);
  EXPECT_DOUBLE_EQ(worst.area, 1 - worst.best_area());
}

/// Equal values are the mean over all orders of them, found here by trying every order.
TEST(FlipCheck, TiesAreTheMeanOverTheirOrders) {
  Vector values(6);
  values << 1, 0, 1, 0, 1, 1;
  const std::vector<Index> flipped = {0, 1, 2};
  std::vector<int> nudge(6);
  std::iota(nudge.begin(), nudge.end(), 0);
  double area = 0, precision = 0, count = 0;
  do {
    Vector untied = values;
    for (Index i = 0; i < 6; ++i) untied(i) += 1e-6 * nudge[static_cast<std::size_t>(i)];
    const FlipCheck one = check_flips(untied, Vector::Ones(6), flipped);
    area += one.area;
    precision += one.precision;
    ++count;
  } while (std::next_permutation(nudge.begin(), nudge.end()));
  const FlipCheck found = check_flips(values, Vector::Ones(6), flipped);
  EXPECT_NEAR(found.area, area / count, 1e-12);
  EXPECT_NEAR(found.precision, precision / count, 1e-12);
  const FlipCheck none = check_flips(Vector::Zero(6), Vector::Ones(6), flipped);
  EXPECT_DOUBLE_EQ(none.area, 0.5);
  EXPECT_DOUBLE_EQ(none.precision, none.chance());
}

TEST(FlipCheck, RowsOfWeightZeroAreNotInspected) {
  Vector values(4), weights(4);
  values << -5, 1, 2, 3;
  weights << 0, 1, 1, 2;
  const FlipCheck check = check_flips(values, weights, {1});
  EXPECT_EQ(check.rows, 3);
  EXPECT_DOUBLE_EQ(check.precision, 1);
  test::expect_error<UsageError>([&] { return check_flips(values, weights, {0}); }, {"row 0"});
  test::expect_error<UsageError>([&] { return check_flips(values, weights, {4}); }, {"row 4"});
  test::expect_error<UsageError>([&] { return check_flips(values, weights, {}); }, {"flipped"});
}

}  // namespace
}  // namespace recant

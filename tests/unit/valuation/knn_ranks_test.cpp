// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/knn_ranks.hpp"

#include <gtest/gtest.h>

#include "compare.hpp"
#include "expect_error.hpp"
#include "knn_cases.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

Dataset column(const std::vector<double>& features, const std::vector<double>& targets) {
  Dataset data;
  const auto n = std::ssize(features);
  data.features = FeatureMatrix(RowMatrix(Eigen::Map<const RowMatrix>(features.data(), n, 1)));
  data.targets = Eigen::Map<const Vector>(targets.data(), n);
  data.weights = Vector::Ones(n);
  return data;
}

/// From one end of five rows the matches are 1 0 1 1 0, from the other end, of the other class,
/// 1 0 0 1 0: two games, worked by hand, whose mean is seen.
TEST(KnnRanks, WorkedCases) {
  const Dataset validation = column({0, 100}, {1, 0});
  KnnRanks ranks(column({1, 2, 3, 4, 5, 40}, {1, 0, 1, 1, 0, 0}), validation);
  ranks.remove(std::vector<Index>{5});
  Vector here(6), there(6);
  here << 0.25, -0.25, 0.25, 0.25, 0, 0;
  there << 0, 0.25, -1.0 / 12, -1.0 / 12, 5.0 / 12, 0;
  test::expect_close(ranks.classification({.neighbors = 2}).values, Vector((here + there) / 2), 0,
                     1e-16, "K 2");
  here << 0.125, 0, 0.125, 0.125, 0, 0;  // more neighbours than rows: an eighth for each match
  there << 0, 0.125, 0, 0, 0.125, 0;
  test::expect_close(ranks.classification({.neighbors = 8}).values, Vector((here + there) / 2), 0,
                     1e-16, "K 8");
  KnnRanks one(column({1}, {0}), column({0}, {0}));
  EXPECT_DOUBLE_EQ(one.classification({.neighbors = 3}).values(0), 1.0 / 3);
  // 1 - (1/3 - 1)^2, of which the row is all there is.
  KnnRanks number(column({1}, {1}), column({0}, {1}));
  EXPECT_DOUBLE_EQ(number.regression({.neighbors = 3, .baseline = 0.0}).values(0), 5.0 / 9);
}

TEST(KnnRanks, EqualsAFreshRunAfterRowsHaveLeft) {
  for (const bool grid : {false, true}) {
    for (const bool regression : {false, true}) {
      test::Random random(grid ? 5 : 6);
      Dataset training = test::knn_rows(random, 900, 4, regression ? 0 : 3, grid);
      const Dataset validation = test::knn_rows(random, 50, 4, regression ? 0 : 3, grid);
      KnnRanks ranks(training, validation);
      for (const TieRule ties : {TieRule::kRowNumber, TieRule::kShared}) {
        if (regression && ties == TieRule::kShared) continue;
        for (int round = 0; round < 4; ++round) {
          const KnnShapleyOptions options{.neighbors = 3 + round, .ties = ties};
          const auto now = regression ? ranks.regression(options) : ranks.classification(options);
          std::vector<Index> kept, leaving;
          for (Index i = 0; i < 900; ++i) {
            if (training.weights(i) > 0) kept.push_back(i);
          }
          const Dataset left = test::pick_rows(training, kept);
          const auto fresh = regression ? knn_shapley_regression(left, validation, options)
                                        : knn_shapley(left, validation, options);
          EXPECT_TRUE(test::same_bytes(test::pick(now.values, kept), fresh.values));
          EXPECT_NEAR(now.values.sum(), now.total(), 1e-12 * (1 + std::abs(now.total())));
          EXPECT_EQ(now.utility, fresh.utility);
          EXPECT_EQ(now.rows_valued, fresh.rows_valued);
          for (int i = 0; i < 40; ++i) leaving.push_back(random.below(900));
          ranks.remove(leaving);
          for (const Index row : leaving) training.weights(row) = 0;
        }
      }
    }
  }
}

TEST(KnnRanks, NeighboursMayOutnumberTheRowsThatAreLeft) {
  test::Random random(8);
  Dataset training = test::knn_rows(random, 9, 2, 2, false);
  const Dataset validation = test::knn_rows(random, 6, 2, 2, false);
  KnnRanks ranks(training, validation);
  ranks.remove(std::vector<Index>{2, 4, 4, 7, 8});
  EXPECT_EQ(ranks.rows_left(), 5);
  const std::vector<Index> kept = {0, 1, 3, 5, 6};
  for (const int k : {1, 5, 6, 8}) {
    const Vector values = ranks.classification({.neighbors = k}).values;
    const Vector wanted = test::enumerate_knn(test::pick_rows(training, kept), validation, k, true);
    test::expect_close(test::pick(values, kept), wanted, 0, 1e-14, "K " + std::to_string(k));
  }
}

TEST(KnnRanks, TruncatedAsAFreshRun) {
  test::Random random(9);
  const Dataset training = test::knn_rows(random, 700, 3, 2, false);
  const Dataset validation = test::knn_rows(random, 20, 3, 2, false);
  const KnnRanks ranks(training, validation);
  const KnnShapleyOptions options{.truncate = 0.02};
  EXPECT_TRUE(test::same_bytes(ranks.classification(options).values,
                               knn_shapley(training, validation, options).values));
}

TEST(KnnRanks, Errors) {
  test::Random random(10);
  const Dataset training = test::knn_rows(random, 9, 2, 2, false);
  const Dataset validation = test::knn_rows(random, 6, 2, 2, false);
  KnnRanks ranks(training, validation);
  const auto remove = [&](std::vector<Index> rows) {
    return [&, rows] {
      ranks.remove(rows);
      return 0;
    };
  };
  test::expect_error<UsageError>(remove({0, 9}), {"row 9", "9 training rows"});
  test::expect_error<UsageError>(remove({-1}), {"row -1"});
  test::expect_error<UsageError>(remove({0, 1, 2, 3, 4, 5, 6, 7, 8}), {"no row would be left"});
  EXPECT_EQ(ranks.rows_left(), 9) << "a refusal changes nothing";
  test::expect_error<UsageError>([&] { return ranks.classification({.neighbors = 0}); },
                                 {"neighbors"});
  EXPECT_EQ(KnnRanks::bytes(30162, 1000), 120648000);
}

}  // namespace
}  // namespace recant

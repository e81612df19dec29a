// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/hard.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "compare.hpp"
#include "weighting_cases.hpp"

namespace recant {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Vector numbers(std::initializer_list<double> values) {
  return Eigen::Map<const Vector>(values.begin(), static_cast<Index>(values.size()));
}

TEST(HardWeights, OrderByHand) {
  // Scores for a positive metric: -w I = 2, 6, -1, 6, 0, none (no weight), 3.
  const Vector influence = numbers({-2, -3, 1, -6, 0, -9, -3});
  const Vector weights = numbers({1, 2, 1, 1, 1, 0, 1});
  const HardWeights four = hard_weights(influence, 20, weights, {.count = 4});
  EXPECT_THAT(four.rows, ElementsAre(1, 3, 6, 0));
  EXPECT_EQ(four.change.delta, numbers({-1, -2, 0, -1, 0, 0, -1}));
  EXPECT_EQ(four.predicted_reduction, 17);
  EXPECT_EQ(four.predicted_value, 3);
  EXPECT_EQ(four.stop, HardStop::kCount);

  // Of a negative metric the same rows are the worst, and the row without weight is left alone.
  const HardWeights all = hard_weights(influence, -20, weights, {.count = 6});
  EXPECT_THAT(all.rows, ElementsAre(2, 4, 0, 6, 1, 3));
  EXPECT_EQ(all.predicted_reduction, -16);
  EXPECT_EQ(all.predicted_value, -36);
}

TEST(HardWeights, PredictedTotalDoesNotOvershoot) {
  const Vector influence = numbers({-2, -3, 1, -6, 0, -3}), weights = Vector::Ones(6);
  const auto rows = [&](double value, double share) {
    return hard_weights(influence, value, weights, {.predicted_total = share});
  };
  EXPECT_THAT(rows(8, 1).rows, ElementsAre(3));
  EXPECT_EQ(rows(8, 1).stop, HardStop::kReached);
  EXPECT_THAT(rows(9, 1).rows, ElementsAre(3, 1));
  EXPECT_EQ(rows(9, 1).predicted_value, 0);
  EXPECT_THAT(rows(18, 0.5).rows, ElementsAre(3, 1));
  EXPECT_THAT(rows(100, 1).rows, ElementsAre(3, 1, 5, 0));
  EXPECT_EQ(rows(100, 1).stop, HardStop::kNoGain);
  EXPECT_THAT(rows(5, 1).rows, IsEmpty());
  EXPECT_THAT(rows(-5, 1).rows, ElementsAre(2));
}

TEST(HardWeights, ShareIsOfAllRows) {
  const Vector influence = Vector::LinSpaced(100, 1, 100), weights = Vector::Ones(100);
  const auto count = [&](double share) {
    return hard_weights(influence, 1, weights, {.share = share}).rows.size();
  };
  EXPECT_EQ(count(0.29), 29U);  // 0.29 * 100 < 29 in double
  EXPECT_EQ(count(0.299), 29U);
  EXPECT_EQ(count(1e-9), 1U);
  EXPECT_EQ(count(1), 100U);
  Vector few = weights;
  few.tail(60).setZero();
  const HardWeights all = hard_weights(influence, 1, few, {.share = 0.5});
  EXPECT_EQ(all.rows.size(), 40U);
  EXPECT_EQ(all.stop, HardStop::kNoRows);
}

TEST(HardWeights, NothingToReduce) {
  const HardWeights none = hard_weights(numbers({1, 2}), 0, numbers({1, 1}), {.count = 1});
  EXPECT_THAT(none.rows, IsEmpty());
  EXPECT_EQ(none.stop, HardStop::kNoMetric);
  EXPECT_EQ(none.change.delta, numbers({0, 0}));
}

TEST(HardWeights, EqualsTheOracle) {
  for (const std::string name :
       {"synth_d5_l05_b0", "synth_d5_l05_b1", "synth_d20_l1_b0", "synth_d20_l1_b1"}) {
    if (!golden_available()) GTEST_SKIP() << kNoGolden;
    const nlohmann::json golden = load_golden(name);
    int compared = 0;
    for (const auto& expected : golden["hard_topk"]) {
      const std::string target = expected["target"], rule = expected["rule"];
      const Vector influence = to_vector(golden["influence"][target]);
      HardOptions options;
      if (rule == "budget") {
        options.predicted_total = 1;
      } else {
        options.share = rule == "one_percent" ? 0.01 : 0.05;
      }
      const double value = golden["metrics_val"][target];
      const HardWeights hard =
          hard_weights(influence, value, Vector::Ones(influence.size()), options);
      std::vector<Index> rows = hard.rows;
      std::sort(rows.begin(), rows.end());
      EXPECT_EQ(rows, expected["indices"].get<std::vector<Index>>()) << name << target << rule;
      EXPECT_NEAR(hard.predicted_value - value, expected["predicted_val_change"][target], 1e-10);
      ++compared;
    }
    EXPECT_EQ(compared, 6) << name;
  }
}

// Against a plain stable sort of everything, with many equal scores and pieces of several sizes.
TEST(HardWeights, EqualsAFullSort) {
  Random random(31);
  for (int trial = 0; trial < 300; ++trial) {
    const Index n = random.integer(1, trial % 10 == 0 ? 9000 : 50);
    const Vector influence =
        Vector::NullaryExpr(n, [&](Index) { return static_cast<double>(random.integer(-4, 4)); });
    const Vector weights =
        Vector::NullaryExpr(n, [&](Index) { return static_cast<double>(random.integer(0, 2)); });
    const double value = random.integer(0, 1) == 0 ? -2000 : 2000;
    const auto score = [&](Index j) { return -(value > 0 ? 1 : -1) * weights[j] * influence[j]; };
    std::vector<Index> order;
    for (Index j = 0; j < n; ++j) {
      if (weights[j] > 0) order.push_back(j);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](Index x, Index y) { return score(x) > score(y); });
    if (order.empty()) continue;
    const Index count = random.integer(1, static_cast<Index>(order.size()));
    const HardWeights some = hard_weights(influence, value, weights, {.count = count});
    EXPECT_EQ(some.rows, std::vector<Index>(order.begin(), order.begin() + count)) << trial;

    std::vector<Index> within;
    double total = 0;
    for (const Index j : order) {
      if (score(j) <= 0 || total + score(j) > 2000) break;
      total += score(j);
      within.push_back(j);
    }
    const HardWeights budget = hard_weights(influence, value, weights, {.predicted_total = 1});
    EXPECT_EQ(budget.rows, within) << trial;
    EXPECT_EQ(budget.predicted_reduction, total) << trial;
  }
}

/// Influences of which no two are equal, and weights with zeros among them.
struct Scores {
  Vector influence, weights;
  Scores(Random& random, Index n) : influence(random.normals(n)), weights(n) {
    for (Index j = 0; j < n; ++j) weights[j] = j % 5 == 3 ? 0 : random.uniform(0.1, 2);
  }
};

/// Only equal scores go by row number; there are none here.
TEST(HardWeights, PermutingRowsPermutesTheAnswer) {
  Random random(41);
  for (const Index n : {1, 2, 9, 300, 5000}) {
    const Scores rows(random, n);
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    std::shuffle(order.begin(), order.end(), random.engine());
    const double value = rows.weights.sum();
    for (const HardOptions& options : {HardOptions{.count = 1}, HardOptions{.share = 0.3},
                                       HardOptions{.predicted_total = 0.2}}) {
      const HardWeights hard = hard_weights(rows.influence, value, rows.weights, options);
      const HardWeights moved =
          hard_weights(rows.influence(order), value, rows.weights(order), options);
      std::vector<Index> back;
      for (const Index row : moved.rows) back.push_back(order[static_cast<std::size_t>(row)]);
      EXPECT_EQ(back, hard.rows) << n;
      EXPECT_EQ(moved.change.delta, hard.change.delta(order)) << n;
      EXPECT_EQ(moved.predicted_reduction, hard.predicted_reduction) << n;
      EXPECT_EQ(moved.stop, hard.stop) << n;
    }
  }
}

TEST(HardWeights, MoreRowsContainFewer) {
  Random random(42);
  for (const bool equal_scores : {false, true}) {
    Scores rows(random, 200);
    if (equal_scores) {
      rows.influence = (2 * rows.influence).array().round();
      rows.weights = rows.weights.array().ceil();
    }
    const auto chosen = [&](const HardOptions& options) {
      return hard_weights(rows.influence, -300, rows.weights, options).rows;
    };
    const auto most = static_cast<std::int64_t>((rows.weights.array() > 0).count());
    std::vector<Index> before;
    for (std::int64_t count = 1; count <= most; ++count) {
      const std::vector<Index> now = chosen({.count = count});
      ASSERT_EQ(now.size(), static_cast<std::size_t>(count));
      ASSERT_TRUE(std::equal(before.begin(), before.end(), now.begin())) << count;
      before = now;
    }
    for (const double total : {0.1, 0.4, 0.9, 1.5}) {
      const std::vector<Index> now = chosen({.predicted_total = total});
      EXPECT_FALSE(now.empty());
      EXPECT_TRUE(std::equal(now.begin(), now.end(), before.begin())) << total;
    }
  }
}

TEST(HardWeights, SameBytesForAnyThreads) {
  Random random(43);
  const Scores rows(random, 60'000);
  for (const HardOptions& options :
       {HardOptions{.share = 0.3}, HardOptions{.predicted_total = 0.2}}) {
    HardWeights one;
    for (const int count : {1, 2, 4}) {
      const WithThreads threads(count);
      HardWeights now = hard_weights(rows.influence, 60'000, rows.weights, options);
      EXPECT_GT(now.rows.size(), 1000U);
      if (count == 1) one = now;
      EXPECT_EQ(now.rows, one.rows) << count;
      EXPECT_TRUE(same_bytes(now.change.delta, one.change.delta)) << count;
      EXPECT_EQ(now.predicted_reduction, one.predicted_reduction) << count;
    }
  }
}

TEST(HardWeights, RefusesBadArguments) {
  const Vector influence = numbers({1, 2}), weights = numbers({1, 0});
  const auto with = [&](const HardOptions& options) {
    return refusal([&] { (void)hard_weights(influence, 1, weights, options); });
  };
  EXPECT_THAT(with({}),
              HasSubstr("exactly one of count, share and predicted_total must be set, but 0 are"));
  EXPECT_THAT(with({.count = 1, .share = 0.5}), HasSubstr("must be set, but 2 are"));
  EXPECT_THAT(with({.count = 0}), HasSubstr("count must be at least 1, but is 0"));
  EXPECT_THAT(with({.count = -3}), HasSubstr("count must be at least 1, but is -3"));
  EXPECT_THAT(with({.count = 2}),
              HasSubstr("count must be at most 1, the rows that have weight, but is 2"));
  for (const double bad : {0.0, -1.0, kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(with({.share = bad}), HasSubstr("share must be finite and > 0, but is"));
    EXPECT_THAT(with({.predicted_total = bad}),
                HasSubstr("predicted_total must be finite and > 0, but is"));
  }
  EXPECT_THAT(with({.share = 1.5}), HasSubstr("share must be between 0 and 1, but is 1.5"));
  EXPECT_EQ(with({.predicted_total = 2.0}), "accepted");
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refusal([&] { (void)hard_weights(influence, bad, weights, {.count = 1}); }),
                HasSubstr("value must be finite, but is"));
    EXPECT_THAT(refusal([&] {
                  (void)hard_weights(numbers({1, bad}), 1, weights, {.count = 1});
                }),
                HasSubstr("influence must be finite, but entry 1 is"));
    EXPECT_THAT(refusal([&] {
                  (void)hard_weights(influence, 1, numbers({bad, 1}), {.count = 1});
                }),
                HasSubstr("weights must be finite and >= 0, but entry 0 is"));
  }
  EXPECT_THAT(refusal([&] {
                (void)hard_weights(influence, 1, numbers({1, -1}), {.count = 1});
              }),
              HasSubstr("weights must be finite and >= 0, but entry 1 is -1"));
  EXPECT_THAT(refusal([&] { (void)hard_weights(influence, 1, numbers({1}), {.count = 1}); }),
              HasSubstr("influence has 2 entries, but 1 are needed"));
}

TEST(DeleteRows, TakesAwayTheirWeight) {
  const std::vector<Index> rows = {3, 0};
  EXPECT_EQ(delete_rows(rows, numbers({1, 2, 0, 0.5})).delta, numbers({-1, 0, 0, -0.5}));
  EXPECT_EQ(delete_rows({}, numbers({1, 2})).delta, numbers({0, 0}));
}

TEST(DeleteRows, RefusesBadRows) {
  const auto with = [](std::vector<Index> rows) {
    return refusal([&] { (void)delete_rows(rows, numbers({1, 2, 0})); });
  };
  EXPECT_THAT(with({1, 3}), HasSubstr("row must be between 0 and 2, but is 3"));
  EXPECT_THAT(with({-1}), HasSubstr("row must be between 0 and 2, but is -1"));
  EXPECT_THAT(with({1, 0, 1}), HasSubstr("row 1 is listed twice"));
  EXPECT_THAT(with({2}), HasSubstr("row 2 has no weight to delete"));
}

TEST(HardWeights, Names) {
  EXPECT_EQ(name(HardStop::kCount), "count");
  EXPECT_EQ(name(HardStop::kNoRows), "no_rows");
  EXPECT_EQ(name(HardStop::kReached), "reached");
  EXPECT_EQ(name(HardStop::kNoGain), "no_gain");
  EXPECT_EQ(name(HardStop::kNoMetric), "no_metric");
}

}  // namespace
}  // namespace recant

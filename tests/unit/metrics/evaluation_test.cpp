// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/evaluation.hpp"
#include "recant/metrics/bootstrap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "compare.hpp"
#include "expect_error.hpp"
#include "instruction_sets.hpp"
#include "naive_metric.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Counts by hand: rows, positives, selected, right, sum of p.
struct Counts {
  double rows = 0, positives = 0, selected = 0, right = 0, score = 0;
};

TEST(EvaluationTest, LogisticFiguresAreThoseCountedByHand) {
  for (const double threshold : {0.5, 0.3, 0.9}) {
    test::Random random(1);
    const Dataset data = test::made_up_rows(random, 1100, 3, Loss(), {2, 3});
    const LinearModel model{Loss(), true, 3, random.normals(4)};
    const MetricSettings settings{
        .privileged = {"b", std::nullopt}, .threshold = threshold, .radius = 0.2};
    const Evaluation e = evaluate(data, model, settings);
    const Matrix p = probabilities(model, data.features), t = scores(model, data.features);
    double right = 0, safe = 0;
    for (Index i = 0; i < 1100; ++i) {
      right += (p(i, 0) > threshold) == (data.targets(i) == 1);
      safe += (2 * data.targets(i) - 1) * t(i, 0) > 0.2 * model.theta.head(3).norm();
    }
    EXPECT_EQ(e.rows, 1100);
    EXPECT_DOUBLE_EQ(e.accuracy.value(), right / 1100);
    EXPECT_DOUBLE_EQ(e.margin_robust_accuracy.value(), safe / 1100);
    const auto value = [&](MetricKind kind, Index column, std::int32_t group) {
      return test::naive_metric({kind, "", column, group}, data, model, settings);
    };
    test::expect_close(e.log_loss_sum, value(MetricKind::kUtility, 0, 0), 1e-12, 0, "sum");
    test::expect_close(e.log_loss_mean, e.log_loss_sum / 1100, 1e-15, 0, "mean");
    test::expect_close(e.robust_loss.value(), value(MetricKind::kRobustLoss, 0, 0), 1e-12, 0, "r");
    test::expect_close(e.transferred_robust_loss.value(), e.robust_loss.value(), 1e-12, 0, "t");

    ASSERT_EQ(e.gaps.size(), 2U);
    EXPECT_EQ(e.gaps[0].column, "column0");
    EXPECT_EQ(e.gaps[0].privileged, "b");
    test::expect_close(e.gaps[0].demographic_parity.value(),
                       value(MetricKind::kDemographicParity, 0, 1), 1e-12, 0, "parity");
    test::expect_close(e.gaps[0].equal_opportunity.value(),
                       value(MetricKind::kEqualOpportunity, 0, 1), 1e-12, 0, "opportunity");
    test::expect_close(e.gaps[0].equal_opportunity_loss.value(),
                       value(MetricKind::kEqualOpportunityLoss, 0, 1), 1e-12, 0, "loss form");

    for (std::size_t c = 0; c < 2; ++c) {
      const SensitiveColumn& column = data.sensitive[c];
      ASSERT_EQ(e.gaps[c].groups.size(), column.groups.size());
      std::vector<Counts> counts(column.groups.size());
      for (Index i = 0; i < 1100; ++i) {
        Counts& group = counts[static_cast<std::size_t>(column.codes[static_cast<std::size_t>(i)])];
        group.rows += 1;
        group.positives += data.targets(i);
        group.selected += p(i, 0) > threshold;
        group.right += (p(i, 0) > threshold) == (data.targets(i) == 1);
        group.score += p(i, 0);
      }
      for (std::size_t g = 0; g < counts.size(); ++g) {
        const GroupEvaluation& found = e.gaps[c].groups[g];
        EXPECT_EQ(found.name, column.groups[g]);
        EXPECT_EQ(static_cast<double>(found.rows), counts[g].rows);
        EXPECT_EQ(static_cast<double>(found.positives), counts[g].positives);
        EXPECT_DOUBLE_EQ(found.positive_rate.value(), counts[g].positives / counts[g].rows);
        EXPECT_DOUBLE_EQ(found.selection_rate.value(), counts[g].selected / counts[g].rows);
        EXPECT_DOUBLE_EQ(found.accuracy.value(), counts[g].right / counts[g].rows);
        EXPECT_NEAR(found.mean_score.value(), counts[g].score / counts[g].rows, 1e-13);
      }
      if (c == 0) {
        EXPECT_NEAR(e.gaps[0].demographic_parity_hard.value(),
                    counts[1].selected / counts[1].rows - counts[0].selected / counts[0].rows,
                    1e-14);
      }
    }
  }
}

TEST(EvaluationTest, TheHeadlineIsTheLargestGapWithItsSign) {
  test::Random random(2);
  const Dataset data = test::made_up_rows(random, 700, 3, Loss(), {4});
  for (int trial = 0; trial < 8; ++trial) {
    const LinearModel model{Loss(), true, 3, random.normals(4)};
    const GapEvaluation gaps = evaluate(data, model, {}).gaps.front();
    const auto worst = [&](std::vector<MetricKind> kinds) {
      double best = 0;
      std::int32_t group = 0;
      for (std::int32_t g = 0; g < 4; ++g) {
        for (const MetricKind kind : kinds) {
          const double value = test::naive_metric({kind, "", 0, g}, data, model, {});
          if (std::abs(value) > std::abs(best)) {
            best = value;
            group = g;
          }
        }
      }
      return std::pair(best, group);
    };
    const auto [parity, group] = worst({MetricKind::kDemographicParity});
    test::expect_close(gaps.demographic_parity.value(), parity, 1e-11, 0, "parity");
    EXPECT_EQ(gaps.privileged, data.sensitive[0].groups[static_cast<std::size_t>(group)]);
    test::expect_close(gaps.equal_opportunity.value(), worst({MetricKind::kEqualOpportunity}).first,
                       1e-11, 0, "opportunity");
    test::expect_close(
        gaps.equalized_odds.value(),
        worst({MetricKind::kEqualOpportunity, MetricKind::kEqualOpportunityNegative}).first, 1e-11,
        0, "odds");
  }
}

TEST(EvaluationTest, SoftmaxReadsTheClassItIsTold) {
  test::Random random(3);
  const Loss loss(LossKind::kSoftmax, 3);
  const Dataset data = test::made_up_rows(random, 400, 3, loss, {2});
  const LinearModel model{loss, true, 3, random.normals(12)};
  const Matrix p = probabilities(model, data.features);
  double right = 0;
  for (Index i = 0; i < 400; ++i) {
    Index best = 0;
    p.row(i).maxCoeff(&best);
    right += static_cast<double>(best) == data.targets(i);
  }
  for (const Index positive : {0, 1, 2}) {
    const MetricSettings settings{.positive_class = positive, .privileged = {"a"}};
    const Evaluation e = evaluate(data, model, settings);
    EXPECT_DOUBLE_EQ(e.accuracy.value(), right / 400);
    EXPECT_FALSE(e.robust_loss || e.transferred_robust_loss || e.margin_robust_accuracy);
    test::expect_close(
        e.gaps[0].demographic_parity.value(),
        test::naive_metric({MetricKind::kDemographicParity, "", 0, 0}, data, model, settings),
        1e-12, 0, "parity");
    Index positives = 0;
    for (const GroupEvaluation& group : e.gaps[0].groups) positives += group.positives;
    EXPECT_EQ(positives, (data.targets.array() == static_cast<double>(positive)).count());
  }
}

TEST(EvaluationTest, SquaredLossHasNoLabels) {
  test::Random random(4);
  const Loss loss(LossKind::kSquared);
  const Dataset data = test::made_up_rows(random, 120, 2, loss, {2});
  const LinearModel model{loss, true, 2, random.normals(3)};
  const Evaluation e = evaluate(data, model, {.privileged = {"a"}});
  EXPECT_FALSE(e.accuracy || e.robust_loss);
  const GapEvaluation& gap = e.gaps.front();
  EXPECT_TRUE(gap.demographic_parity.has_value());
  EXPECT_FALSE(gap.equal_opportunity || gap.equal_opportunity_loss || gap.equalized_odds ||
               gap.demographic_parity_hard || gap.equal_opportunity_hard);
  EXPECT_FALSE(gap.groups[0].accuracy || gap.groups[0].selection_rate);
  const Vector t = scores(model, data.features).col(0);
  test::expect_close(e.log_loss_sum, (t - data.targets).squaredNorm() / 2, 1e-12, 0, "half");
}

TEST(EvaluationTest, AGapWithoutRowsOnOneSideIsUnknown) {
  test::Random random(5);
  Dataset data = test::made_up_rows(random, 100, 2, Loss(), {2});
  const LinearModel model{Loss(), true, 2, random.normals(3)};
  for (Index i = 0; i < 100; ++i) {
    if (data.targets(i) == 1) data.sensitive[0].codes[static_cast<std::size_t>(i)] = 0;
  }
  data.sensitive[0].groups.push_back("late");  // a group that only training knows
  const MetricSettings settings{.privileged = {"a"}};
  const GapEvaluation gap = evaluate(data, model, settings).gaps.front();
  EXPECT_TRUE(gap.demographic_parity.has_value());
  EXPECT_FALSE(gap.equal_opportunity.has_value());
  EXPECT_FALSE(gap.equal_opportunity_loss.has_value());
  ASSERT_EQ(gap.groups.size(), 3U);
  EXPECT_EQ(gap.groups[2].rows, 0);
  EXPECT_FALSE(gap.groups[2].mean_score || gap.groups[2].accuracy || gap.groups[2].positive_rate);
}

TEST(EvaluationTest, AModelWithoutWeightsHasNoRobustFigures) {
  test::Random random(6);
  const Dataset data = test::made_up_rows(random, 50, 2, Loss());
  const Evaluation e = evaluate(data, {Loss(), true, 2, Vector::Zero(3)}, {});
  EXPECT_FALSE(e.robust_loss || e.transferred_robust_loss || e.margin_robust_accuracy);
  test::expect_close(e.log_loss_mean, std::log(2.0), 1e-14, 0, "log 2");
  EXPECT_TRUE(e.gaps.empty());
  Dataset none;
  none.features = FeatureMatrix(RowMatrix(0, 2));
  test::expect_error<DataError>(
      [&] {
        return evaluate(none, {Loss(), true, 2, Vector::Zero(3)}, {});
      },
      {"no row to measure on"});
}

TEST(EvaluationTest, TheAttackCanBeOnAnotherModel) {
  test::Random random(7);
  const Dataset data = test::made_up_rows(random, 90, 2, Loss());
  const LinearModel old{Loss(), true, 2, random.normals(3)},
      now{Loss(), true, 2, random.normals(3)};
  const Evaluation e = evaluate(data, now, {}, &old);
  test::expect_close(
      e.transferred_robust_loss.value(),
      test::naive_metric({MetricKind::kTransferredRobustLoss, ""}, data, now, {}, &old), 1e-12, 0,
      "fixed points");
  test::expect_close(e.robust_loss.value(), evaluate(data, now, {}).robust_loss.value(), 0, 0,
                     "follows");
}

TEST(BootstrapTest, IsTheSameForAnyThreadsAndSeedButNotForOthers) {
  test::Random random(8);
  const Dataset data = test::made_up_rows(random, 300, 2, Loss(), {2});
  const LinearModel model{Loss(), true, 2, random.normals(3)};
  const std::vector<Metric> metrics = {{MetricKind::kUtility, ""},
                                       {MetricKind::kDemographicParity, "", 0, 1},
                                       {MetricKind::kRobustLoss, ""}};
  std::vector<std::optional<Interval>> one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const auto now = bootstrap(metrics, data, {model}, {}, 200, 7).front();
    if (count == 1) one = now;
    ASSERT_EQ(now.size(), 3U);
    for (std::size_t m = 0; m < 3; ++m) {
      EXPECT_EQ(now[m]->low, one[m]->low);
      EXPECT_EQ(now[m]->high, one[m]->high);
      EXPECT_LT(now[m]->low, now[m]->high);
    }
  }
  EXPECT_NE(bootstrap(metrics, data, {model}, {}, 200, 8)[0][0]->low, one[0]->low);
  EXPECT_NE(bootstrap(metrics, data, {model}, {}, 200, 7ULL + (1ULL << 32))[0][0]->low, one[0]->low)
      << "all 64 bits of the seed count";
}

/// The rows of one resample, drawn as bootstrap() draws them.
Dataset resample(const Dataset& data, std::uint64_t seed, std::uint32_t number) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         number};
  std::mt19937_64 random(sequence);
  Dataset drawn = data;
  RowMatrix features(data.rows(), data.features.columns());
  for (Index i = 0; i < data.rows(); ++i) {
    const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
    const auto row = static_cast<Index>(uniform * static_cast<double>(data.rows()));
    features.row(i) = data.features.row(row);
    drawn.targets(i) = data.targets(row);
    for (std::size_t c = 0; c < data.sensitive.size(); ++c) {
      drawn.sensitive[c].codes[static_cast<std::size_t>(i)] =
          data.sensitive[c].codes[static_cast<std::size_t>(row)];
    }
  }
  drawn.features = FeatureMatrix(std::move(features));
  return drawn;
}

/// Enough groups, metrics and models for several strips, and rows for several pieces.
TEST(BootstrapTest, IsWhatTheMetricsAreOnTheRowsDrawn) {
  test::Random random(12);
  const Dataset data = test::made_up_rows(random, 1400, 3, Loss(), {7, 2});
  const std::vector<LinearModel> models = {{Loss(), true, 3, random.normals(4)},
                                           {Loss(), true, 3, random.normals(4)}};
  std::vector<Metric> metrics;
  for (const char* name : {"demographic_parity:column0", "utility", "equal_opportunity:column1",
                           "equal_opportunity_loss:column0", "equalized_odds:column0",
                           "robust_loss", "transferred_robust_loss"}) {
    for (Metric& metric : resolve_metric(name, data, models[0], {})) {
      metrics.push_back(metric);
      if (!metric.is_gap() || metric.kind == MetricKind::kEqualOpportunityLoss) continue;
      metric.hard = true;
      metrics.push_back(metric);
    }
  }
  constexpr int kResamples = 79;  // two in each tail
  std::vector<std::vector<std::vector<double>>> values(models.size());
  for (std::uint32_t r = 0; r < kResamples; ++r) {
    const Dataset drawn = resample(data, 5, r);
    for (std::size_t k = 0; k < models.size(); ++k) {
      values[k].push_back(metric_values(metrics, drawn, models[k], {}, models.data()));
    }
  }
  for_each_instruction_set([&] {
    const auto found = bootstrap(metrics, data, models, {}, kResamples, 5, models.data());
    for (std::size_t k = 0; k < models.size(); ++k) {
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        std::vector<double> sample;
        for (const auto& of_resample : values[k]) sample.push_back(of_resample[m]);
        ASSERT_TRUE(std::none_of(sample.begin(), sample.end(), [](double v) { return v != v; }));
        std::sort(sample.begin(), sample.end());
        ASSERT_TRUE(found[k][m]) << metrics[m].name;
        EXPECT_NEAR(found[k][m]->low, sample[1], 1e-11 * std::abs(sample[1])) << metrics[m].name;
        EXPECT_NEAR(found[k][m]->high, sample[77], 1e-11 * std::abs(sample[77])) << metrics[m].name;
      }
    }
  });
}

TEST(BootstrapTest, SeveralModelsAreReadOnTheSameResamples) {
  test::Random random(11);
  const Dataset data = test::made_up_rows(random, 300, 2, Loss(), {2, 3});
  std::vector<LinearModel> models;
  for (int k = 0; k < 3; ++k) models.push_back({Loss(), true, 2, random.normals(3)});
  const std::vector<Metric> metrics = {{MetricKind::kUtility, ""},
                                       {MetricKind::kDemographicParity, "", 1, 2},
                                       {MetricKind::kEqualOpportunity, "", 0, 1}};
  const auto together = bootstrap(metrics, data, models, {}, 100, 5);
  ASSERT_EQ(together.size(), models.size());
  for (std::size_t k = 0; k < models.size(); ++k) {
    const auto alone = bootstrap(metrics, data, {models[k]}, {}, 100, 5).front();
    ASSERT_EQ(together[k].size(), metrics.size());
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      EXPECT_NEAR(together[k][m]->low, alone[m]->low, 1e-12 * std::abs(alone[m]->low));
      EXPECT_NEAR(together[k][m]->high, alone[m]->high, 1e-12 * std::abs(alone[m]->high));
    }
  }
}

/// The sum of losses over n rows drawn from n: its spread is sqrt(n) times that of one loss.
TEST(BootstrapTest, HasTheWidthOfANormalInterval) {
  test::Random random(9);
  const Index n = 2000;
  const Dataset data = test::made_up_rows(random, n, 2, Loss(), {2});
  const LinearModel model{Loss(), true, 2, random.normals(3)};
  const auto intervals =
      bootstrap({{MetricKind::kUtility, ""}, {MetricKind::kDemographicParity, "", 0, 0}}, data,
                {model}, {}, 2000, 3)
          .front();
  Vector losses(n);
  for (Index i = 0; i < n; ++i) {
    losses(i) = test::naive_metric({MetricKind::kUtility, ""}, slice(data, {i, i + 1}), model, {});
  }
  const double mean = losses.mean();
  const double spread =
      std::sqrt(static_cast<double>(n)) * std::sqrt((losses.array() - mean).square().mean());
  // 2000 resamples know an end to 0.06 of the spread (one sigma): 0.3 is five times that.
  EXPECT_NEAR(intervals[0]->low, losses.sum() - 1.96 * spread, 0.3 * spread);
  EXPECT_NEAR(intervals[0]->high, losses.sum() + 1.96 * spread, 0.3 * spread);

  const Matrix p = probabilities(model, data.features);
  double sum[2] = {0, 0}, square[2] = {0, 0}, count[2] = {0, 0};
  for (Index i = 0; i < n; ++i) {
    const int g = data.sensitive[0].codes[static_cast<std::size_t>(i)];
    sum[g] += p(i, 0);
    square[g] += p(i, 0) * p(i, 0);
    count[g] += 1;
  }
  double variance = 0;
  for (const int g : {0, 1})
    variance += (square[g] / count[g] - std::pow(sum[g] / count[g], 2)) / count[g];
  const double gap = sum[0] / count[0] - sum[1] / count[1], gap_spread = std::sqrt(variance);
  EXPECT_NEAR(intervals[1]->low, gap - 1.96 * gap_spread, 0.3 * gap_spread);
  EXPECT_NEAR(intervals[1]->high, gap + 1.96 * gap_spread, 0.3 * gap_spread);
}

/// The first `count` rows are one group, whatever their features and targets say.
void make_group(Dataset& data, Index count) {
  auto& codes = data.sensitive[0].codes;
  std::fill(codes.begin(), codes.end(), 0);
  std::fill_n(codes.begin(), count, 1);
}

TEST(BootstrapTest, FewRowsOnASideHaveNoInterval) {
  test::Random random(10);
  Dataset data = test::made_up_rows(random, 200, 2, Loss(), {2});
  const LinearModel model{Loss(), true, 2, random.normals(3)};
  const auto intervals = [&](MetricKind kind) {
    return bootstrap({{kind, "", 0, 1}, {MetricKind::kUtility, ""}}, data, {model, model}, {}, 40,
                     1);
  };
  for (const Index count : {Index{1}, kFewestResampledRows - 1, 201 - kFewestResampledRows}) {
    make_group(data, count);
    for (const auto& of_model : intervals(MetricKind::kDemographicParity)) {
      EXPECT_FALSE(of_model[0]) << count;
      EXPECT_TRUE(of_model[1]) << count;
    }
  }
  for (const Index count : {kFewestResampledRows, 200 - kFewestResampledRows}) {
    make_group(data, count);
    EXPECT_TRUE(intervals(MetricKind::kDemographicParity)[1][0]) << count;
    // A positive row of the group that is negative is one too few.
    data.targets.head(count).setOnes();
    data.targets.tail(200 - count).setOnes();
    EXPECT_TRUE(intervals(MetricKind::kEqualOpportunity)[0][0]) << count;
    data.targets(count == kFewestResampledRows ? 0 : 199) = 0;
    EXPECT_FALSE(intervals(MetricKind::kEqualOpportunity)[0][0]) << count;
  }
  const Dataset few = slice(data, {0, kFewestResampledRows - 1});
  EXPECT_FALSE(bootstrap({{MetricKind::kUtility, ""}}, few, {model}, {}, 40, 1)[0][0]);
}

/// The share of intervals that hold the truth, 0: groups that are no different.
double coverage(test::Random& random, Index group, const Metric& parity, int resamples,
                int repetitions) {
  const LinearModel model{Loss(), true, 2, Vector::Constant(3, 0.7)};
  int covered = 0;
  for (int t = 0; t < repetitions; ++t) {
    Dataset data = test::made_up_rows(random, 400, 2, Loss(), {2});
    make_group(data, group);
    const auto interval =
        bootstrap({parity}, data, {model}, {}, resamples, static_cast<std::uint64_t>(t))[0][0];
    covered += interval->low <= 0 && interval->high >= 0;
  }
  return covered / static_cast<double>(repetitions);
}

// 2,000 repetitions are off by 3.7 standard errors once in 9,000 times: 95 % is 93.2 then, the 94 %
// of a side of 30 are 92, and its 91 % of hard labels 88.5. The second and the 39th of 40 resamples
// covered 89 % of many rows.
TEST(BootstrapTest, IntervalsCover) {
  test::Random random(12);
  const Metric parity{MetricKind::kDemographicParity, "", 0, 1};
  Metric hard = parity;
  hard.hard = true;
  EXPECT_GE(coverage(random, 200, parity, 40, 2000), 0.932);
  EXPECT_GE(coverage(random, kFewestResampledRows, parity, 40, 2000), 0.92);
  EXPECT_GE(coverage(random, kFewestResampledRows, hard, 40, 2000), 0.885);
}

TEST(BootstrapTest, RefusesBadArguments) {
  test::Random random(10);
  Dataset data = test::made_up_rows(random, 40, 2, Loss(), {2});
  const LinearModel model{Loss(), true, 2, random.normals(3)};
  const std::vector<Metric> parity = {{MetricKind::kDemographicParity, "", 0, 1}};
  make_group(data, 0);
  test::expect_error<DataError>([&] { return bootstrap(parity, data, {model}, {}, 100, 1); },
                                {"both groups"});
  for (const int bad : {39, 0, -5}) {
    test::expect_error<UsageError>([&] { return bootstrap(parity, data, {model}, {}, bad, 1); },
                                   {"resamples", std::to_string(bad)});
  }
}

}  // namespace
}  // namespace recant

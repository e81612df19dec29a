// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/metric.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "instruction_sets.hpp"
#include "naive_metric.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/metrics/bootstrap.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {
namespace {

const std::vector<MetricKind> kAll = {MetricKind::kUtility,
                                      MetricKind::kDemographicParity,
                                      MetricKind::kEqualOpportunity,
                                      MetricKind::kEqualOpportunityNegative,
                                      MetricKind::kEqualOpportunityLoss,
                                      MetricKind::kTransferredRobustLoss,
                                      MetricKind::kRobustLoss};

bool defined(MetricKind kind, LossKind loss) {
  if (loss == LossKind::kLogistic) return true;
  if (kind == MetricKind::kRobustLoss || kind == MetricKind::kTransferredRobustLoss) return false;
  return loss == LossKind::kSoftmax || kind == MetricKind::kUtility ||
         kind == MetricKind::kDemographicParity;
}

/// Every metric that the loss has, of every column and group.
std::vector<Metric> all_metrics(LossKind loss, const Dataset& data) {
  std::vector<Metric> metrics;
  for (const MetricKind kind : kAll) {
    if (!defined(kind, loss)) continue;
    const bool gap = kind != MetricKind::kUtility && kind != MetricKind::kTransferredRobustLoss &&
                     kind != MetricKind::kRobustLoss;
    for (std::size_t c = 0; c < (gap ? data.sensitive.size() : 1); ++c) {
      const auto groups =
          gap ? static_cast<std::int32_t>(data.sensitive[c].groups.size()) : std::int32_t{1};
      for (std::int32_t g = 0; g < groups; ++g)
        metrics.push_back({kind, "metric", static_cast<Index>(c), g});
    }
  }
  return metrics;
}

std::string describe(const Metric& metric) {
  return "kind " + std::to_string(static_cast<int>(metric.kind)) + ", column " +
         std::to_string(metric.column) + ", group " + std::to_string(metric.group);
}

struct Case {
  LossKind kind;
  bool intercept;
  Index positive_class;
};
class MetricByLoss : public testing::TestWithParam<Case> {
 protected:
  const Loss loss_{GetParam().kind, 3};
  const MetricSettings settings_{.positive_class = GetParam().positive_class, .privileged = {}};

  LinearModel model(test::Random& random, Index d) const {
    return {loss_, GetParam().intercept, d,
            0.6 * random.normals(loss_.outputs() * (d + (GetParam().intercept ? 1 : 0)))};
  }
};
INSTANTIATE_TEST_SUITE_P(
    Losses, MetricByLoss,
    testing::Values(Case{LossKind::kLogistic, true, 1}, Case{LossKind::kLogistic, false, 1},
                    Case{LossKind::kSoftmax, true, 0}, Case{LossKind::kSoftmax, false, 1},
                    Case{LossKind::kSoftmax, true, 2}, Case{LossKind::kSquared, true, 1},
                    Case{LossKind::kSquared, false, 1}),
    [](const auto& tested) {
      return std::string(name(tested.param.kind)) + std::to_string(tested.param.positive_class) +
             (tested.param.intercept ? "_intercept" : "_plain");
    });

TEST_P(MetricByLoss, ManyModelsAtOnceAreEachModelAlone) {
  test::Random random(31);
  const Dataset data = test::made_up_rows(random, 1100, 3, loss_, {2, 3});
  const LinearModel base = model(random, 3), attack = model(random, 3);
  const auto metrics = all_metrics(loss_.kind(), data);
  const Index m = 70;  // more than one product takes
  const Matrix thetas =
      base.theta.rowwise().replicate(m) + 0.2 * random.normal_matrix(base.theta.size(), m);
  for (const LinearModel* fixed : {static_cast<const LinearModel*>(nullptr), &attack}) {
    const Matrix found = metric_values_of_models(metrics, data, base, thetas, settings_, fixed);
    for (Index k = 0; k < m; ++k) {
      const auto wanted = metric_values(metrics, data, base.at(thetas.col(k)), settings_, fixed);
      test::expect_close(found.col(k), Eigen::Map<const Vector>(wanted.data(), std::ssize(wanted)),
                         1e-12, 1e-12, "model " + std::to_string(k));
    }
  }
}

TEST_P(MetricByLoss, ValuesAreTheirDefinitions) {
  for (const Index n : {120, 121, 122, 123, 127, 1023, 1024, 1025}) {
    test::Random random(static_cast<std::uint64_t>(n));
    const Dataset data = test::made_up_rows(random, n, 4, loss_, {2, 4});
    const LinearModel at = model(random, 4), other = model(random, 4);
    const auto metrics = all_metrics(loss_.kind(), data);
    for (const LinearModel* attack : {static_cast<const LinearModel*>(nullptr), &other}) {
      for (const bool correct_only : {false, true}) {
        MetricSettings settings = settings_;
        settings.attack_correct_only = correct_only;
        std::vector<double> wanted;
        for (const Metric& metric : metrics) {
          wanted.push_back(test::naive_metric(metric, data, at, settings, attack));
        }
        for_each_instruction_set([&] {
          const auto found = metric_values(metrics, data, at, settings, attack);
          for (std::size_t m = 0; m < metrics.size(); ++m) {
            if (std::isnan(wanted[m])) {  // a side without rows
              EXPECT_TRUE(std::isnan(found[m])) << describe(metrics[m]);
            } else {
              test::expect_close(found[m], wanted[m], 1e-12, 1e-13, describe(metrics[m]));
            }
          }
        });
      }
    }
  }
}

TEST_P(MetricByLoss, GradientsAreTheDerivativesOfValues) {
  test::Random random(1);
  const Dataset data = test::made_up_rows(random, 240, 3, loss_, {2, 3});
  const LinearModel at = model(random, 3), other = model(random, 3);
  const auto metrics = all_metrics(loss_.kind(), data);
  for (const bool elsewhere : {false, true}) {
    for (const bool correct_only : {false, true}) {
      SCOPED_TRACE(testing::Message() << "attack on " << (elsewhere ? "another" : "this")
                                      << " model, correct_only " << correct_only);
      MetricSettings settings = settings_;
      settings.attack_correct_only = correct_only;
      const Matrix found =
          metric_gradients(metrics, data, at, settings, elsewhere ? &other : nullptr);
      ASSERT_EQ(found.rows(), at.theta.size());
      ASSERT_EQ(found.cols(), static_cast<Index>(metrics.size()));
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        // The attack of transferred_robust_loss stays where it is while theta moves.
        const LinearModel& attacked = elsewhere ? other : at;
        const Vector wanted = test::gradient_by_differences(
            [&](const Vector& theta) {
              return metric_values({metrics[m]}, data, at.at(theta), settings, &attacked).front();
            },
            at.theta, 1e-4);
        test::expect_close(found.col(static_cast<Index>(m)), wanted, 1e-8, 1e-11,
                           describe(metrics[m]));
      }
    }
  }
}

TEST_P(MetricByLoss, GradientsOfEveryInstructionSetAgree) {
  for (const Index n : {120, 121, 122, 123, 127, 1025}) {
    test::Random random(static_cast<std::uint64_t>(n));
    const Dataset data = test::made_up_rows(random, n, 3, loss_, {2, 3});
    const LinearModel at = model(random, 3);
    const auto metrics = all_metrics(loss_.kind(), data);
    const Matrix wanted = metric_gradients(metrics, data, at, settings_);
    for_each_instruction_set([&] {
      test::expect_close(metric_gradients(metrics, data, at, settings_), wanted, 1e-12, 1e-13,
                         std::to_string(n) + " rows");
    });
  }
}

TEST_P(MetricByLoss, SameBytesForAnyThreads) {
  test::Random random(2);
  const Dataset data = test::made_up_rows(random, 9000, 5, loss_, {2, 3});
  const LinearModel at = model(random, 5);
  const auto metrics = all_metrics(loss_.kind(), data);
  std::vector<double> values;
  Matrix gradients;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const auto v = metric_values(metrics, data, at, settings_);
    const Matrix g = metric_gradients(metrics, data, at, settings_);
    if (count == 1) {
      values = v;
      gradients = g;
    }
    EXPECT_EQ(v, values) << count;
    EXPECT_TRUE(test::same_bytes(g, gradients)) << count;
  }
}

TEST_P(MetricByLoss, TheOrderOfTheRowsDoesNotMatter) {
  test::Random random(3);
  const Dataset data = test::made_up_rows(random, 2100, 4, loss_, {3});
  const Dataset shuffled = test::pick_rows(data, random.permutation(2100));
  const LinearModel at = model(random, 4);
  const auto metrics = all_metrics(loss_.kind(), data);
  const auto a = metric_values(metrics, data, at, settings_);
  const auto b = metric_values(metrics, shuffled, at, settings_);
  for (std::size_t m = 0; m < a.size(); ++m)
    test::expect_close(b[m], a[m], 1e-12, 1e-13, describe(metrics[m]));
  test::expect_close(metric_gradients(metrics, shuffled, at, settings_),
                     metric_gradients(metrics, data, at, settings_), 1e-12, 0, "gradients");
}

class MetricTest : public testing::Test {
 protected:
  static LinearModel logistic(test::Random& random, Index d) {
    return {Loss(), true, d, random.normals(d + 1)};
  }
};

TEST_F(MetricTest, RobustLossesHaveOneValueButTwoGradients) {
  test::Random random(4);
  const Dataset data = test::made_up_rows(random, 80, 3, Loss());
  const LinearModel model = logistic(random, 3);
  const std::vector<Metric> two = {{MetricKind::kTransferredRobustLoss, "t"},
                                   {MetricKind::kRobustLoss, "r"}};
  const auto values = metric_values(two, data, model, {});
  test::expect_close(values[0], values[1], 1e-13, 0, "at the attacked model itself");
  // Every score becomes (1 - 1.3) t, so the loss is that of the scores -0.3 t.
  const Matrix t = scores(model, data.features);
  double wanted = 0;
  for (Index i = 0; i < 80; ++i)
    wanted += std::log1p(std::exp(0.3 * (2 * data.targets(i) - 1) * t(i, 0)));
  test::expect_close(values[1], wanted, 1e-13, 0, "closed form");
  const Matrix g = metric_gradients(two, data, model, {});
  EXPECT_GT((g.col(0) - g.col(1)).norm(), 0.1 * g.col(1).norm());
}

TEST_F(MetricTest, KeepsItsDigitsAtLargeMargins) {
  test::Random random(5);
  Dataset data = test::made_up_rows(random, 30, 2, Loss(), {2});
  LinearModel model = logistic(random, 2);
  model.theta *= 250;  // scores to about 900
  const auto metrics = all_metrics(LossKind::kLogistic, data);
  const auto found = metric_values(metrics, data, model, {});
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    test::expect_close(found[m], test::naive_metric(metrics[m], data, model, {}), 1e-11, 1e-12,
                       describe(metrics[m]));
  }
  EXPECT_TRUE(metric_gradients(metrics, data, model, {}).allFinite());
}

TEST_F(MetricTest, SwappingTheGroupsChangesTheSign) {
  test::Random random(6);
  const Dataset data = test::made_up_rows(random, 200, 3, Loss(), {2});
  const LinearModel model = logistic(random, 3);
  for (const MetricKind kind :
       {MetricKind::kDemographicParity, MetricKind::kEqualOpportunity,
        MetricKind::kEqualOpportunityNegative, MetricKind::kEqualOpportunityLoss}) {
    const auto both = metric_values({{kind, "", 0, 0}, {kind, "", 0, 1}}, data, model, {});
    EXPECT_NE(both[0], 0);
    test::expect_close(both[0], -both[1], 1e-14, 0, "sign");
  }
}

TEST_F(MetricTest, SettingsThatNoMetricCanReadAreNamedByEveryFunction) {
  test::Random random(9);
  const Dataset data = test::made_up_rows(random, 60, 3, Loss(), {2});
  const LinearModel model = logistic(random, 3);
  const auto metrics = resolve_metric("utility", data, model, {});
  const auto refused = [&](const MetricSettings& settings, const std::string& name) {
    test::expect_error<UsageError>([&] { return resolve_metric("utility", data, model, settings); },
                                   {name});
    test::expect_error<UsageError>([&] { return metric_values(metrics, data, model, settings); },
                                   {name});
    test::expect_error<UsageError>(
        [&] { return metric_values_of_models(metrics, data, model, model.theta, settings); },
        {name});
    test::expect_error<UsageError>([&] { return metric_gradients(metrics, data, model, settings); },
                                   {name});
    test::expect_error<UsageError>([&] { return evaluate(data, model, settings); }, {name});
    test::expect_error<UsageError>(
        [&] { return bootstrap(metrics, data, {model}, settings, 40, 1); }, {name});
  };
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  for (const double threshold : {kNone, -kInfinite, -1e-9, 1 + 1e-9, 7.0, kInfinite}) {
    refused({.privileged = {}, .threshold = threshold}, "threshold must be");
  }
  for (const double radius : {kNone, -kInfinite, -1.0, kInfinite}) {
    refused({.privileged = {}, .radius = radius}, "radius must be");
  }
  for (const double edge : {0.0, 1.0}) {
    EXPECT_TRUE(
        evaluate(data, model, {.privileged = {}, .threshold = edge, .radius = edge}).accuracy);
  }
}

TEST_F(MetricTest, ResolvesOneGapOfTwoGroups) {
  test::Random random(7);
  const Dataset data = test::made_up_rows(random, 200, 3, Loss(), {2});
  const LinearModel model = logistic(random, 3);
  MetricSettings settings;
  const auto highest = highest_positive_rate(data, 0, 1);
  const auto unnamed = resolve_metric("demographic_parity", data, model, settings);
  ASSERT_EQ(unnamed.size(), 1U);
  EXPECT_EQ(data.sensitive[0].groups[static_cast<std::size_t>(unnamed[0].group)], highest);
  for (const std::int32_t group : {0, 1}) {
    settings.privileged = {data.sensitive[0].groups[static_cast<std::size_t>(group)]};
    const auto named = resolve_metric("demographic_parity", data, model, settings);
    ASSERT_EQ(named.size(), 1U);
    EXPECT_EQ(named[0].group, group);
    EXPECT_EQ(named[0].name, "demographic_parity");
    const auto odds = resolve_metric("equalized_odds", data, model, settings);
    ASSERT_EQ(odds.size(), 2U);
    EXPECT_EQ(odds[0].kind, MetricKind::kEqualOpportunity);
    EXPECT_EQ(odds[1].kind, MetricKind::kEqualOpportunityNegative);
  }
  const auto asked = resolve_metric("equal_opportunity_loss:group=a", data, model, settings);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].group, 0) << "what is asked for goes before the setting";
}

TEST_F(MetricTest, ResolvesAGapForEachOfMoreGroupsAndColumns) {
  test::Random random(8);
  const Dataset data = test::made_up_rows(random, 900, 3, Loss(), {2, 5});
  const LinearModel model = logistic(random, 3);
  MetricSettings settings;
  const auto each = resolve_metric("equal_opportunity:column1", data, model, settings);
  ASSERT_EQ(each.size(), 5U);
  for (std::size_t g = 0; g < 5; ++g) {
    EXPECT_EQ(each[g].group, static_cast<std::int32_t>(g));
    EXPECT_EQ(each[g].column, 1);
  }
  EXPECT_EQ(resolve_metric("equalized_odds:column1", data, model, settings).size(), 10U);
  EXPECT_EQ(resolve_metric("equal_opportunity:column1=d", data, model, settings).front().group, 3);
  settings.privileged = {std::nullopt, "c"};
  const auto one = resolve_metric("equal_opportunity:column1", data, model, settings);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].group, 2);
  test::expect_error<UsageError>(
      [&] { return resolve_metric("equal_opportunity", data, model, settings); },
      {"which sensitive column", "equal_opportunity:column0"});
}

TEST_F(MetricTest, RefusesNamesItDoesNotKnow) {
  test::Random random(9);
  const Dataset data = test::made_up_rows(random, 60, 2, Loss(), {2});
  const Dataset plain = test::made_up_rows(random, 60, 2, Loss());
  const LinearModel model = logistic(random, 2);
  const auto resolve = [&](const char* text, const Dataset& rows) {
    return resolve_metric(text, rows, model, {});
  };
  test::expect_error<UsageError>([&] { return resolve("fairness", data); },
                                 {"'fairness' is not a metric", "demographic_parity"});
  test::expect_error<UsageError>([&] { return resolve("", data); }, {"'' is not a metric"});
  test::expect_error<UsageError>([&] { return resolve("utility:group", data); },
                                 {"utility takes no column"});
  test::expect_error<UsageError>([&] { return resolve("demographic_parity:sex", data); },
                                 {"'sex' is not a sensitive column"});
  test::expect_error<UsageError>([&] { return resolve("demographic_parity:group=z", data); },
                                 {"'z' is not a group", "a, b"});
  test::expect_error<UsageError>([&] { return resolve("demographic_parity", plain); },
                                 {"needs a sensitive column", "--sensitive"});
  for (const std::string& name : metric_names()) EXPECT_NO_THROW(resolve(name.c_str(), data));
}

TEST_F(MetricTest, NamesTheGroupAndLabelWithoutRows) {
  test::Random random(10);
  Dataset data = test::made_up_rows(random, 60, 2, Loss(), {2});
  const LinearModel model = logistic(random, 2);
  const MetricSettings a{.privileged = {"a"}}, b{.privileged = {"b"}};
  auto& codes = data.sensitive[0].codes;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (data.targets(static_cast<Index>(i)) == 1) codes[i] = 0;  // b has no positive row
  }
  ASSERT_NE(std::count(codes.begin(), codes.end(), 1), 0);
  EXPECT_NO_THROW(static_cast<void>(resolve_metric("demographic_parity", data, model, a)));
  for (const MetricSettings& settings : {a, b}) {
    for (const char* metric : {"equal_opportunity", "equal_opportunity_loss", "equalized_odds"}) {
      test::expect_error<DataError>(
          [&] { return resolve_metric(metric, data, model, settings); },
          {"group: ", "group 'b' has no row with a positive target", metric});
    }
  }
  Dataset negatives = data;
  negatives.targets.setZero();
  for (std::size_t i = 0; i < 4; ++i) negatives.targets(static_cast<Index>(i)) = 1;
  for (std::size_t i = 0; i < codes.size(); ++i)
    negatives.sensitive[0].codes[i] = i < 2 ? 1 : i < 4 ? 0 : 1;  // a has only positive rows
  test::expect_error<DataError>(
      [&] { return resolve_metric("equalized_odds", negatives, model, a); },
      {"group 'a' has no row with a negative target"});
  Dataset one = data;
  std::fill(one.sensitive[0].codes.begin(), one.sensitive[0].codes.end(), 1);
  test::expect_error<DataError>([&] { return resolve_metric("demographic_parity", one, model, b); },
                                {"group 'a' has no row, so demographic_parity has no value"});
  one.sensitive[0].groups = {"a"};
  std::fill(one.sensitive[0].codes.begin(), one.sensitive[0].codes.end(), 0);
  test::expect_error<DataError>(
      [&] { return resolve_metric("demographic_parity", one, model, {}); }, {"a single group"});
  Dataset many = test::made_up_rows(random, 60, 2, Loss(), {3});
  std::fill(many.sensitive[0].codes.begin(), many.sensitive[0].codes.end(), 2);
  const MetricSettings c{.privileged = {"c"}};
  test::expect_error<DataError>(
      [&] { return resolve_metric("demographic_parity", many, model, c); },
      {"groups other than 'c' have no row"});
}

TEST_F(MetricTest, RefusesMetricsThatTheLossOrModelHasNot) {
  test::Random random(11);
  const Loss squared(LossKind::kSquared), softmax(LossKind::kSoftmax, 3);
  const Dataset numbers = test::made_up_rows(random, 50, 2, squared, {2});
  const Dataset classes = test::made_up_rows(random, 50, 2, softmax, {2});
  const LinearModel line{squared, true, 2, random.normals(3)};
  const LinearModel three{softmax, true, 2, random.normals(9)};
  for (const char* metric : {"equal_opportunity", "equal_opportunity_loss", "equalized_odds"}) {
    test::expect_error<UsageError>([&] { return resolve_metric(metric, numbers, line, {}); },
                                   {"needs classes"});
  }
  for (const char* metric : {"robust_loss", "transferred_robust_loss"}) {
    test::expect_error<UsageError>([&] { return resolve_metric(metric, numbers, line, {}); },
                                   {"logistic"});
    test::expect_error<UsageError>([&] { return resolve_metric(metric, classes, three, {}); },
                                   {"logistic"});
  }
  const Dataset data = test::made_up_rows(random, 50, 2, Loss());
  LinearModel flat{Loss(), true, 2, Vector::Zero(3)};
  flat.theta(2) = 1;  // the intercept alone is no direction
  test::expect_error<DataError>([&] { return resolve_metric("robust_loss", data, flat, {}); },
                                {"weights are all 0"});
}

TEST_F(MetricTest, HighestPositiveRateIsTheFirstOnATie) {
  Dataset data;
  data.features = FeatureMatrix(RowMatrix::Ones(7, 1));
  data.targets.resize(7);
  data.targets << 1, 0, 1, 0, 1, 0, 0;
  data.sensitive = {{"s", {"x", "y", "z"}, {1, 1, 2, 2, 0, 0, 0}}};
  EXPECT_EQ(highest_positive_rate(data, 0, 1), "y");
  data.sensitive[0].groups = {"empty", "y", "z"};
  data.sensitive[0].codes = {1, 1, 2, 2, 2, 1, 1};
  EXPECT_EQ(highest_positive_rate(data, 0, 1), "z") << "2 of 3 against 1 of 4; none is empty";
  EXPECT_EQ(highest_positive_rate(data, 0, 0), "y");
}

}  // namespace
}  // namespace recant

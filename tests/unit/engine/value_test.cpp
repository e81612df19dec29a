// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/value.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/json.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

struct Fitted {
  FittedModel model;
  Dataset validation;
};
Fitted fitted(LossKind kind, Index n = 400, const std::vector<Index>& groups = {}) {
  test::Random random(11);
  const Loss loss(kind, 3);
  Fitted made;
  const Dataset both = test::made_up_rows(random, n + 150, 3, loss, groups);
  std::vector<Index> first(static_cast<std::size_t>(n)), second;
  for (Index i = 0; i < n; ++i) first[static_cast<std::size_t>(i)] = i;
  for (Index i = n; i < n + 150; ++i) second.push_back(i);
  made.model.rows = test::pick_rows(both, first);
  made.validation = test::pick_rows(both, second);
  made.model.model = {loss, true, 3, {}};
  made.model.model.theta = train(made.model.objective(), made.model.rows.weights).theta;
  return made;
}

class ValueByLoss : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, ValueByLoss,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(ValueByLoss, NeighborsFollowTheLoss) {
  const Fitted f = fitted(GetParam());
  const ValueReport report = value(f.model, f.validation, {.knn = {.neighbors = 4}});
  const bool numeric = GetParam() == LossKind::kSquared;
  const KnnShapleyResult wanted =
      numeric ? knn_shapley_regression(f.model.rows, f.validation, {.neighbors = 4})
              : knn_shapley(f.model.rows, f.validation, {.neighbors = 4});
  EXPECT_TRUE(test::same_bytes(report.found.values, wanted.values));
  EXPECT_EQ(report.found.utility, numeric ? "squared_error" : "vote");
  EXPECT_NEAR(*report.found.total, report.summary.sum, 1e-10);
  EXPECT_EQ(report.found.baseline.has_value(), numeric);
  EXPECT_EQ(report.found.standard_errors.size(), 0);
}

TEST_P(ValueByLoss, InfluenceIsThatOfTheUtility) {
  const Fitted f = fitted(GetParam());
  const FittedModel& m = f.model;
  const ValueReport report = value(m, f.validation, {.method = "influence"});
  const Objective objective = m.objective();
  const auto metrics = resolve_metric("utility", f.validation, m.model, m.settings);
  const Vector wanted = influences(objective, m.model.theta,
                                   *factor_hessian(objective, m.model.theta, m.rows.weights),
                                   metric_gradients(metrics, f.validation, m.model, m.settings))
                            .col(0);
  EXPECT_TRUE(test::same_bytes(report.found.values, wanted));
  EXPECT_FALSE(report.found.total.has_value());
}

TEST_P(ValueByLoss, FlippedLabelsAreFound) {
  const Fitted f = fitted(GetParam());
  for (const ListedValueMethod& method : value_methods()) {
    const ValueRequest request{
        .method = std::string(method.name),
        .sampling = {.max_samples = method.name == "data_banzhaf" ? 4000 : 400},
        .flip_check = 0.1,
        .seed = 4};
    if (GetParam() == LossKind::kSquared) {
      test::expect_error<UsageError>([&] { return value(f.model, f.validation, request); },
                                     {"flip_check", "classification"});
      continue;
    }
    const ValueReport report = value(f.model, f.validation, request);
    EXPECT_EQ(report.flip_check->flipped, 40);
    EXPECT_EQ(report.flip_check->rows, 400);
    EXPECT_GT(report.flip_check->area, method.name == "data_banzhaf" ? 0.55 : 0.6) << method.name;
    // Sets of half the rows leave a row few votes to win: Banzhaf values find wrong labels late.
    const double better = method.name == "data_banzhaf" ? 1 : 1.5;
    EXPECT_GT(report.flip_check->precision, better * report.flip_check->chance()) << method.name;
    // The values that are reported are those of the labels as they are.
    ValueRequest plain = request;
    plain.flip_check.reset();
    const ValueReport without = value(f.model, f.validation, plain);
    EXPECT_TRUE(test::same_bytes(report.found.values, without.found.values));
  }
}

/// The values of flipped labels are those of a model fitted to them from the start.
TEST(Value, AFlipCheckFitsTheModelAnew) {
  const Fitted f = fitted(LossKind::kLogistic);
  FittedModel flipped = f.model;
  const std::vector<Index> rows = flip_labels(flipped.rows, 0.15, 9);
  flipped.model.theta =
      train(flipped.objective(), flipped.rows.weights, {.tolerance = f.model.tolerance}).theta;
  const ValueReport wanted = value(flipped, f.validation, {.method = "influence"});
  const FlipCheck by_hand = check_flips(wanted.found.values, flipped.rows.weights, rows);
  const ValueReport report =
      value(f.model, f.validation, {.method = "influence", .flip_check = 0.15, .seed = 9});
  EXPECT_EQ(report.flip_check->area, by_hand.area);
  EXPECT_EQ(report.flip_check->precision, by_hand.precision);
}

TEST_P(ValueByLoss, LeavingOutIsThatOfTheMetric) {
  const Fitted f = fitted(GetParam(), 60);
  const FittedModel& m = f.model;
  const ValueReport report =
      value(m, f.validation, {.method = "leave_one_out", .leave_one_out = {.tolerance = 1e-9}});
  EXPECT_EQ(report.found.utility, "loss");
  const Objective objective = m.objective();
  const auto metrics = resolve_metric("utility", f.validation, m.model, m.settings);
  const auto loss = [&](const Vector& theta) {
    return metric_values(metrics, f.validation, m.model.at(theta), m.settings).front();
  };
  for (const Index row : {Index{0}, Index{17}, Index{59}}) {
    Vector weights = m.rows.weights;
    weights(row) = 0;
    const double wanted = loss(train(objective, weights).theta) - loss(m.model.theta);
    EXPECT_NEAR(report.found.values(row), wanted, 1e-5 * std::abs(wanted) + 1e-9) << row;
  }
  // What influences would have said of it.
  const LeaveOneOutReport& left = *report.found.leave_one_out;
  const ValueReport predicted = value(m, f.validation, {.method = "influence"});
  const Agreement wanted =
      agreement(predicted.found.values.cwiseProduct(m.rows.weights), report.found.values);
  EXPECT_NEAR(*left.influence.pearson, *wanted.pearson, 1e-6);
  EXPECT_NEAR(*left.influence.slope, *wanted.slope, 1e-6);
  EXPECT_EQ(left.influence.worst, wanted.worst);
  EXPECT_TRUE(left.not_converged.empty());
}

TEST(Value, LeavingOutTakesAGap) {
  const Fitted f = fitted(LossKind::kLogistic, 80, {3});
  const FittedModel& m = f.model;
  const std::string gap = "demographic_parity:group=b";
  const ValueReport report = value(m, f.validation, {.method = "leave_one_out", .metric = gap});
  EXPECT_EQ(report.found.utility, gap);
  const auto metrics = resolve_metric(gap, f.validation, m.model, m.settings);
  Vector weights = m.rows.weights;
  weights(3) = 0;
  const LinearModel without = m.model.at(train(m.objective(), weights).theta);
  const double change = metric_values(metrics, f.validation, without, m.settings).front() -
                        metric_values(metrics, f.validation, m.model, m.settings).front();
  EXPECT_NEAR(report.found.values(3), change, 1e-5 * std::abs(change) + 1e-12);
  // Of three groups each has a gap to the rest: a row would have three values.
  test::expect_error<UsageError>(
      [&] {
        return value(m, f.validation, {.method = "influence", .metric = "demographic_parity"});
      },
      {"3 metrics", "demographic_parity:COLUMN=GROUP"});
}

TEST(Value, SampledMethodsAreThoseOfTheStage) {
  const Fitted f = fitted(LossKind::kLogistic, 60);
  const auto votes = neighbor_utility(f.model.rows, f.validation, 4);
  const auto scores =
      model_utility(f.model.objective(), f.model.rows.weights, f.validation, ModelScore::kLogLoss);
  for (const Semivalue kind :
       {Semivalue::kDataShapley, Semivalue::kBetaShapley, Semivalue::kDataBanzhaf}) {
    for (const SetUtility utility : {SetUtility::kVote, SetUtility::kLogLoss}) {
      const ValueReport report = value(f.model, f.validation,
                                       {.method = std::string(name(kind)),
                                        .knn = {.neighbors = 4},
                                        .utility = utility,
                                        .sampling = {.max_samples = 70},
                                        .seed = 6});
      const SampledValues wanted = sample_values(utility == SetUtility::kVote ? *votes : *scores,
                                                 kind, {.max_samples = 70, .seed = 6});
      EXPECT_TRUE(test::same_bytes(report.found.values, wanted.values)) << name(kind);
      EXPECT_TRUE(test::same_bytes(report.found.standard_errors, wanted.standard_errors));
      EXPECT_EQ(report.found.utility, name(utility));
      EXPECT_EQ(report.found.sampling->samples, 70);
      if (kind == Semivalue::kDataShapley) {
        EXPECT_NEAR(*report.found.total, report.summary.sum, 1e-9);
      } else {
        EXPECT_FALSE(report.found.total.has_value());
      }
    }
  }
}

/// The state file is for the labels as they are: the flip check must not go on from it.
TEST(Value, AFlipCheckLeavesTheStateFileAlone) {
  const Fitted f = fitted(LossKind::kLogistic, 60);
  const test::TemporaryFolder folder;
  ValueRequest request{.method = "data_shapley", .sampling = {.max_samples = 40}};
  request.sampling.state_file = folder.path() / "state";
  const ValueReport first = value(f.model, f.validation, request);
  request.flip_check = 0.2;
  request.sampling.max_samples = 80;
  const ValueReport more = value(f.model, f.validation, request);
  EXPECT_EQ(more.found.sampling->resumed, 40);
  request.sampling.state_file.clear();
  EXPECT_TRUE(
      test::same_bytes(value(f.model, f.validation, request).found.values, more.found.values));
  EXPECT_EQ(value(f.model, f.validation, request).flip_check->area, more.flip_check->area);
  EXPECT_EQ(first.found.sampling->resumed, 0);
}

TEST(Value, AFlipCheckThatFailsLeavesTheValues) {
  Fitted f = fitted(LossKind::kLogistic, 60);
  f.model.rows.class_names = {"no", "yes"};
  f.model.rows.targets.setZero();
  f.model.rows.targets(7) = 1;  // its flip leaves no row of class 1
  std::optional<std::uint64_t> bad;
  for (std::uint64_t seed = 1; !bad && seed < 2000; ++seed) {
    Dataset copy = f.model.rows;
    try {
      if (flip_labels(copy, 1.0 / 60, seed).front() == 7) bad = seed;
    } catch (const UsageError&) {
      bad = seed;
    }
  }
  ASSERT_TRUE(bad);
  test::expect_error<UsageError>(
      [&] { return value(f.model, f.validation, {.flip_check = 1.0 / 60, .seed = *bad}); },
      {"class 'yes'", "flip_check", "--seed"});
  // What is found is told before the flip check begins.
  bool told = false;
  const ValueReport report = value(f.model, f.validation, {.flip_check = 0.1, .seed = *bad + 1}, {},
                                   [&](const ValueReport& values) {
                                     told = true;
                                     EXPECT_EQ(values.found.values.size(), 60);
                                     EXPECT_FALSE(values.flip_check.has_value());
                                   });
  EXPECT_TRUE(told && report.flip_check.has_value());
}

TEST(Value, RowsOfWeightZeroAreInNoSummary) {
  Fitted f = fitted(LossKind::kLogistic, 80);
  for (Index i = 0; i < 40; ++i) f.model.rows.weights(i) = 0;
  f.model.model.theta = train(f.model.objective(), f.model.rows.weights).theta;
  for (const ListedValueMethod& method : value_methods()) {
    const ValueReport report =
        value(f.model, f.validation,
              {.method = std::string(method.name), .sampling = {.max_samples = 400}, .top = 1});
    EXPECT_EQ(report.summary.argmin, report.lowest.front().row) << method.name;
    EXPECT_EQ(report.summary.argmax, report.highest.front().row) << method.name;
    EXPECT_GE(report.summary.argmin, 40);
    EXPECT_EQ(report.summary.count, 40);
  }
}

TEST(Value, TopRows) {
  Fitted f = fitted(LossKind::kLogistic);
  f.model.rows.weights(5) = 0;
  const ValueReport report = value(f.model, f.validation, {.top = 6});
  ASSERT_EQ(report.highest.size(), 6U);
  ASSERT_EQ(report.lowest.size(), 6U);
  const Vector& values = report.found.values;
  EXPECT_EQ(report.highest[0].value, report.summary.max);
  EXPECT_EQ(report.highest[0].row, report.summary.argmax);
  EXPECT_EQ(report.lowest[0].row, report.summary.argmin);
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_GE(report.highest[i - 1].value, report.highest[i].value);
    EXPECT_LE(report.lowest[i - 1].value, report.lowest[i].value);
  }
  EXPECT_EQ((values.array() > report.highest[5].value).count() <= 5, true);
  const ValueReport all = value(f.model, f.validation, {.top = 1000});
  EXPECT_EQ(all.highest.size(), 399U) << "the row of weight 0 is left out";
}

TEST(Value, EmbeddingsTakeTheFeaturesPlace) {
  const test::TemporaryFolder folder;
  const Fitted f = fitted(LossKind::kLogistic);
  test::Random random(2);
  RowMatrix x = random.normal_matrix(400, 5), v = random.normal_matrix(150, 5);
  write_npy(folder / "x.npy", RowsView(x.data(), 400, 5));
  write_npy(folder / "v.npy", RowsView(v.data(), 150, 5));
  const ValueReport report =
      value(f.model, f.validation,
            {.features_file = folder / "x.npy", .validation_features_file = folder / "v.npy"});
  Dataset training = f.model.rows, validation = f.validation;
  training.features = FeatureMatrix(x);
  validation.features = FeatureMatrix(v);
  EXPECT_TRUE(test::same_bytes(report.found.values, knn_shapley(training, validation).values));

  const auto with = [&](const char* first, const char* second, const char* method) {
    ValueRequest request{.method = method};
    if (*first != 0) request.features_file = folder / first;
    if (*second != 0) request.validation_features_file = folder / second;
    return [&, request] { return value(f.model, f.validation, request); };
  };
  RowMatrix narrow = v.leftCols(4);
  write_npy(folder / "narrow.npy", RowsView(narrow.data(), 150, 4));
  v(7, 2) = std::nan("");
  write_npy(folder / "nan.npy", RowsView(v.data(), 150, 5));
  test::expect_error<DataError>(with("v.npy", "v.npy", "knn_shapley"),
                                {"v.npy", "150 rows", "400"});
  test::expect_error<DataError>(with("x.npy", "x.npy", "knn_shapley"),
                                {"x.npy", "400 rows", "150"});
  test::expect_error<DataError>(with("x.npy", "narrow.npy", "knn_shapley"),
                                {"narrow.npy", "4 columns", "5"});
  test::expect_error<DataError>(with("x.npy", "nan.npy", "knn_shapley"),
                                {"nan.npy", "row 8", "NaN"});
  test::expect_error<UsageError>(with("x.npy", "", "knn_shapley"), {"both"});
  test::expect_error<UsageError>(with("", "v.npy", "knn_shapley"), {"both"});
  test::expect_error<UsageError>(with("x.npy", "v.npy", "influence"), {"distances"});
  test::expect_error<NotFoundError>(with("none.npy", "v.npy", "knn_shapley"), {"none.npy"});
}

TEST(Value, Errors) {
  const Fitted f = fitted(LossKind::kLogistic);
  test::expect_error<UsageError>([&] { return value(f.model, f.validation, {.method = "worth"}); },
                                 {"'worth'", "knn_shapley", "influence"});
  test::expect_error<UsageError>([&] { return value(f.model, f.validation, {.top = -1}); },
                                 {"top"});
  test::expect_error<UsageError>([&] { return value(f.model, f.validation, {.flip_check = 2}); },
                                 {"flip_check"});
  const Fitted numeric = fitted(LossKind::kSquared);
  test::expect_error<UsageError>(
      [&] { return value(numeric.model, numeric.validation, {.method = "data_shapley"}); },
      {"no vote", "log_loss"});
  test::expect_error<UsageError>([] { return set_utility("worth"); }, {"'worth'", "accuracy"});
}

TEST(Value, JsonHasEveryMember) {
  const Fitted f = fitted(LossKind::kSoftmax);
  const ValueReport report =
      value(f.model, f.validation, {.knn = {.truncate = 0.05}, .top = 2, .flip_check = 0.2});
  const auto json = nlohmann::json::parse(to_json(report, f.model.rows.ids));
  EXPECT_EQ(json.at("schema"), "recant.values/1");
  EXPECT_EQ(json.at("method"), "knn_shapley");
  EXPECT_EQ(json.at("count"), 400);
  EXPECT_EQ(json.at("sum").get<double>(), report.summary.sum);
  EXPECT_TRUE(json.at("total").is_null()) << "truncated values add up to nothing";
  EXPECT_TRUE(json.at("standard_error_max").is_null());
  EXPECT_GT(json.at("error_bound").get<double>(), 0);
  EXPECT_EQ(json.at("highest").size(), 2U);
  EXPECT_EQ(json.at("lowest").at(1).at("row"), report.lowest[1].row);
  EXPECT_EQ(json.at("lowest").at(1).at("id"), std::to_string(report.lowest[1].row + 1));
  EXPECT_EQ(json.at("flip_check").at("area").get<double>(), report.flip_check->area);
  EXPECT_TRUE(json.at("sampling").is_null() && json.at("leave_one_out").is_null());

  const auto of = [&](const ValueRequest& request) {
    return nlohmann::json::parse(to_json(value(f.model, f.validation, request), f.model.rows.ids));
  };
  const auto drawn = of({.method = "beta_shapley", .sampling = {.max_samples = 100}});
  EXPECT_EQ(drawn.at("sampling").at("samples"), 100);
  EXPECT_GT(drawn.at("standard_error_max").get<double>(), 0);
  const auto left = of({.method = "leave_one_out"});
  EXPECT_GT(left.at("leave_one_out").at("influence").at("pearson").get<double>(), 0.9);
  EXPECT_GT(left.at("leave_one_out").at("passes").get<int>(), 0);
}

}  // namespace
}  // namespace recant

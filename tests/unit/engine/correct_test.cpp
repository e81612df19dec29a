// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/correct.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/fit.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

class CorrectTest : public testing::Test {
 protected:
  FittedModel fitted(std::vector<std::string> sensitive = {"sex"}) const {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 600));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = std::move(sensitive);
    request.table.drop = {"id"};
    return fit(request).first;
  }
  Dataset rows(const FittedModel& model, std::uint64_t seed) const {
    return load_rows(model, {folder_.write("rows.csv", test::small_csv(seed, 400)), {}}).data;
  }
  test::TemporaryFolder folder_;
};

TEST_F(CorrectTest, TheCorrectedModelHasTheNewWeightsAndIsTheirOptimum) {
  const FittedModel before = fitted();
  const Dataset validation = rows(before, 2), held_out = rows(before, 3);
  for (const UpdateKind update :
       {UpdateKind::kPolish, UpdateKind::kNewton, UpdateKind::kInfluence}) {
    CorrectionRequest request{{"demographic_parity"}, {}};
    request.options.update = update;
    request.options.rounds = update == UpdateKind::kPolish ? 8 : 1;
    const auto [after, report] = correct(before, validation, &held_out, request);
    EXPECT_TRUE(test::same_bytes(after.rows.weights,
                                 Vector(before.rows.weights + report.result.change.delta)));
    EXPECT_GE(after.rows.weights.minCoeff(), 0);
    EXPECT_TRUE(test::same_bytes(after.model.theta, report.result.theta));
    EXPECT_EQ(after.optimal, update == UpdateKind::kPolish);
    const auto there = after.objective().evaluate(after.model.theta, after.rows.weights);
    test::expect_close(after.gradient, there.gradient, 1e-12, 0, "leftover");
    if (after.optimal) {
      EXPECT_LE(there.gradient.norm(), 1e-9 * std::max(1.0, there.gross));
    }

    ASSERT_EQ(report.splits.size(), 3U);
    const Dataset* data[] = {&before.rows, &validation, &held_out};
    for (std::size_t s = 0; s < 3; ++s) {
      const SplitChange& split = report.splits[s];
      EXPECT_EQ(split.split, (std::vector<std::string>{"train", "validation", "test"})[s]);
      const Evaluation was = evaluate(*data[s], before.model, before.settings);
      const Evaluation is = evaluate(*data[s], after.model, before.settings, &before.model);
      EXPECT_EQ(split.before.log_loss_sum, was.log_loss_sum);
      EXPECT_EQ(split.after.log_loss_sum, is.log_loss_sum);
      for (const MetricChange& change : split.changes) {
        double wanted = std::numeric_limits<double>::quiet_NaN();
        if (change.metric == "utility") wanted = is.log_loss_sum - was.log_loss_sum;
        if (change.metric == "demographic_parity")
          wanted = *is.gaps[0].demographic_parity - *was.gaps[0].demographic_parity;
        if (change.metric == "equal_opportunity")
          wanted = *is.gaps[0].equal_opportunity - *was.gaps[0].equal_opportunity;
        if (change.metric == "equal_opportunity_loss")
          wanted = *is.gaps[0].equal_opportunity_loss - *was.gaps[0].equal_opportunity_loss;
        if (change.metric == "robust_loss") wanted = *is.robust_loss - *was.robust_loss;
        if (change.metric == "transferred_robust_loss")
          wanted = *is.transferred_robust_loss - *was.transferred_robust_loss;
        EXPECT_NEAR(change.actual, wanted, 1e-10) << change.metric;
        EXPECT_TRUE(std::isfinite(change.predicted));
      }
    }
    EXPECT_LT(std::abs(*report.splits[1].after.gaps[0].demographic_parity),
              std::abs(*report.splits[1].before.gaps[0].demographic_parity));
    EXPECT_EQ(report.weights.nonzero, (report.result.change.delta.array() != 0).count());
    EXPECT_EQ(report.total_weight_zero_rows, (after.rows.weights.array() == 0).count());
    // An approximate update is no base for the next one; a polished one is.
    CorrectionRequest again{{"equal_opportunity_loss"}, {}};
    if (after.optimal) {
      EXPECT_NO_THROW(static_cast<void>(correct(after, validation, nullptr, again)));
    } else {
      test::expect_error<UsageError>(
          [&, &after = after] { return correct(after, validation, nullptr, again); },
          {"approximate update"});
    }
  }
}

TEST_F(CorrectTest, ACorrectedModelSurvivesItsFolder) {
  const FittedModel before = fitted();
  const auto [after, report] =
      correct(before, rows(before, 2), nullptr, {{"demographic_parity"}, {}});
  Vault::create(folder_ / "m.rct", after, false);
  const FittedModel opened = Vault::open(folder_ / "m.rct");
  EXPECT_TRUE(test::same_bytes(opened.rows.weights, after.rows.weights));
  EXPECT_TRUE(test::same_bytes(opened.model.theta, after.model.theta));
  EXPECT_EQ(opened.optimal, after.optimal);
}

TEST_F(CorrectTest, MetricsOfManyColumnsAndGroupsHaveNamesOfTheirOwn) {
  const FittedModel model = fitted({"sex", "region"});
  const Dataset data = rows(model, 4);
  std::set<std::string> names;
  const auto metrics = single_metrics(data, model.model, model.settings);
  for (const Metric& metric : metrics) names.insert(metric.name);
  EXPECT_EQ(names.size(), metrics.size()) << "no name twice";
  for (const char* name : {"utility", "demographic_parity:sex", "demographic_parity:region=north",
                           "equal_opportunity_loss:region=west", "robust_loss"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST_F(CorrectTest, AGroupWithoutRowsLeavesOutItsOwnGapsAlone) {
  const FittedModel model = fitted({"region"});
  Dataset data = rows(model, 4);
  const auto& groups = data.sensitive[0].groups;
  const auto west = std::find(groups.begin(), groups.end(), "west") - groups.begin();
  for (Index i = 0; i < data.rows(); ++i) {
    if (data.sensitive[0].codes[static_cast<std::size_t>(i)] == west) data.targets(i) = 0;
  }
  std::set<std::string> names;
  for (const Metric& metric : single_metrics(data, model.model, model.settings)) {
    names.insert(metric.name);
  }
  EXPECT_TRUE(names.contains("demographic_parity:region=west"));
  EXPECT_FALSE(names.contains("equal_opportunity:region=west"));
  EXPECT_TRUE(names.contains("equal_opportunity:region=north"));
}

TEST_F(CorrectTest, RefusesGoalsItCannotResolve) {
  const FittedModel model = fitted();
  const Dataset data = rows(model, 5);
  for (const auto& [goal, text] : {std::pair("beauty", "'beauty' is not a metric"),
                                   std::pair("demographic_parity:age", "not a sensitive column")}) {
    test::expect_error<UsageError>(
        [&, goal = goal] {
          return correct(model, data, nullptr, {{goal}, {}});
        },
        {text});
  }
  test::expect_error<UsageError>([&] { return correct(model, data, nullptr, {}); },
                                 {"no gap to close"});
}

}  // namespace
}  // namespace recant

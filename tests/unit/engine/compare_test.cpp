// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/compare.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/json.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

class CompareTest : public testing::Test {
 protected:
  FittedModel fitted(std::vector<std::string> sensitive,
                     LossKind loss = LossKind::kLogistic) const {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 500));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = std::move(sensitive);
    request.table.drop = {"id"};
    request.loss = loss;
    return fit(request).first;
  }
  Dataset rows(const FittedModel& model, std::uint64_t seed) const {
    return load_rows(model, {folder_.write("rows.csv", test::small_csv(seed, 300)), {}}).data;
  }
  test::TemporaryFolder folder_;
};

TEST_F(CompareTest, EverySchemeAndUpdateHasARow) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  CompareRequest request;
  request.resamples = 60;
  int calls = 0;
  const CompareReport report =
      compare(model, validation, held_out, request, [&](const Progress&) { ++calls; });
  EXPECT_GT(calls, 0);
  std::vector<std::pair<std::string, std::string>> found;
  for (const CompareRow& row : report.rows) found.emplace_back(row.scheme, row.update);
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"original", ""},   {"soft", "influence"}, {"soft", "newton"},
      {"soft", "polish"}, {"soft", "retrain"},   {"hard", "influence"},
      {"hard", "newton"}, {"hard", "polish"},    {"hard", "retrain"}};
  EXPECT_EQ(found, wanted);
  const Evaluation original = evaluate(validation, model.model, model.settings);
  const CompareRow& first = report.rows.front();
  // The same numbers added up in another order.
  EXPECT_NEAR(first.validation.gap, original.gaps[0].demographic_parity.value(), 1e-14);
  EXPECT_EQ(first.validation.utility, original.log_loss_mean);
  EXPECT_EQ(first.validation.accuracy, original.accuracy.value());
  EXPECT_EQ(first.validation.gap_hard, original.gaps[0].demographic_parity_hard.value());
  EXPECT_NEAR(report.target_gap, 0.2 * std::abs(first.validation.gap), 1e-15);
  for (const CompareRow& row : report.rows) {
    for (const CompareCell* cell : {&row.validation, &row.test}) {
      EXPECT_LE(cell->gap_interval.low, cell->gap_interval.high);
      EXPECT_GT(cell->utility, 0);
    }
    EXPECT_EQ(row.reached, std::abs(row.validation.gap) <= report.target_gap * (1 + 1e-6));
  }
  for (const std::size_t polish : {3U, 7U}) {
    EXPECT_NEAR(report.rows[polish].validation.gap, report.rows[polish + 1].validation.gap, 1e-8)
        << "polished is retrained";
    EXPECT_NEAR(report.rows[polish].test.utility, report.rows[polish + 1].test.utility, 1e-8);
    EXPECT_LE(report.rows[polish].removed_rows, report.rows[polish].changed_rows);
  }
  EXPECT_TRUE(report.rows[3].reached) << report.rows[3].stop;
  EXPECT_EQ(report.rows[7].removed_rows, report.rows[7].changed_rows) << "hard only removes";

  const auto json = nlohmann::json::parse(to_json(report, 1.5));
  EXPECT_EQ(json.at("schema"), "recant.comparison/1");
  EXPECT_EQ(json.at("models").size(), 9U);
  EXPECT_TRUE(json.at("models").at(0).at("update").is_null());
}

TEST_F(CompareTest, IsTheSameForAnyThreads) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  CompareRequest request;
  request.resamples = 50;
  std::vector<double> one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    std::vector<double> now;
    for (const CompareRow& row : compare(model, validation, held_out, request).rows) {
      now.insert(now.end(),
                 {row.validation.gap, row.validation.gap_interval.low, row.test.gap_interval.high,
                  row.test.utility, row.test.robust_loss.value()});
    }
    if (count == 1) one = now;
    EXPECT_EQ(now, one) << count;
  }
}

TEST_F(CompareTest, PermutingTrainingRowsChangesNothingBeyondRounding) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  FittedModel moved = model;
  test::Random random(5);
  moved.rows = test::pick_rows(model.rows, random.permutation(model.rows.rows()));
  CompareRequest request;
  request.resamples = 50;
  const CompareReport one = compare(model, validation, held_out, request);
  const CompareReport other = compare(moved, validation, held_out, request);
  ASSERT_EQ(other.rows.size(), one.rows.size());
  for (std::size_t i = 0; i < one.rows.size(); ++i) {
    const CompareRow &a = one.rows[i], &b = other.rows[i];
    SCOPED_TRACE(a.scheme + " " + a.update);
    EXPECT_EQ(b.changed_rows, a.changed_rows);
    EXPECT_EQ(b.removed_rows, a.removed_rows);
    EXPECT_EQ(b.stop, a.stop);
    EXPECT_NEAR(b.validation.gap, a.validation.gap, 1e-9);
    EXPECT_NEAR(b.validation.gap_predicted, a.validation.gap_predicted, 1e-9);
    EXPECT_NEAR(b.test.gap, a.test.gap, 1e-9);
    EXPECT_NEAR(b.test.gap_interval.low, a.test.gap_interval.low, 1e-9);
    EXPECT_NEAR(b.test.utility, a.test.utility, 1e-9);
  }
}

TEST_F(CompareTest, RefusesWhatItCannotCompare) {
  const FittedModel model = fitted({"sex", "region"});
  const Dataset data = rows(model, 2);
  CompareRequest request;
  request.goal = "demographic_parity:region";
  test::expect_error<UsageError>([&] { return compare(model, data, data, request); },
                                 {"one value", "NAME:COLUMN=GROUP"});
  for (const double bad : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CompareRequest other;
    other.goal = "demographic_parity:sex";
    other.close_share = bad;
    test::expect_error<UsageError>([&] { return compare(model, data, data, other); },
                                   {"close_share"});
  }
  const FittedModel softmax = fitted({"sex"}, LossKind::kSoftmax);
  test::expect_error<UsageError>([&] { return compare(softmax, data, data, {}); }, {"logistic"});
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/compare.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
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
    const bool numeric = loss == LossKind::kSquared;
    request.table.target = numeric ? "age" : "hired";
    if (!numeric) request.table.positive = "yes";
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
  EXPECT_EQ(first.validation.accuracy, original.accuracy);
  EXPECT_EQ(first.validation.gap_hard, original.gaps[0].demographic_parity_hard.value());
  EXPECT_NEAR(report.target_gap, 0.2 * std::abs(first.validation.gap), 1e-15);
  for (const CompareRow& row : report.rows) {
    for (const CompareCell* cell : {&row.validation, &row.test}) {
      EXPECT_LE(cell->gap_interval->low, cell->gap_interval->high);
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
                 {row.validation.gap, row.validation.gap_interval->low, row.test.gap_interval->high,
                  row.test.utility, row.test.robust_loss.value()});
      for (const CompareGap& gap : row.test.gaps) {
        now.insert(now.end(), {gap.value, gap.interval->low, gap.interval->high});
      }
      for (const MetricChange& change : row.train->changes) {
        now.insert(now.end(), {change.predicted, change.actual});
      }
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
    EXPECT_NEAR(b.test.gap_interval->low, a.test.gap_interval->low, 1e-9);
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
}

std::vector<std::string> names(const std::vector<MetricChange>& changes) {
  std::vector<std::string> list;
  for (const MetricChange& change : changes) list.push_back(change.metric);
  return list;
}

TEST_F(CompareTest, TellsTheChangesThatACorrectionTells) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  CompareRequest request{.rounds = 1, .resamples = 40};
  const CompareReport report = compare(model, validation, held_out, request);
  // One linearisation at the original model: both predict the same.
  CorrectionRequest same{{"demographic_parity"}, {}};
  same.options.rounds = 1;
  same.options.target_gap = report.target_gap;
  const CorrectionReport correction = correct(model, validation, &held_out, same).second;
  const CompareRow& polish = report.rows[3];
  const CompareCell* cells[] = {&polish.train.value(), &polish.validation, &polish.test};
  for (std::size_t s = 0; s < 3; ++s) {
    const auto &wanted = correction.splits[s].changes, &found = cells[s]->changes;
    ASSERT_EQ(names(found), names(wanted)) << s;
    EXPECT_GE(found.size(), 6U);
    for (std::size_t m = 0; m < found.size(); ++m) {
      const double size = std::max(1.0, std::abs(wanted[m].predicted));
      EXPECT_NEAR(found[m].predicted, wanted[m].predicted, 1e-9 * size) << found[m].metric;
      EXPECT_NEAR(found[m].actual, wanted[m].actual, 1e-9 * size) << found[m].metric;
      EXPECT_NE(found[m].predicted, found[m].actual);
    }
    EXPECT_NEAR(cells[s]->gap_predicted,
                correction.goal_changes[s][0].predicted +
                    correction.splits[s].before.gaps[0].demographic_parity.value(),
                1e-10);
  }
  for (const MetricChange& change : report.rows[0].train->changes) {
    EXPECT_EQ(std::pair(change.predicted, change.actual), std::pair(0.0, 0.0)) << change.metric;
  }
}

/// What evaluate() reports of each gap, by the name that compare() gives it.
std::map<std::string, double> evaluated(const Evaluation& evaluation, bool several) {
  std::map<std::string, double> list;
  using G = GapEvaluation;
  const std::pair<const char*, std::optional<double> G::*> members[] = {
      {"demographic_parity", &G::demographic_parity},
      {"equal_opportunity", &G::equal_opportunity},
      {"equal_opportunity_loss", &G::equal_opportunity_loss},
      {"equalized_odds", &G::equalized_odds},
      {"demographic_parity_hard", &G::demographic_parity_hard},
      {"equal_opportunity_hard", &G::equal_opportunity_hard},
      {"equalized_odds_hard", &G::equalized_odds_hard}};
  for (const G& gap : evaluation.gaps) {
    for (const auto& [name, member] : members) {
      list[several ? name + (":" + gap.column) : name] = (gap.*member).value();
    }
  }
  return list;
}

TEST_F(CompareTest, EveryGapOfAnEvaluationHasAnInterval) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  const CompareReport report = compare(model, validation, held_out, {.resamples = 60});
  const auto wanted = evaluated(evaluate(held_out, model.model, model.settings), false);
  const CompareRow& first = report.rows.front();
  ASSERT_EQ(first.test.gaps.size(), wanted.size());
  for (const CompareGap& gap : first.test.gaps) {
    EXPECT_NEAR(gap.value, wanted.at(gap.name), 1e-12) << gap.name;
    EXPECT_LT(gap.interval->low, gap.interval->high) << gap.name;
  }
  for (const CompareGap& gap : first.train->gaps) EXPECT_FALSE(gap.interval) << gap.name;
  // The goal's is the same resamples' again, and the halves of equalized odds have one of their
  // own.
  for (const CompareRow& row : report.rows) {
    const auto& gaps = row.test.gaps;
    EXPECT_EQ(gaps[0].interval->low, row.test.gap_interval->low);
    EXPECT_EQ(gaps[4].interval->high, row.test.gap_hard_interval->high);
    EXPECT_EQ(gaps[1].value, row.test.equal_opportunity->value);
    EXPECT_EQ(gaps[1].interval->low, row.test.equal_opportunity->interval->low);
    EXPECT_GE(std::abs(gaps[3].value), std::abs(gaps[1].value));
  }
  const Metric half{MetricKind::kEqualOpportunity, "", 0, validation.sensitive[0].groups[1] == "m"};
  const auto alone =
      bootstrap({half}, held_out, {model.model}, model.settings, 60, 1, &model.model)[0][0];
  EXPECT_EQ(first.test.gaps[1].interval->low, alone->low);
  EXPECT_EQ(first.test.gaps[1].interval->high, alone->high);
}

TEST_F(CompareTest, NamesGapsOfTooFewRows) {
  const FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2);
  Dataset held_out = rows(model, 3);
  auto& codes = held_out.sensitive[0].codes;
  std::fill(codes.begin(), codes.end(), 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(kFewestResampledRows); ++i) {
    codes[i] = 1;
    held_out.targets(static_cast<Index>(i)) = static_cast<double>(i % 2);
  }
  const CompareReport report = compare(model, validation, held_out, {.rounds = 1, .resamples = 40});
  const CompareCell& cell = report.rows.front().test;
  EXPECT_TRUE(cell.gap_interval && cell.gap_hard_interval);
  EXPECT_FALSE(cell.gap_too_few_rows);
  EXPECT_FALSE(cell.gaps[0].too_few_rows);
  EXPECT_TRUE(cell.equal_opportunity->too_few_rows);  // half of the rows are positive
  const auto json = nlohmann::json::parse(to_json(report, 1)).at("models").at(0);
  const auto& gaps = json.at("test").at("gaps");
  EXPECT_TRUE(gaps.at("equal_opportunity").at("interval").is_null());
  EXPECT_EQ(gaps.at("equal_opportunity").at("too_few_rows"), true);
  EXPECT_EQ(gaps.at("demographic_parity").at("too_few_rows"), false);
  EXPECT_EQ(json.at("test").at("gap_too_few_rows"), false);
  EXPECT_EQ(json.at("train").at("gap_too_few_rows"), false);  // no intervals at all there

  codes[0] = 0;
  const CompareReport fewer = compare(model, validation, held_out, {.rounds = 1, .resamples = 40});
  EXPECT_TRUE(fewer.rows.front().test.gap_too_few_rows);
  EXPECT_FALSE(fewer.rows.front().test.gap_interval);
  EXPECT_FALSE(fewer.rows.front().test.gap_hard_interval);
  EXPECT_FALSE(fewer.rows.front().validation.gap_too_few_rows);
}

TEST_F(CompareTest, GroupsOfManyColumnsHaveIntervalsOfTheirOwn) {
  const FittedModel model = fitted({"sex", "region"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  const CompareReport report = compare(model, validation, held_out,
                                       {.goal = "demographic_parity:region=west", .resamples = 40});
  const auto headlines = evaluated(evaluate(held_out, model.model, model.settings), true);
  std::map<std::string, double> largest;
  for (const CompareGap& gap : report.rows.front().test.gaps) {
    EXPECT_LT(gap.interval->low, gap.interval->high) << gap.name;
    double& value = largest[gap.name.substr(0, gap.name.find('='))];
    if (std::abs(gap.value) > std::abs(value)) value = gap.value;
  }
  ASSERT_EQ(largest.size(), headlines.size());
  ASSERT_EQ(report.rows.front().test.gaps.size(), 7U * (1 + 3));
  for (const auto& [name, value] : headlines) EXPECT_NEAR(largest.at(name), value, 1e-12) << name;
  EXPECT_EQ(report.rows.front().test.equal_opportunity.value().name,
            "equal_opportunity:region=west");
}

TEST_F(CompareTest, TrainingRowsWithoutTheGroupsOfTheGoalAreLeftOut) {
  FittedModel model = fitted({"sex"});
  const Dataset validation = rows(model, 2), held_out = rows(model, 3);
  FittedModel other_group = model;  // the training rows are all of one group
  for (std::int32_t& code : other_group.rows.sensitive[0].codes) code = 0;
  model.rows.sensitive.clear();
  for (const FittedModel& without : {model, other_group}) {
    const CompareReport report = compare(without, validation, held_out, {.resamples = 40});
    for (const CompareRow& row : report.rows) {
      EXPECT_FALSE(row.train.has_value());
      EXPECT_EQ(row.test.gaps.size(), 7U);
    }
    const auto json = nlohmann::json::parse(to_json(report, 1));
    EXPECT_TRUE(json.at("models").at(3).at("train").is_null());
  }
  // A goal that is about no group has its value there.
  const CompareReport report =
      compare(model, validation, held_out, {.goal = "robust_loss", .rounds = 1, .resamples = 40});
  EXPECT_TRUE(report.rows.front().train.value().gaps.empty());
}

TEST_F(CompareTest, OtherLossesHaveWhatTheyHave) {
  for (const LossKind loss : {LossKind::kSoftmax, LossKind::kLogistic, LossKind::kSquared}) {
    const FittedModel model = fitted({"sex"}, loss);
    const Dataset validation = rows(model, 2), held_out = rows(model, 3);
    const CompareReport report = compare(model, validation, held_out, {.resamples = 40});
    const bool labels = loss != LossKind::kSquared;
    for (const CompareRow& row : report.rows) {
      EXPECT_EQ(row.test.robust_loss.has_value(), loss == LossKind::kLogistic);
      EXPECT_EQ(row.test.accuracy.has_value(), labels);
      EXPECT_EQ(row.test.gap_hard.has_value(), labels);
      EXPECT_EQ(row.test.equal_opportunity.has_value(), labels);
      EXPECT_EQ(row.test.gaps.size(), labels ? 7U : 1U);
      EXPECT_LT(row.test.gap_interval->low, row.test.gap_interval->high);
    }
    const CompareRow &original = report.rows[0], &polish = report.rows[3];
    EXPECT_LT(std::abs(polish.validation.gap), 0.5 * std::abs(original.validation.gap));
    EXPECT_NEAR(polish.test.gap, report.rows[4].test.gap, 1e-8) << "polished is retrained";
  }
}

}  // namespace
}  // namespace recant

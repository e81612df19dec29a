// SPDX-License-Identifier: Apache-2.0
// Several requests as one batch.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "expect_error.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/vault.hpp"
#include "rows_left.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class BatchTest : public testing::Test {
 protected:
  BatchTest() {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 150));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = {"sex"};
    request.table.id = "id";
    fitted_ = fit(request).first;
    create(50);
  }
  void create(std::int64_t releases, WhenSpent when_spent = WhenSpent::kRefuse) {
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.releases = releases;
    request.sigma = 1;
    request.when_spent = when_spent;
    const EnrolmentPlan enrolment = plan_enrolment(fitted_, request, nullptr);
    Vault::create(path_, fitted_, true, &enrolment);
  }
  static ForgetRequest asked(std::string key, std::vector<Index> rows) {
    ForgetRequest request;
    request.key = std::move(key);
    request.rows = std::move(rows);
    return request;
  }
  static std::vector<ForgetReport> forget(Vault& vault,
                                          const std::vector<ForgetRequest>& requests) {
    return vault.forget(std::span(requests));
  }
  void expect_sound() const {
    const VaultCheck check = Vault::check(path_);
    EXPECT_FALSE(check.fault.has_value()) << *check.fault;
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

TEST_F(BatchTest, ManyRequestsAreOneStepAndOneRelease) {
  std::optional<Vault> vault = Vault::open_for_writing(path_);
  std::vector<ForgetRequest> requests;
  for (Index i = 0; i < 20; ++i) requests.push_back(asked("k" + std::to_string(i), {5 * i}));
  requests[3].rows = {15, 16, 17};
  const std::vector<ForgetReport> reports = forget(*vault, requests);
  ASSERT_EQ(reports.size(), requests.size());
  std::set<std::int64_t> ids;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_TRUE(reports[i].done()) << reports[i].reason;
    EXPECT_FALSE(reports[i].repeated);
    EXPECT_EQ(reports[i].request_key, requests[i].key);
    EXPECT_EQ(reports[i].rows, i == 3 ? 3 : 1);
    EXPECT_EQ(reports[i].release, 2);
    EXPECT_EQ(reports[i].certificate, reports[0].certificate);
    ids.insert(reports[i].request);
  }
  EXPECT_EQ(ids.size(), requests.size());
  EXPECT_EQ(Vault::status(path_).rows_left, 150 - 22);
  expect_sound();
  // All at once is what one request for all of them is.
  const Vector together = vault->model().model.theta;
  vault.reset();
  std::vector<Index> rows;
  for (const ForgetRequest& request : requests) {
    rows.insert(rows.end(), request.rows.begin(), request.rows.end());
  }
  create(50);
  Vault again = Vault::open_for_writing(path_);
  ASSERT_TRUE(again.forget(asked("", rows)).done());
  EXPECT_EQ(again.model().model.theta, together);
}

TEST_F(BatchTest, TheAnnexHasADigestOfEachRequest) {
  Vault vault = Vault::open_for_writing(path_);
  const auto reports = forget(vault, {asked("a", {1}), asked("b", {2, 3}), asked("c", {150})});
  std::ifstream in(reports[0].annex);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(read_annex(text).requests.size(), 2U) << "not of the one that was refused";
}

TEST_F(BatchTest, WhatIsWrongWithOneHoldsUpNoOther) {
  Vault vault = Vault::open_for_writing(path_);
  ASSERT_TRUE(vault.forget(asked("before", {9})).done());
  ForgetRequest nobody;
  nobody.key = "nobody";
  nobody.ids = {"no such id"};
  const auto reports =
      forget(vault, {asked("a", {1}), asked("gone", {9, 2}), asked("twice", {3, 3}),
                     asked("far", {150}), asked("below", {-1}), asked("none", {}), nobody,
                     asked("before", {4}), asked("b", {5}), asked("same", {1}),
                     asked("before", {9}), asked("a", {1}), asked("a", {6})});
  using State = RequestState;
  const std::vector<std::pair<State, std::string>> expected = {{State::kCertified, ""},
                                                               {State::kAlreadyErased, ""},
                                                               {State::kRejected, "row_twice"},
                                                               {State::kNotFound, "row_unknown"},
                                                               {State::kNotFound, "row_unknown"},
                                                               {State::kRejected, "no_row"},
                                                               {State::kNotFound, ""},
                                                               {State::kRejected, "key_used"},
                                                               {State::kCertified, ""},
                                                               {State::kAlreadyErased, ""},
                                                               {State::kCertified, ""},
                                                               {State::kCertified, ""},
                                                               {State::kRejected, "key_used"}};
  ASSERT_EQ(reports.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(reports[i].state, expected[i].first) << i;
    EXPECT_EQ(reports[i].reason, expected[i].second) << i;
  }
  EXPECT_TRUE(reports[10].repeated) << "of an earlier batch";
  EXPECT_TRUE(reports[11].repeated) << "of this batch";
  EXPECT_EQ(reports[11].request, reports[0].request);
  EXPECT_EQ(Vault::status(path_).rows_left, 147) << "9, 1 and 5";
  EXPECT_EQ(Vault::status(path_).ledger->budget.used, 3) << "the fit, before, and the batch";
  expect_sound();
}

TEST_F(BatchTest, TheSameBatchAgainIsAnsweredAndNotDone) {
  const std::vector<ForgetRequest> requests = {asked("a", {1}), asked("b", {2}), asked("c", {150})};
  std::vector<ForgetReport> first, again;
  {
    Vault vault = Vault::open_for_writing(path_);
    first = forget(vault, requests);
  }
  Vault vault = Vault::open_for_writing(path_);
  again = forget(vault, requests);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(again[i].repeated);
    EXPECT_EQ(again[i].request, first[i].request);
    EXPECT_EQ(again[i].certificate, first[i].certificate);
  }
  EXPECT_EQ(Vault::status(path_).ledger->budget.used, 2);
  // Some new ones among known ones are a batch of their own.
  const auto mixed = forget(vault, {asked("b", {2}), asked("d", {7}), asked("a", {1})});
  EXPECT_TRUE(mixed[0].repeated);
  EXPECT_FALSE(mixed[1].repeated);
  EXPECT_EQ(mixed[1].release, 3);
  EXPECT_TRUE(forget(vault, {}).empty());
  EXPECT_EQ(Vault::status(path_).ledger->budget.used, 3);
}

TEST_F(BatchTest, TheLastOfAClassIsRefusedAndTheOthersGo) {
  Vault vault = Vault::open_for_writing(path_);
  std::vector<ForgetRequest> requests;
  const Vector& targets = fitted_.rows.targets;
  Index last = -1;
  for (Index i = 0; i < targets.size(); ++i) {
    if (targets[i] != 1) continue;
    requests.push_back(asked("k" + std::to_string(i), {i}));
    last = i;
  }
  const auto reports = forget(vault, requests);
  for (std::size_t i = 0; i + 1 < reports.size(); ++i) EXPECT_TRUE(reports[i].done()) << i;
  EXPECT_EQ(reports.back().state, RequestState::kRejected);
  EXPECT_EQ(reports.back().reason, "last_of_class");
  EXPECT_FALSE(is_erased(Vault::open(path_).rows.ids, last));
  expect_sound();
}

TEST_F(BatchTest, ASpentBudgetRejectsAll) {
  create(2);
  Vault vault = Vault::open_for_writing(path_);
  for (const ForgetReport& report : forget(vault, {asked("a", {1}), asked("b", {2})})) {
    EXPECT_TRUE(report.done()) << "one release for both";
  }
  for (const ForgetReport& report : forget(vault, {asked("c", {3}), asked("d", {4})})) {
    EXPECT_EQ(report.reason, "budget_spent");
  }
  expect_sound();
}

TEST_F(BatchTest, WhatForbidsRetrainingIsNoWayOnFromASpentBudget) {
  create(2, WhenSpent::kRetrain);
  Vault vault = Vault::open_for_writing(path_);
  ASSERT_TRUE(vault.forget(asked("last", {1})).done());
  const Vector before = vault.model().model.theta;
  const auto by_value = [&](std::optional<double> alpha) {
    ForgetRequest request = asked("", {2, 3});
    request.weighting.by_value = true;
    request.weighting.alpha = alpha;
    request.weighting.values = Vector::LinSpaced(150, 0, 1);
    return request;
  };
  ForgetRequest ascent = asked("", {2, 3}), narrow = ascent;
  ascent.method = ForgetMethod::kAscent;
  ascent.holdout = &fitted_.rows;
  narrow.tier_at_most = Tier::kNewBase;
  for (const ForgetRequest& request : {by_value(0.1), by_value(std::nullopt), ascent, narrow}) {
    const ForgetReport report = vault.forget(request);
    EXPECT_EQ(report.state, RequestState::kRejected);
    EXPECT_EQ(report.reason, "budget_spent_needs_retraining");
    EXPECT_TRUE(describe_reason(report.reason).starts_with("the budget is spent"));
  }
  EXPECT_EQ(vault.model().model.theta, before);
  // What asks for no more than training again does goes on, and what was refused may follow.
  ForgetRequest zero = by_value(0);
  zero.tier_at_most = Tier::kRetrain;
  const ForgetReport retrained = vault.forget(zero);
  EXPECT_TRUE(retrained.new_enrolment) << retrained.reason;
  EXPECT_EQ(retrained.tier, "retrain");
  narrow.rows = {4};
  EXPECT_TRUE(vault.forget(narrow).done());
  expect_sound();
}

TEST_F(BatchTest, RequestsOfOneBatchAreOfOneKind) {
  Vault vault = Vault::open_for_writing(path_);
  const auto events = Vault::status(path_).ledger->events;
  std::vector<ForgetRequest> requests = {asked("a", {1}), asked("b", {2})};
  requests[1].tier_at_most = Tier::kStep;
  test::expect_error<UsageError>([&] { return forget(vault, requests); }, {"share"});
  EXPECT_EQ(Vault::status(path_).ledger->events, events);
}

TEST_F(BatchTest, WhichRowsMayLeave) {
  Dataset data = fitted_.rows;
  data.targets = Vector::Zero(150);
  data.targets[0] = data.targets[1] = 1;
  data.weights[1] = 0;
  RowsLeft left(data);
  EXPECT_EQ(left.take({0}), "last_of_class") << "the other has no weight";
  EXPECT_EQ(left.take({1}), "");
  EXPECT_EQ(left.take({0, 2}), "last_of_class");
  EXPECT_EQ(left.take({2}), "") << "what was refused did not leave";
  std::vector<Index> all;
  for (Index i = 0; i < 150; ++i) {
    if (i != 1 && i != 2) all.push_back(i);
  }
  EXPECT_EQ(left.take(all), "every_row");
  for (SensitiveColumn& column : data.sensitive) {
    for (auto& code : column.codes) code = 0;
    column.codes[7] = 1;
  }
  EXPECT_EQ(RowsLeft(data).take({7}), "last_of_group");
  // The name of a class or group of rows without weight goes with its last row as little.
  for (SensitiveColumn& column : data.sensitive) column.codes[8] = 1;
  data.weights[7] = data.weights[8] = 0;
  RowsLeft weightless(data);
  EXPECT_EQ(weightless.take({7, 8}), "last_of_group");
  EXPECT_EQ(weightless.take({7}), "");
  EXPECT_EQ(weightless.take({8}), "last_of_group");
  data.targets[8] = 1;
  data.weights[0] = 0;
  mark_erased(data, std::vector<Index>{1});
  RowsLeft unweighted_class(data);
  EXPECT_EQ(unweighted_class.take({0, 8}), "last_of_class");
}

}  // namespace
}  // namespace recant

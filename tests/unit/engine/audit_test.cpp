// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/audit.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/hard.hpp"

namespace recant {
namespace {

/// A model, the same after some rows were deleted from it by a Newton step, and unseen rows.
struct Deletion {
  FittedModel before, after;
  Dataset test;
  std::vector<Index> rows;
};

Deletion deletion(LossKind kind, Index count) {
  test::Random random(41);
  const Loss loss(kind, 3);
  const Dataset all = test::made_up_rows(random, 700, 4, loss);
  Deletion out;
  out.test = slice(all, {400, 700});
  out.before.rows = slice(all, {0, 400});
  out.before.l2 = 2;
  out.before.model = {loss, true, 4, {}};
  const Objective objective = out.before.objective();
  const TrainerResult trained = train(objective, out.before.rows.weights, {.tolerance = 1e-14});
  out.before.model.theta = trained.theta;
  out.before.gradient = trained.gradient;
  for (Index j = 0; j < count; ++j) out.rows.push_back(3 * j + 1);
  const Reweighting change = delete_rows(out.rows, out.before.rows.weights);
  out.after = out.before;
  out.after.rows.weights += change.delta;
  out.after.model.theta =
      newton_step(objective, trained.theta, out.before.rows.weights, change).theta;
  return out;
}

class EngineAudit : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, EngineAudit,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(EngineAudit, FindsTheTruthAndJudgesTheBound) {
  const Deletion d = deletion(GetParam(), 25);
  const Vector truth = train(d.after.objective(), d.after.rows.weights, {.tolerance = 1e-14}).theta;
  const double distance = (d.after.model.theta - truth).norm();
  AuditRequest request{.bound = 2 * distance + 1e-9};
  request.attack.shadows->count = 4;
  const Dataset deleted = deleted_rows(d.after, nullptr);
  EXPECT_EQ(deleted.rows(), 25);
  const AuditReport found = audit(d.after, &deleted, &d.before, &d.test, request);
  EXPECT_NEAR(found.retraining.distance, distance, 1e-10);
  EXPECT_EQ(found.retraining.verdict, BoundVerdict::kHolds);
  EXPECT_EQ(found.rows, 375);
  EXPECT_EQ(found.deleted_rows, 25);
  EXPECT_EQ(found.twins, 0);
  EXPECT_EQ(found.original, OriginalModel::kGiven);
  ASSERT_TRUE(found.membership);
  EXPECT_EQ(found.membership->attacks.size(), 2U);
  EXPECT_EQ(found.membership->attacks[0].unlearned.deleted.rows, 25);
  EXPECT_EQ(found.membership->attacks[0].unlearned.retained.rows, 375);
  ASSERT_TRUE(found.reconstruction);
  // The distance, the rebuilt row, and one for every figure on test rows and of both attacks.
  EXPECT_EQ(found.sentences.size(), 2U + (GetParam() == LossKind::kSquared ? 1U : 3U) + 2U * 5U);
  EXPECT_THAT(found.sentences[0], testing::HasSubstr("holds"));
  if (GetParam() == LossKind::kSquared) return;  // a Newton step is exact: no bound is broken
  request = {.membership = false, .reconstruction = false, .bound = distance / 2};
  const AuditReport broken = audit(d.after, &deleted, nullptr, nullptr, request);
  EXPECT_EQ(broken.retraining.verdict, BoundVerdict::kBroken);
  EXPECT_THAT(broken.sentences, testing::ElementsAre(testing::HasSubstr("is broken")));
}

TEST_P(EngineAudit, TrainsTheOriginalWhereItIsNotGiven) {
  const Deletion d = deletion(GetParam(), 10);
  const Dataset deleted = deleted_rows(d.after, nullptr);
  const AuditRequest request{.membership = false};
  const AuditReport given = audit(d.after, &deleted, &d.before, &d.test, request);
  const AuditReport trained = audit(d.after, &deleted, nullptr, &d.test, request);
  EXPECT_EQ(trained.original, OriginalModel::kTrained);
  EXPECT_NEAR(trained.retraining.original_utility->log_loss,
              given.retraining.original_utility->log_loss, 1e-9);
  EXPECT_NEAR(trained.reconstruction->audit.cosine, given.reconstruction->audit.cosine, 1e-5);
}

TEST_P(EngineAudit, RebuildsASingleRow) {
  Deletion d = deletion(GetParam(), 1);
  d.after.model.theta =
      train(d.after.objective(), d.after.rows.weights, {.tolerance = 1e-14}).theta;
  AuditRequest request{.membership = false, .sigmas = {1}};
  request.draws = 40;
  const Dataset deleted = deleted_rows(d.after, &d.before);
  const AuditReport found = audit(d.after, &deleted, &d.before, nullptr, request);
  ASSERT_TRUE(found.reconstruction);
  EXPECT_EQ(found.reconstruction->rows, 1);
  EXPECT_NEAR(found.reconstruction->audit.cosine, 1, 1e-8);
  EXPECT_LT(found.reconstruction->audit.noisy[0].cosine_low, 0.99);
}

TEST_P(EngineAudit, RowsFromOutsideAreAttackedLikeThoseInside) {
  const Deletion d = deletion(GetParam(), 20);
  const Objective objective = d.before.objective();
  const AuditedModels models{d.before.model.theta, d.after.model.theta, d.after.model.theta};
  const MembershipOptions loss_alone{.shadows = std::nullopt};
  const auto inside =
      audit_membership(objective, d.before.rows.weights, models, d.rows, d.test, loss_alone);
  const auto outside = audit_membership(objective, d.after.rows.weights, models,
                                        deleted_rows(d.after, nullptr), d.test, loss_alone);
  ASSERT_EQ(outside.attacks.size(), 1U);
  EXPECT_NEAR(outside.attacks[0].original.deleted.auc.value,
              inside.attacks[0].original.deleted.auc.value, 1e-12);
  EXPECT_NEAR(outside.attacks[0].unlearned.retained.auc.value,
              inside.attacks[0].unlearned.retained.auc.value, 1e-12);
}

TEST(EngineAudit, FlagsAModelThatForgotNothing) {
  // As many features as would let a model learn its rows by heart, and no deletion at all.
  test::Random random(7);
  const Dataset all = test::made_up_rows(random, 400, 30, Loss());
  Deletion d;
  d.test = slice(all, {100, 400});
  d.after.rows = slice(all, {0, 100});
  for (Index i = 0; i < 100; ++i) d.after.rows.targets[i] = random.uniform() < 0.5 ? 1 : 0;
  d.after.l2 = 0.01;
  d.after.model = {Loss(), true, 30, {}};
  const Objective objective = d.after.objective();
  d.after.model.theta = train(objective, d.after.rows.weights).theta;
  for (Index i = 0; i < 40; ++i) d.after.rows.weights[i] = 0;
  AuditRequest request{.reconstruction = false, .bound = 1e-3};
  request.attack.shadows->count = 8;
  const Dataset deleted = deleted_rows(d.after, nullptr);
  const AuditReport found = audit(d.after, &deleted, nullptr, &d.test, request);
  EXPECT_EQ(found.retraining.verdict, BoundVerdict::kBroken);
  EXPECT_EQ(found.membership->attacks[0].verdict, ForgettingVerdict::kUnderForgotten);
}

/// Ids and the bytes of the rows are gone.
void erase_deleted(Deletion& d) {
  mark_erased(d.after.rows, d.rows);
  RowMatrix x = d.after.rows.features.view();
  for (const Index row : d.rows) x.row(row).setZero();
  d.after.rows.features = FeatureMatrix(std::move(x));
}

TEST_P(EngineAudit, RetrainingNeedsNoDeletedRow) {
  Deletion d = deletion(GetParam(), 10);
  const Dataset deleted = deleted_rows(d.after, nullptr);
  const AuditRequest request{.membership = false, .reconstruction = false, .bound = 1};
  const AuditReport with = audit(d.after, &deleted, nullptr, &d.test, request);
  EXPECT_FALSE(deleted_rows_erased(d.after, nullptr));
  erase_deleted(d);
  EXPECT_TRUE(deleted_rows_erased(d.after, nullptr));
  EXPECT_FALSE(deleted_rows_erased(d.after, &d.before));
  const AuditReport without = audit(d.after, nullptr, nullptr, &d.test, request);
  EXPECT_EQ(without.retraining.distance, with.retraining.distance);
  EXPECT_EQ(without.retraining.verdict, BoundVerdict::kHolds);
  EXPECT_EQ(without.deleted_rows, 10);
  EXPECT_EQ(without.retraining.unlearned_utility.log_loss,
            with.retraining.unlearned_utility.log_loss);
  EXPECT_FALSE(without.twins);
  EXPECT_FALSE(without.original);
  const auto json = nlohmann::json::parse(to_json(without));
  for (const char* unknown : {"original", "original_agreement"}) {
    EXPECT_TRUE(json.at("retraining").at(unknown).is_null()) << unknown;
  }
  EXPECT_FALSE(json.at("retraining").at("unlearned").is_null());
  EXPECT_TRUE(json.at("twins").is_null());
  EXPECT_TRUE(json.at("original_model").is_null());
  EXPECT_THAT(without.sentences.back(), testing::HasSubstr("left out"));
  EXPECT_THAT(without.sentences.back(), testing::HasSubstr("the model from before"));
  for (std::size_t i = 0; i + 1 < without.sentences.size(); ++i) {
    EXPECT_THAT(without.sentences[i], testing::Not(testing::HasSubstr("before the deletion")));
  }
  // The model from before may be there though the rows are not.
  const AuditReport given = audit(d.after, nullptr, &d.before, &d.test, request);
  EXPECT_NEAR(given.retraining.original_utility->log_loss,
              with.retraining.original_utility->log_loss, 1e-9);
  EXPECT_THAT(given.sentences.back(), testing::Not(testing::HasSubstr("the model from before")));
}

TEST_P(EngineAudit, SaysInTheSentenceWhatTooFewRowsCannotShow) {
  const Deletion d = deletion(GetParam(), 25);
  const Dataset deleted = deleted_rows(d.after, nullptr);
  AuditRequest request{.reconstruction = false};
  request.attack.shadows.reset();
  const AuditReport found = audit(d.after, &deleted, &d.before, &d.test, request);
  const AttackResult& attacked = found.membership->attacks[0].unlearned.deleted;
  // Half of 300 unseen rows set the threshold: enough for one in a hundred, not in a thousand.
  ASSERT_TRUE(attacked.at_one_percent.resolved);
  ASSERT_FALSE(attacked.at_one_in_thousand.resolved);
  const auto& sentences = found.sentences;
  const auto with = [&](const char* text) {
    return std::count_if(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
      return sentence.find(text) != std::string::npos;
    });
  };
  EXPECT_EQ(with("takes 1 % of unseen rows"), 1);
  EXPECT_EQ(with("takes 0.1 % of unseen rows"), 1);
  EXPECT_EQ(with("not resolved"), 1);
  EXPECT_THAT(sentences.back(), testing::AllOf(testing::HasSubstr("takes 0.1 %"),
                                               testing::HasSubstr("not resolved: 300 unseen rows"),
                                               testing::HasSubstr("of 150 others")));
  for (const double figure : {attacked.auc.value, attacked.advantage, attacked.auc.low,
                              found.membership->attacks[0].unlearned.retained.auc.value}) {
    EXPECT_GT(with(fmt::format("{:.3f}", figure).c_str()), 0) << figure;
  }
}

TEST(EngineAudit, NamesTooFewRows) {
  const Deletion d = deletion(LossKind::kLogistic, 9);
  const Dataset deleted = deleted_rows(d.after, nullptr);
  AuditRequest request{.reconstruction = false};
  request.attack.shadows.reset();
  const AuditReport found = audit(d.after, &deleted, &d.before, &d.test, request);
  const auto json = nlohmann::json::parse(to_json(found)).at("membership").at("attacks").at(0);
  EXPECT_EQ(json.at("verdict"), "too_few_rows");
  EXPECT_EQ(json.at("difference_interval_by"), "pairs");
  EXPECT_EQ(json.at("difference_confidence"), 0.99);
  EXPECT_EQ(json.at("unlearned").at("deleted").at("auc_interval_by"), "pairs");
  EXPECT_EQ(json.at("unlearned").at("retained").at("auc_interval_by"), "delong");
  const auto says = [&](const char* text) {
    return std::count_if(
        found.sentences.begin(), found.sentences.end(),
        [&](const std::string& one) { return one.find(text) != std::string::npos; });
  };
  EXPECT_EQ(says("too few rows for a narrower one"), 1);  // not of the retained rows
  EXPECT_EQ(says("too few rows for a verdict"), 1);
}

TEST(EngineAudit, CountsTwins) {
  Deletion d = deletion(LossKind::kLogistic, 5);
  Dataset deleted = deleted_rows(d.after, nullptr);
  RowMatrix x = deleted.features.view();
  x.row(0) = d.after.rows.features.row(0);  // a row that still counts
  deleted.targets[0] = d.after.rows.targets[0];
  deleted.features = FeatureMatrix(std::move(x));
  const AuditRequest request{.membership = false, .reconstruction = false};
  const AuditReport found = audit(d.after, &deleted, nullptr, nullptr, request);
  EXPECT_EQ(found.twins, 1);
  EXPECT_THAT(found.sentences[1], testing::HasSubstr("1 of the deleted rows has a twin"));
}

TEST(EngineAudit, SameBytesForAnyNumberOfThreads) {
  const Deletion d = deletion(LossKind::kLogistic, 12);
  AuditRequest request{.sigmas = {0.1}, .seed = 3};
  request.attack.shadows->count = 5;
  std::optional<std::string> first;
  const Dataset deleted = deleted_rows(d.after, nullptr);
  for (const int threads : {1, 3}) {
    const test::WithThreads scope(threads);
    auto json = nlohmann::json::parse(to_json(audit(d.after, &deleted, nullptr, &d.test, request)));
    EXPECT_EQ(json.at("schema"), "recant.audit/1");
    EXPECT_EQ(json.at("membership").at("attacks").size(), 2U);
    EXPECT_TRUE(json.at("retraining").at("bound").is_null());
    json.erase("seconds");
    if (!first) first = json.dump();
    EXPECT_EQ(json.dump(), *first);
  }
}

TEST(EngineAudit, SaysWhatIsMissing) {
  Deletion d = deletion(LossKind::kLogistic, 5);
  test::expect_error<DataError>([&] { return deleted_rows(d.before, nullptr); },
                                {"nothing was deleted", "--deleted"});
  const Dataset deleted = deleted_rows(d.after, nullptr);
  test::expect_error<UsageError>([&] { return audit(d.after, &deleted, nullptr, nullptr, {}); },
                                 {"no model was trained on", "--test"});
  FittedModel other = d.before;
  other.model.intercept = false;
  test::expect_error<DataError>([&] { return audit(d.after, &deleted, &other, &d.test, {}); },
                                {"before", "differ"});
  other.rows = slice(d.before.rows, {0, 300});
  test::expect_error<DataError>([&] { return deleted_rows(d.after, &other); },
                                {"another number of rows", "--deleted"});
  for (const AuditRequest& request : {AuditRequest{}, AuditRequest{.membership = false}}) {
    test::expect_error<UsageError>(
        [&] { return audit(d.after, nullptr, nullptr, &d.test, request); },
        {"need the deleted rows", "--deleted"});
  }
  erase_deleted(d);  // but the model from before still has them
  test::expect_error<DataError>([&] { return deleted_rows(d.after, nullptr); },
                                {"erased", "--before"});
  EXPECT_TRUE(test::same_bytes(Matrix(deleted_rows(d.after, &d.before).features.view()),
                               Matrix(deleted.features.view())));
  Dataset narrow = deleted;
  narrow.features = FeatureMatrix(RowMatrix::Ones(5, 3));
  test::expect_error<UsageError>([&] { return audit(d.after, &narrow, nullptr, &d.test, {}); },
                                 {"features of a deleted row"});
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/subset_utility.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compare.hpp"
#include "exact_values.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"

namespace recant {
namespace {

double naive_vote(const Dataset& train, const Dataset& validation, Index neighbors,
                  const std::vector<Index>& rows) {
  double votes = 0;
  for (Index v = 0; v < validation.rows(); ++v) {
    std::vector<std::pair<double, Index>> order;
    for (const Index i : rows) {
      order.emplace_back((train.features.row(i) - validation.features.row(v)).squaredNorm(), i);
    }
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), static_cast<std::size_t>(neighbors)));
    for (const auto& [distance, i] : order) votes += train.targets(i) == validation.targets(v);
  }
  return votes / static_cast<double>(neighbors * validation.rows());
}

TEST(NeighborUtilityTest, IsTheVoteOfTheNearestInStraightLoops) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSoftmax}) {
    test::Random random(1);
    Dataset train = test::made_up_rows(random, 40, 2, Loss(kind, 3));
    // Equal distances: rows twice, with other labels.
    train = test::pick_rows(train, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 20, 21, 22, 23});
    for (Index i = 10; i < 15; ++i) train.targets(i) = static_cast<double>(random.below(2));
    const Dataset validation = test::made_up_rows(random, 7, 2, Loss(kind, 3));
    for (const Index neighbors : {1, 3, 19}) {
      const auto utility = neighbor_utility(train, validation, neighbors);
      const auto set = utility->empty_set();
      for (int repeat = 0; repeat < 3; ++repeat) {
        set->clear();
        EXPECT_EQ(set->value(), 0);
        std::vector<Index> rows;
        for (const Index row : random.permutation(train.rows())) {
          set->add(row);
          rows.push_back(row);
          EXPECT_NEAR(set->value(), naive_vote(train, validation, neighbors, rows), 1e-14);
        }
      }
    }
  }
}

/// So many rows that few are near to a validation row: it is the far ones that take places first,
/// and the longest where near rows come last. Distances are equal all over.
TEST(NeighborUtilityTest, IsTheVoteOfTheNearestOfManyRows) {
  test::Random random(31);
  constexpr Index kRows = 400;
  Dataset train = test::made_up_rows(random, kRows, 2, Loss());
  RowMatrix x = train.features.view();
  x = (2 * x).array().round() / 2;
  train.features = FeatureMatrix(std::move(x));
  train.weights(11) = 0;
  Dataset validation = test::made_up_rows(random, 6, 2, Loss());
  RowMatrix points = validation.features.view();
  points.topRows(3) = RowMatrix(train.features.view()).topRows(3);
  validation.features = FeatureMatrix(std::move(points));
  std::vector<Index> order = random.permutation(kRows), far_first = order;
  std::sort(far_first.begin(), far_first.end(), [&](Index a, Index b) {
    const auto distance = [&](Index i) {
      return (train.features.row(i) - validation.features.row(0)).squaredNorm();
    };
    return distance(a) > distance(b);
  });
  for (const Index neighbors : {1, 5}) {
    const auto utility = neighbor_utility(train, validation, neighbors);
    const auto set = utility->empty_set();
    for (const auto& rows_in_order : {order, far_first}) {
      set->clear();
      std::vector<Index> rows;
      for (const Index row : rows_in_order) {
        set->add(row);
        if (row != 11) rows.push_back(row);
        if (rows.size() % 7 == 0 || rows.size() < 20) {
          ASSERT_NEAR(set->value(), naive_vote(train, validation, neighbors, rows), 1e-14)
              << rows.size() << " rows, " << neighbors << " neighbours";
        }
      }
    }
  }
}

TEST(NeighborUtilityTest, ARowOfWeightZeroNeverVotes) {
  test::Random random(12);
  Dataset train = test::made_up_rows(random, 12, 2, Loss());
  const Dataset validation = test::made_up_rows(random, 9, 2, Loss());
  train.weights = 3 * Vector::Ones(12);
  train.weights(4) = 0;
  std::vector<Index> others;
  const auto utility = neighbor_utility(train, validation, 3);
  const auto all = utility->empty_set();
  for (Index i = 0; i < 12; ++i) {
    all->add(i);
    if (i != 4) others.push_back(i);
  }
  EXPECT_NEAR(all->value(), naive_vote(train, validation, 3, others), 1e-14);
  const auto model = model_utility(Objective(train, Loss(), true, 1), train.weights, validation,
                                   ModelScore::kLogLoss);
  for (Index i = 0; i < 12; ++i) {
    EXPECT_EQ(utility->counts(i), i != 4);
    EXPECT_EQ(model->counts(i), i != 4);
  }
}

TEST(NeighborUtilityTest, RefusesWhatItCannotUse) {
  test::Random random(2);
  const Dataset train = test::made_up_rows(random, 10, 2, Loss());
  Dataset validation = test::made_up_rows(random, 4, 2, Loss());
  validation.targets << 0, 1, 1, 0;
  for (const Index bad : {0, -1, 11}) {
    test::expect_error<UsageError>([&] { return neighbor_utility(train, validation, bad); },
                                   {"neighbors", "10"});
  }
  test::expect_error<UsageError>(
      [&] { return neighbor_utility(train, test::pick_rows(validation, {}), 1); },
      {"validation row"});
  test::expect_error<UsageError>(
      [&] { return neighbor_utility(train, test::made_up_rows(random, 4, 3, Loss()), 1); },
      {"columns", "2"});
  Dataset one_class = train, weighted = train;
  one_class.targets.setOnes();
  test::expect_error<DataError>([&] { return neighbor_utility(one_class, validation, 1); },
                                {"class 'no'", "no training row"});
  one_class.class_names.clear();
  test::expect_error<DataError>([&] { return neighbor_utility(one_class, validation, 1); },
                                {"class 0", "no training row"});
  test::expect_error<DataError>([&] { return neighbor_utility(validation, one_class, 1); },
                                {"validation", "class 'no'"});
  weighted.weights(2) = -1;
  test::expect_error<UsageError>([&] { return neighbor_utility(weighted, validation, 1); },
                                 {"row weights", ">= 0"});
  weighted.weights.setOnes();
  weighted.weights.head(4).setZero();
  test::expect_error<UsageError>([&] { return neighbor_utility(weighted, validation, 7); },
                                 {"neighbors", "6"});
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    RowMatrix x = validation.features.view();
    x(1, 1) = bad;
    Dataset broken = validation;
    broken.features = FeatureMatrix(std::move(x));
    test::expect_error<DataError>([&] { return neighbor_utility(train, broken, 1); },
                                  {"validation rows", "finite"});
    test::expect_error<DataError>([&] { return neighbor_utility(broken, train, 1); },
                                  {"training rows", "finite"});
  }
}

class ModelUtilityByKind : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ModelUtilityByKind,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(ModelUtilityByKind, IsTheScoreOfTheModelTrainedOnTheSet) {
  const Loss loss(GetParam(), 3);
  test::Random random(3);
  const Dataset rows = test::made_up_rows(random, 30, 3, loss);
  const Dataset validation = test::made_up_rows(random, 25, 3, loss);
  const Objective objective(rows, loss, true, 0.5), measure(validation, loss, true, 1);
  Vector weights = Vector::Ones(30) + random.weights(30);
  weights(7) = 0;
  const auto utility = model_utility(objective, weights, validation, ModelScore::kLogLoss);
  const auto set = utility->empty_set();
  const auto score = [&](const Vector& theta) {
    return -measure.evaluate(theta, Vector::Ones(25)).data_loss / 25;
  };
  EXPECT_NEAR(set->value(), score(Vector::Zero(objective.parameters())), 1e-14);
  if (GetParam() != LossKind::kSquared) {
    const double classes = GetParam() == LossKind::kSoftmax ? 3 : 2;
    EXPECT_NEAR(set->value(), -std::log(classes), 1e-15);
  }
  for (int repeat = 0; repeat < 2; ++repeat) {
    set->clear();
    Vector some = Vector::Zero(30);
    for (const Index row : random.permutation(30)) {
      const double before = set->value();
      set->add(row);
      some(row) = weights(row);
      if (row == 7) {
        EXPECT_EQ(set->value(), before) << "a row of weight 0 is not there";
      }
      if (some.maxCoeff() == 0) continue;
      EXPECT_NEAR(set->value(), score(train(objective, some).theta), 1e-8);
    }
  }
}

TEST_P(ModelUtilityByKind, OfAnObjectiveWithALinearTermIsThatOfItsOptimum) {
  const Loss loss(GetParam(), 3);
  test::Random random(7);
  const Dataset rows = test::made_up_rows(random, 20, 3, loss);
  const Dataset validation = test::made_up_rows(random, 25, 3, loss);
  const Objective plain(rows, loss, true, 0.5), measure(validation, loss, true, 1);
  const Vector b = random.normals(plain.parameters());
  const Objective objective = plain.with_linear_term(b);
  const auto utility = model_utility(objective, Vector::Ones(20), validation, ModelScore::kLogLoss);
  const auto set = utility->empty_set();
  const auto score = [&](const Vector& theta) {
    return -measure.evaluate(theta, Vector::Ones(25)).data_loss / 25;
  };
  EXPECT_NEAR(set->value(), score(-2 * b), 1e-12 * std::abs(score(-2 * b)));
  Vector some = Vector::Zero(20);
  for (const Index row : random.permutation(20)) {
    set->add(row);
    some(row) = 1;
    EXPECT_NEAR(set->value(), score(train(objective, some).theta), 1e-8);
  }
  set->clear();
  EXPECT_NEAR(set->value(), score(-2 * b), 1e-12 * std::abs(score(-2 * b)));
}

TEST_P(ModelUtilityByKind, AccuracyIsTheShareOfRightLabels) {
  const Loss loss(GetParam(), 3);
  test::Random random(4);
  const Dataset rows = test::made_up_rows(random, 40, 3, loss);
  const Objective objective(rows, loss, true, 0.5);
  const Vector ones = Vector::Ones(40);
  if (GetParam() == LossKind::kSquared) {
    test::expect_error<UsageError>(
        [&] { return model_utility(objective, ones, rows, ModelScore::kAccuracy); },
        {"accuracy", "log_loss"});
    return;
  }
  const auto utility = model_utility(objective, ones, rows, ModelScore::kAccuracy);
  const auto set = utility->empty_set();
  EXPECT_EQ(set->value() * 40, (rows.targets.array() == 0).count()) << "of theta = 0";
  for (Index i = 0; i < 40; ++i) set->add(i);
  const LinearModel model = test::model_of(objective, train(objective, ones).theta);
  const Matrix p = probabilities(model, rows.features);
  Index right = 0;
  for (Index i = 0; i < 40; ++i) {
    Index label = p(i, 0) > 0.5;
    if (p.cols() > 1) p.row(i).maxCoeff(&label);
    right += static_cast<double>(label) == rows.targets(i);
  }
  EXPECT_EQ(set->value(), static_cast<double>(right) / 40);
}

TEST(ModelUtilityTest, RefusesWhatItCannotUse) {
  test::Random random(5);
  const Dataset rows = test::made_up_rows(random, 10, 2, Loss());
  const Objective objective(rows, Loss(), true, 0.5);
  const Vector ones = Vector::Ones(10);
  const auto make = [&](const Vector& weights, const Dataset& validation) {
    return [&] { return model_utility(objective, weights, validation, ModelScore::kLogLoss); };
  };
  test::expect_error<UsageError>(make(Vector::Ones(9), rows), {"row weights", "10"});
  test::expect_error<UsageError>(make(-ones, rows), {"row weights", ">= 0"});
  test::expect_error<UsageError>(make(ones, test::pick_rows(rows, {})), {"validation row"});
  test::expect_error<UsageError>(make(ones, test::made_up_rows(random, 5, 3, Loss())),
                                 {"columns", "2"});
  const Objective far =
      Objective(rows, Loss(), true, 1e-300).with_linear_term(Vector::Constant(3, 1e10));
  test::expect_error<UsageError>(
      [&] { return model_utility(far, ones, rows, ModelScore::kLogLoss); }, {"l2", "linear term"});
  test::expect_error<UsageError>([] { return model_score("loss"); }, {"accuracy", "log_loss"});
  for (const ModelScore score : {ModelScore::kAccuracy, ModelScore::kLogLoss}) {
    EXPECT_EQ(model_score(name(score)), score);
  }
}

TEST(SubsetUtilityTest, FingerprintsTellUtilitiesApart) {
  test::Random random(6);
  const Dataset rows = test::made_up_rows(random, 12, 2, Loss());
  Dataset relabelled = rows, moved = rows;
  relabelled.targets(3) = 1 - relabelled.targets(3);
  RowMatrix x = rows.features.view();
  x(5, 1) = std::nextafter(x(5, 1), 1e9);
  moved.features = FeatureMatrix(std::move(x));
  const Vector ones = Vector::Ones(12);
  std::vector<std::uint64_t> found;
  const auto add = [&](const std::unique_ptr<SubsetUtility>& utility) {
    Fingerprint fingerprint;
    utility->add_to(fingerprint);
    found.push_back(fingerprint.value());
  };
  add(neighbor_utility(rows, rows, 2));
  add(neighbor_utility(rows, rows, 3));
  add(neighbor_utility(relabelled, rows, 2));
  add(neighbor_utility(rows, relabelled, 2));
  add(neighbor_utility(moved, rows, 2));
  for (const Dataset* train : std::initializer_list<const Dataset*>{&rows, &relabelled, &moved}) {
    add(model_utility(Objective(*train, Loss(), true, 1), ones, rows, ModelScore::kLogLoss));
    add(model_utility(Objective(rows, Loss(), true, 1), ones, *train, ModelScore::kAccuracy));
  }
  add(model_utility(Objective(rows, Loss(), false, 1), ones, rows, ModelScore::kLogLoss));
  add(model_utility(Objective(rows, Loss(), true, 2), ones, rows, ModelScore::kLogLoss));
  add(model_utility(Objective(rows, Loss(), true, 1), 2 * ones, rows, ModelScore::kLogLoss));
  for (const double b : {0.0, 1.0}) {
    add(model_utility(Objective(rows, Loss(), true, 1).with_linear_term(Vector::Constant(3, b)),
                      ones, rows, ModelScore::kLogLoss));
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(std::adjacent_find(found.begin(), found.end()), found.end());
}

}  // namespace
}  // namespace recant

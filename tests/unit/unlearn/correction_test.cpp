// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/correction.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "golden_model.hpp"
#include "naive_metric.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/influence/influence.hpp"
#include "recant/weighting/soft.hpp"

namespace recant {
namespace {

/// A fitted model with a gap, and validation rows.
struct Setting {
  Dataset train_rows, validation, test_rows;
  Objective objective;
  Vector weights;
  LinearModel model;
  MetricSettings settings;

  [[nodiscard]] std::vector<Metric> goals(std::string_view text) const {
    return resolve_metric(text, validation, model, settings);
  }
  [[nodiscard]] std::vector<double> values(const std::vector<Metric>& metrics,
                                           const Vector& theta) const {
    return metric_values(metrics, validation, model.at(theta), settings, &model);
  }
  [[nodiscard]] double utility(const Vector& theta) const {
    return values({{MetricKind::kUtility, "utility"}}, theta).front();
  }
  [[nodiscard]] CorrectionResult run(const std::vector<Metric>& metrics,
                                     const CorrectionOptions& options,
                                     std::span<const ObservedSplit> observed = {}) const {
    return correct(objective, model, weights, validation, metrics, settings, options, observed);
  }
};

Setting make(std::uint64_t seed, Loss loss = Loss(), std::vector<Index> groups = {2}, Index n = 700,
             bool uneven_weights = false) {
  test::Random random(seed);
  const Dataset all = test::made_up_rows(random, n + 900, 4, loss, groups);
  Dataset rows = slice(all, {0, n}), validation = slice(all, {n, n + 500}),
          test_rows = slice(all, {n + 500, n + 900});
  Objective objective(rows, loss, true, 1);
  Vector weights = Vector::Ones(n);
  if (uneven_weights) {
    for (Index i = 0; i < n; ++i) weights(i) = 0.1 * static_cast<double>(1 + random.below(12));
  }
  const TrainerResult fit = train(objective, weights);
  EXPECT_TRUE(fit.converged);
  LinearModel model = test::model_of(objective, fit.theta);
  return {std::move(rows),
          std::move(validation),
          std::move(test_rows),
          std::move(objective),
          std::move(weights),
          std::move(model),
          {}};
}

/// Sum over goals of what is left of each, as a share of where it started.
double left_of(const std::vector<double>& first, const std::vector<double>& now) {
  double sum = 0;
  for (std::size_t m = 0; m < now.size(); ++m) {
    if (first[m] != 0) sum += std::abs(now[m] / first[m]);
  }
  return sum;
}

/// What every result keeps, whatever was asked.
void expect_kept(const Setting& s, const std::vector<Metric>& metrics,
                 const CorrectionOptions& options, const CorrectionResult& result) {
  const Vector total = s.weights + result.change.delta;
  EXPECT_TRUE(result.theta.allFinite());
  if (options.scheme == Scheme::kHard) {
    for (Index i = 0; i < total.size(); ++i)
      EXPECT_TRUE(result.change.delta(i) == 0 || total(i) == 0) << i;
  }
  if (options.bounded && options.scheme == Scheme::kSoft) {
    EXPECT_GE(total.minCoeff(), 0) << "to the last bit";
    EXPECT_GE(result.change.delta.minCoeff(), options.lower);
    EXPECT_LE(result.change.delta.maxCoeff(), options.upper);
  }
  EXPECT_NEAR(result.gradient_norm, s.objective.evaluate(result.theta, total).gradient.norm(),
              1e-9);
  if (options.rounds > 1) {
    const auto first = s.values(metrics, s.model.theta);
    EXPECT_LE(left_of(first, s.values(metrics, result.theta)), left_of(first, first));
    if (options.utility_tolerance) {
      EXPECT_LE(s.utility(result.theta),
                s.utility(s.model.theta) * (1 + *options.utility_tolerance) * (1 + 1e-14));
    }
  }
  // The record: each accepted round starts where the last ended and says what happened.
  std::vector<double> gaps = s.values(metrics, s.model.theta);
  double utility = s.utility(s.model.theta);
  int accepted = 0;
  for (const CorrectionRound& round : result.rounds) {
    ASSERT_EQ(round.gaps.size(), metrics.size());
    ASSERT_EQ(round.predicted.size(), metrics.size());
    for (std::size_t m = 0; m < metrics.size(); ++m) EXPECT_NEAR(round.gaps[m], gaps[m], 1e-12);
    EXPECT_NEAR(round.utility, utility, 1e-9);
    EXPECT_EQ(round.accepted, round.rejected_because.empty());
    if (!round.accepted) continue;
    EXPECT_EQ(round.round, ++accepted);
    ASSERT_EQ(round.actual.size(), metrics.size());
    for (std::size_t m = 0; m < metrics.size(); ++m) gaps[m] += round.actual[m];
    utility += round.utility_change;
  }
  EXPECT_LE(accepted, options.rounds == 1 ? 1 : 2 * options.rounds) << "halved steps are added";
  const auto now = s.values(metrics, result.theta);
  for (std::size_t m = 0; m < metrics.size(); ++m) EXPECT_NEAR(now[m], gaps[m], 1e-11);
  EXPECT_NEAR(s.utility(result.theta), utility, 1e-8);
  if (options.update == UpdateKind::kPolish) {
    const TrainerResult scratch = train(s.objective, total.cwiseMax(0));
    test::expect_close(scores(s.model.at(result.theta), s.validation.features),
                       scores(s.model.at(scratch.theta), s.validation.features), 1e-8, 0,
                       "trained from scratch");
  }
}

TEST(CorrectionTest, OneRoundIsTheClosedFormAndOneUpdateByHand) {
  const Setting s = make(1);
  for (const char* goal : {"demographic_parity", "equal_opportunity_loss", "equal_opportunity"}) {
    const auto metrics = s.goals(goal);
    const double gap = s.values(metrics, s.model.theta).front();
    const auto hessian = factor_hessian(s.objective, s.model.theta, s.weights);
    std::vector<Metric> both = metrics;
    both.push_back({MetricKind::kUtility, "utility"});
    const Matrix influence = influences(s.objective, s.model.theta, *hessian,
                                        metric_gradients(both, s.validation, s.model, s.settings));
    for (const bool keep : {true, false}) {
      const SoftWeights soft = soft_weights(influence.col(0), influence.col(1), gap,
                                            {.kappa = {}, .kappa_rel = 0.7, .keep_utility = keep});
      for (const UpdateKind update :
           {UpdateKind::kInfluence, UpdateKind::kNewton, UpdateKind::kPolish}) {
        SCOPED_TRACE(std::string(goal) + " " + std::string(name(update)));
        CorrectionOptions options;
        options.rounds = 1;
        options.bounded = false;
        options.update = update;
        options.keep_utility = keep;
        options.kappa_rel = 0.7;
        const CorrectionResult found = s.run(metrics, options);
        const UpdateResult wanted =
            update == UpdateKind::kInfluence
                ? influence_step(s.objective, s.model.theta, *hessian, s.weights, soft.change)
            : update == UpdateKind::kNewton
                ? newton_step(s.objective, s.model.theta, s.weights, soft.change)
                : polish(s.objective, s.model.theta, s.weights, soft.change);
        EXPECT_EQ(found.update_status, wanted.status);
        test::expect_close(found.theta, wanted.theta, 1e-12, 0, "theta");
        if (wanted.status != UpdateStatus::kDone) {
          EXPECT_EQ(found.stop, CorrectionStop::kUpdateFailed);
          continue;
        }
        test::expect_close(found.change.delta, soft.change.delta, 1e-12, 0, "delta");
        ASSERT_EQ(found.rounds.size(), 1U);
        const CorrectionRound& round = found.rounds[0];
        EXPECT_TRUE(round.accepted);
        EXPECT_EQ(round.active, soft.active);
        EXPECT_EQ(round.kappa, soft.kappa);
        EXPECT_EQ(round.utility_multiplier, soft.utility_multiplier);
        EXPECT_EQ(round.gap_multipliers, std::vector<double>{soft.gap_multiplier});
        test::expect_close(round.predicted[0], -influence.col(0).dot(soft.change.delta), 1e-12, 0,
                           "prediction");
        expect_kept(s, metrics, options, found);
      }
    }
  }
}

TEST(CorrectionTest, OneBoundedRoundIsTheProgramAndOneUpdateByHand) {
  const Setting s = make(2, Loss(), {2}, 700, true);
  const auto metrics = s.goals("demographic_parity");
  const double gap = s.values(metrics, s.model.theta).front();
  const auto hessian = factor_hessian(s.objective, s.model.theta, s.weights);
  std::vector<Metric> both = metrics;
  both.push_back({MetricKind::kUtility, "utility"});
  const Matrix influence = influences(s.objective, s.model.theta, *hessian,
                                      metric_gradients(both, s.validation, s.model, s.settings));
  CorrectionOptions options;
  options.rounds = 1;
  options.lower = -0.3;
  options.upper = 0.4;
  options.target_gap = 0.25 * std::abs(gap);
  BoundedSoftOptions by_hand;
  by_hand.lower = -0.3;
  by_hand.upper = 0.4;
  by_hand.target_share = 0.75;
  const BoundedSoftWeights soft =
      soft_weights_bounded({{VectorView(influence.data(), influence.rows()), gap}},
                           influence.col(1), s.weights, {}, by_hand);
  const CorrectionResult found = s.run(metrics, options);
  test::expect_close(found.change.delta, soft.change.delta, 1e-10, 0, "delta");
  test::expect_close(found.reachable_share, soft.reachable_shares(0), 1e-10, 0, "reachable");
  test::expect_close(found.theta, polish(s.objective, s.model.theta, s.weights, soft.change).theta,
                     1e-10, 0, "theta");
  expect_kept(s, metrics, options, found);
}

struct Asked {
  Scheme scheme;
  UpdateKind update;
  LossKind loss;
  const char* goal;
};
class CorrectionInvariants : public testing::TestWithParam<Asked> {};

TEST_P(CorrectionInvariants, HoldForEveryOption) {
  const Asked asked = GetParam();
  int accepted = 0;
  for (const bool uneven : {false, true}) {
    const Setting s = make(3, Loss(asked.loss, 3), {2}, 700, uneven);
    const auto metrics = s.goals(asked.goal);
    CorrectionOptions options;
    options.scheme = asked.scheme;
    options.update = asked.update;
    for (const double target : {0.0, 0.02}) {
      for (const auto& [lower, upper] :
           {std::pair(-1.0, 1.0), std::pair(-0.15, 0.1),
            std::pair(-std::numeric_limits<double>::infinity(), 2.0)}) {
        for (const std::optional<double>& tolerance :
             {std::optional<double>(), std::optional<double>(0.0), std::optional<double>(0.02)}) {
          options.target_gap = target;
          options.lower = lower;
          options.upper = upper;
          options.utility_tolerance = tolerance;
          SCOPED_TRACE(testing::Message()
                       << "weights " << uneven << ", target " << target << ", bounds " << lower
                       << " " << upper << ", tolerance " << (tolerance ? *tolerance : -1));
          const CorrectionResult result = s.run(metrics, options);
          expect_kept(s, metrics, options, result);
          for (const CorrectionRound& round : result.rounds) {
            accepted += round.accepted;
            EXPECT_NE(round.rejected_because, describe(UpdateStatus::kNegativeWeights))
                << "bounded weights are never negative";
          }
          if (result.stop == CorrectionStop::kTarget) {
            const double first = std::abs(s.values(metrics, s.model.theta).front());
            for (const double gap : s.values(metrics, result.theta))
              EXPECT_LE(std::abs(gap), std::max(target, 1e-3 * first));
          }
          if (asked.scheme == Scheme::kHard) break;  // has neither bounds
        }
        if (asked.scheme == Scheme::kHard) break;
      }
    }
  }
  EXPECT_GT(accepted, 0) << "a test of nothing";
}
INSTANTIATE_TEST_SUITE_P(
    Options, CorrectionInvariants,
    testing::Values(
        Asked{Scheme::kSoft, UpdateKind::kPolish, LossKind::kLogistic, "demographic_parity"},
        Asked{Scheme::kSoft, UpdateKind::kPolish, LossKind::kLogistic, "equal_opportunity_loss"},
        Asked{Scheme::kSoft, UpdateKind::kNewton, LossKind::kLogistic, "equal_opportunity"},
        Asked{Scheme::kSoft, UpdateKind::kInfluence, LossKind::kLogistic, "demographic_parity"},
        Asked{Scheme::kSoft, UpdateKind::kPolish, LossKind::kSoftmax, "demographic_parity"},
        Asked{Scheme::kSoft, UpdateKind::kPolish, LossKind::kSquared, "demographic_parity"},
        Asked{Scheme::kSoft, UpdateKind::kPolish, LossKind::kLogistic, "equalized_odds"},
        Asked{Scheme::kHard, UpdateKind::kPolish, LossKind::kLogistic, "demographic_parity"},
        Asked{Scheme::kHard, UpdateKind::kNewton, LossKind::kLogistic, "equal_opportunity_loss"},
        Asked{Scheme::kHard, UpdateKind::kPolish, LossKind::kSoftmax, "demographic_parity"}),
    [](const auto& tested) {
      const Asked& a = tested.param;
      return std::string(name(a.scheme)) + "_" + std::string(name(a.update)) + "_" +
             std::string(name(a.loss)) + "_" + a.goal;
    });

/// (w + D) + e and w + (D + e) differ in the last bit: rows that end at weight 0 over several
/// rounds must not be refused as negative.
TEST(CorrectionTest, RowsThatReachWeightZeroOverSeveralRoundsAreNotNegative) {
  for (std::uint64_t seed = 10; seed < 16; ++seed) {
    const Setting s = make(seed, Loss(), {2}, 400, true);
    const auto metrics = s.goals("demographic_parity");
    CorrectionOptions options;
    options.kappa_rel = 1e-3;
    options.lower = -2;
    options.upper = 2;
    const CorrectionResult result = s.run(metrics, options);
    const Vector total = s.weights + result.change.delta;
    EXPECT_GE(total.minCoeff(), 0);
    for (const CorrectionRound& round : result.rounds)
      EXPECT_NE(round.rejected_because, describe(UpdateStatus::kNegativeWeights));
    expect_kept(s, metrics, options, result);
  }
}

TEST(CorrectionTest, ReachesTheTargetOnPublicData) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  for (const char* name : {"german_l1_b1", "german_l001n_b0", "compas_l1_b1", "compas_l001n_b1"}) {
    const test::GoldenCase golden = test::load_case(name);
    const Objective objective = golden.objective();
    const Vector& w = golden.train.weights;
    const LinearModel model = golden.model(train(objective, w).theta);
    const MetricSettings settings{
        .privileged = {
            golden.train.sensitive[0].groups[static_cast<std::size_t>(golden.privileged)]}};
    for (const char* goal : {"demographic_parity", "equal_opportunity", "equal_opportunity_loss"}) {
      const auto metrics = resolve_metric(goal, golden.val, model, settings);
      const double first = metric_values(metrics, golden.val, model, settings).front();
      for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
        SCOPED_TRACE(std::string(name) + " " + goal + " " + std::string(recant::name(scheme)));
        CorrectionOptions options;
        options.scheme = scheme;
        options.target_gap = 0.1 * std::abs(first);
        const ObservedSplit split{&*golden.test, metrics};
        const CorrectionResult result = correct(objective, model, w, golden.val, metrics, settings,
                                                options, std::span(&split, 1));
        const double gap =
            metric_values(metrics, golden.val, model.at(result.theta), settings).front();
        ASSERT_EQ(result.predicted.size(), 1U);
        ASSERT_EQ(result.predicted[0].size(), 1U);
        if (scheme == Scheme::kSoft) {
          EXPECT_EQ(result.stop, CorrectionStop::kTarget) << describe(result.stop);
          EXPECT_NE(result.predicted[0][0], 0);
        }
        // Whole rows may be too coarse for the last part of a gap.
        if (result.stop == CorrectionStop::kTarget) {
          EXPECT_LE(std::abs(gap), 0.1 * std::abs(first));
        }
        EXPECT_LE(std::abs(gap), std::abs(first));
      }
    }
  }
}

TEST(CorrectionTest, PredictsOnObservedSplitsWhatInfluencesSay) {
  const Setting s = make(4);
  const auto metrics = s.goals("demographic_parity");
  CorrectionOptions options;
  options.rounds = 1;
  std::vector<Metric> watched = metrics;
  watched.push_back({MetricKind::kUtility, "utility"});
  watched.push_back({MetricKind::kRobustLoss, "robust_loss"});
  const std::vector<ObservedSplit> observed = {
      {&s.validation, watched}, {&s.test_rows, watched}, {&s.train_rows, {}}};
  const CorrectionResult result = s.run(metrics, options, observed);
  const auto hessian = factor_hessian(s.objective, s.model.theta, s.weights);
  ASSERT_EQ(result.predicted.size(), 3U);
  EXPECT_TRUE(result.predicted[2].empty());
  for (std::size_t split = 0; split < 2; ++split) {
    const Matrix influence =
        influences(s.objective, s.model.theta, *hessian,
                   metric_gradients(watched, *observed[split].data, s.model, s.settings));
    for (std::size_t m = 0; m < watched.size(); ++m) {
      EXPECT_NEAR(result.predicted[split][m],
                  -influence.col(static_cast<Index>(m)).dot(result.change.delta),
                  1e-10 * influence.norm() * result.change.delta.norm());
    }
  }
  EXPECT_NEAR(result.predicted[0][0], result.rounds[0].predicted[0], 1e-12);
  // Over several rounds the predictions of the accepted ones add up.
  options.rounds = 20;
  const CorrectionResult iterated = s.run(metrics, options, observed);
  double sum = 0;
  for (const CorrectionRound& round : iterated.rounds)
    sum += round.accepted ? round.predicted[0] : 0;
  EXPECT_NEAR(iterated.predicted[0][0], sum, 1e-11);
}

/// The prediction is the derivative of the metric along the weights, trained anew on both sides.
TEST(CorrectionTest, PredictsTheDerivativeAlongTheWeights) {
  for (const LossKind loss : {LossKind::kLogistic, LossKind::kSoftmax}) {
    const Setting s = make(18, Loss(loss, 3), {2}, 700, true);
    const auto goals = s.goals("demographic_parity");
    std::vector<Metric> watched = goals;
    watched.push_back({MetricKind::kUtility, "utility"});
    if (loss == LossKind::kLogistic) watched.push_back({MetricKind::kRobustLoss, "robust_loss"});
    for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
      CorrectionOptions options;
      options.scheme = scheme;
      options.rounds = 1;
      const std::vector<ObservedSplit> observed = {{&s.validation, watched},
                                                   {&s.test_rows, watched}};
      const CorrectionResult result = s.run(goals, options, observed);
      ASSERT_GT(result.change.delta.norm(), 0);
      for (std::size_t split = 0; split < observed.size(); ++split) {
        const Vector wanted = test::derivative(
            [&](double step) -> Vector {
              const Vector weights = s.weights + step * result.change.delta;
              const auto values = metric_values(watched, *observed[split].data,
                                                s.model.at(train(s.objective, weights).theta),
                                                s.settings, &s.model);
              return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
            },
            2e-3);
        for (std::size_t m = 0; m < watched.size(); ++m) {
          const double value = wanted(static_cast<Index>(m));
          EXPECT_NEAR(result.predicted[split][m], value, 1e-5 * std::abs(value) + 1e-7)
              << name(scheme) << " " << watched[m].name << " " << split;
        }
      }
      EXPECT_NEAR(result.rounds.at(0).predicted[0], result.predicted[0][0], 1e-12);
    }
  }
}

/// A setting whose training rows are these, with their weights.
Setting with_rows(const Setting& s, const std::vector<Index>& rows) {
  Setting now = s;
  now.train_rows = test::pick_rows(s.train_rows, rows);
  now.objective = Objective(now.train_rows, s.objective.loss(), true, 1);
  now.weights = test::pick(s.weights, rows);
  return now;
}

TEST(CorrectionTest, PermutingRowsChangesNothingBeyondRounding) {
  test::Random random(19);
  const Setting s = make(19, Loss(), {2}, 700, true);
  const std::vector<Index> order = random.permutation(700);
  Setting moved = with_rows(s, order);
  moved.validation = test::pick_rows(s.validation, random.permutation(500));
  for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
    for (const int rounds : {1, 8}) {
      CorrectionOptions options;
      options.scheme = scheme;
      options.rounds = rounds;
      options.target_gap = 0.02;
      const CorrectionResult one = s.run(s.goals("demographic_parity"), options);
      const CorrectionResult other = moved.run(moved.goals("demographic_parity"), options);
      SCOPED_TRACE(testing::Message() << name(scheme) << ", rounds " << rounds);
      EXPECT_GT(one.change.delta.norm(), 0);
      test::expect_close(other.theta, one.theta, 1e-9, 0, "theta");
      test::expect_close(other.change.delta, test::pick(one.change.delta, order), 1e-8, 0, "delta");
      EXPECT_EQ(other.stop, one.stop);
      EXPECT_EQ(other.rounds.size(), one.rounds.size());
    }
  }
}

/// Where no weight may rise: else soft weights may raise that of a row without one. By kappa, as
/// kappa_rel is relative to the influences of all rows.
TEST(CorrectionTest, RowsOfWeightZeroAreAsIfAbsent) {
  Setting s = make(20, Loss(), {2}, 700);
  std::vector<Index> kept;
  for (Index i = 0; i < 700; ++i) {
    if (i % 5 == 2) {
      s.weights(i) = 0;
    } else {
      kept.push_back(i);
    }
  }
  s.model = s.model.at(train(s.objective, s.weights).theta);
  const Setting without = with_rows(s, kept);
  const auto goals = s.goals("demographic_parity");
  for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
    for (const int rounds : {1, 8}) {
      CorrectionOptions options;
      options.scheme = scheme;
      options.rounds = rounds;
      options.target_gap = 0.02;
      if (scheme == Scheme::kSoft) {
        options.kappa = 1e-4;
        options.upper = 0;
      }
      const CorrectionResult one = s.run(goals, options), other = without.run(goals, options);
      SCOPED_TRACE(testing::Message() << name(scheme) << ", rounds " << rounds);
      EXPECT_GT(one.change.delta.norm(), 0);
      test::expect_close(one.theta, other.theta, 1e-9, 0, "theta");
      test::expect_close(test::pick(one.change.delta, kept), other.change.delta, 1e-8, 0, "delta");
      for (Index i = 2; i < 700; i += 5) EXPECT_EQ(one.change.delta(i), 0) << i;
      EXPECT_EQ(one.stop, other.stop);
    }
  }
}

TEST(CorrectionTest, HardByCountShareAndTarget) {
  const Setting s = make(5);
  const auto metrics = s.goals("demographic_parity");
  CorrectionOptions options;
  options.scheme = Scheme::kHard;
  options.rounds = 1;
  for (const std::int64_t count : {1, 17, 200}) {
    options.count = count;
    options.share.reset();
    const CorrectionResult result = s.run(metrics, options);
    EXPECT_EQ((result.change.delta.array() != 0).count(), count);
    expect_kept(s, metrics, options, result);
  }
  options.count.reset();
  options.share = 0.05;
  EXPECT_EQ((s.run(metrics, options).change.delta.array() != 0).count(), 35) << "of 700";
  options.share.reset();
  const double first = std::abs(s.values(metrics, s.model.theta).front());
  options.target_gap = first / 2;
  const CorrectionResult half = s.run(metrics, options);
  EXPECT_LE(std::abs(half.rounds.at(0).predicted[0]), first / 2 * (1 + 1e-12))
      << "the prediction does not overshoot";
  EXPECT_GE(std::abs(half.rounds.at(0).predicted[0]), first / 4);
  options.rounds = 20;
  const CorrectionResult iterated = s.run(metrics, options);
  EXPECT_LE(std::abs(s.values(metrics, iterated.theta).front()), first);
  EXPECT_GT((iterated.change.delta.array() != 0).count(), 0);
  expect_kept(s, metrics, options, iterated);
}

/// Two sensitive columns, one goal each.
struct TwoGoals {
  Setting setting = make(6, Loss(), {2, 2}, 900);
  std::vector<Metric> goals = setting.goals("demographic_parity:column0");
  CorrectionOptions options;
  TwoGoals() {
    for (const Metric& metric : setting.goals("equal_opportunity:column1")) goals.push_back(metric);
    const auto before = setting.values(goals, setting.model.theta);
    options.target_gap = 0.3 * std::min(std::abs(before[0]), std::abs(before[1]));
  }
};

TEST(CorrectionTest, SeveralGoalsFallTogether) {
  TwoGoals two;
  two.options.keep_utility = false;
  const Setting& s = two.setting;
  ASSERT_EQ(two.goals.size(), 2U);
  const CorrectionResult result = s.run(two.goals, two.options);
  const auto before = s.values(two.goals, s.model.theta), after = s.values(two.goals, result.theta);
  for (std::size_t m = 0; m < 2; ++m) EXPECT_LT(std::abs(after[m]), 0.6 * std::abs(before[m]));
  for (const CorrectionRound& round : result.rounds) EXPECT_EQ(round.gap_multipliers.size(), 2U);
  expect_kept(s, two.goals, two.options, result);
  two.options.scheme = Scheme::kHard;
  expect_kept(s, two.goals, two.options, s.run(two.goals, two.options));
}

/// A goal that is nearly closed weighs 1/|gap|; it must not take all later rounds.
TEST(CorrectionTest, SeveralGoalsReachTheTarget) {
  TwoGoals two;
  two.options.keep_utility = false;
  const CorrectionResult result = two.setting.run(two.goals, two.options);
  EXPECT_EQ(result.stop, CorrectionStop::kTarget) << describe(result.stop);
  for (const double gap : two.setting.values(two.goals, result.theta))
    EXPECT_LE(std::abs(gap), two.options.target_gap);
}

TEST(CorrectionTest, EveryGapOfMoreThanTwoGroupsReachesTheTarget) {
  const Setting s = make(7, Loss(), {4}, 900);
  const auto goals = s.goals("demographic_parity");
  ASSERT_EQ(goals.size(), 4U);
  const auto before = s.values(goals, s.model.theta);
  double worst = 0;
  for (const double gap : before) worst = std::max(worst, std::abs(gap));
  CorrectionOptions options;
  options.target_gap = worst / 4;
  options.keep_utility = false;
  const CorrectionResult result = s.run(goals, options);
  expect_kept(s, goals, options, result);
  const auto after = s.values(goals, result.theta);
  EXPECT_EQ(result.stop, CorrectionStop::kTarget) << describe(result.stop);
  for (const double gap : after) EXPECT_LE(std::abs(gap), options.target_gap);
}

/// With the options as they are: small gaps among large ones must not stop the walk.
TEST(CorrectionTest, TheLargestOfSeveralGapsFallsByDefault) {
  const Setting s = make(7, Loss(), {4}, 900);
  const auto goals = s.goals("demographic_parity");
  const auto largest = [&](const Vector& theta) {
    double size = 0;
    for (const double gap : s.values(goals, theta)) size = std::max(size, std::abs(gap));
    return size;
  };
  const CorrectionResult result = s.run(goals, CorrectionOptions{});
  EXPECT_LT(largest(result.theta), 0.5 * largest(s.model.theta));
}

TEST(CorrectionTest, ExactlyTheListedRowsAreDeleted) {
  const Setting s = make(9);
  CorrectionOptions options;
  options.scheme = Scheme::kHard;
  options.rounds = 1;
  options.delete_rows = {3, 1, 40};
  const CorrectionResult result = s.run(s.goals("demographic_parity"), options);
  const Vector total = s.weights + result.change.delta;
  for (Index j = 0; j < total.size(); ++j) {
    EXPECT_EQ(total(j) == 0, j == 3 || j == 1 || j == 40) << j;
  }
  options.scheme = Scheme::kSoft;
  test::expect_error<UsageError>([&] { return s.run(s.goals("demographic_parity"), options); },
                                 {"belong to the hard scheme"});
}

TEST(CorrectionTest, OneRoundThatCostsTooMuchSaysSo) {
  const Setting s = make(9);
  CorrectionOptions options;
  options.rounds = 1;
  options.utility_tolerance = 0;
  EXPECT_EQ(s.run(s.goals("demographic_parity"), options).stop, CorrectionStop::kUtilityPrice);
}

TEST(CorrectionTest, NothingToCloseIsNotTouched) {
  const Setting s = make(8);
  const auto metrics = s.goals("demographic_parity");
  CorrectionOptions options;
  options.target_gap = std::abs(s.values(metrics, s.model.theta).front()) * 1.01;
  for (const int rounds : {1, 20}) {
    options.rounds = rounds;
    const CorrectionResult result = s.run(metrics, options);
    EXPECT_EQ(result.stop, CorrectionStop::kNoGap);
    EXPECT_EQ(result.change.delta.norm(), 0);
    EXPECT_TRUE(test::same_bytes(result.theta, s.model.theta));
    EXPECT_TRUE(result.rounds.empty());
  }
}

TEST(CorrectionTest, BoundsOfZeroAreNone) {
  const Setting s = make(9);
  CorrectionOptions options;
  options.lower = options.upper = 0;
  test::expect_error<UsageError>(
      [&] { return s.run(s.goals("demographic_parity"), options); },
      {"bounds must be two numbers with 0 between them, but are 0 and 0"});
}

TEST(CorrectionTest, AGapThatCannotBeMeasuredIsNoSuccess) {
  Setting s = make(17);
  const Metric metric = s.goals("demographic_parity").front();
  auto& codes = s.validation.sensitive[0].codes;
  std::fill(codes.begin(), codes.end(), 0);  // one group only: the mean of the other is 0/0
  for (const int rounds : {1, 8}) {
    CorrectionOptions options;
    options.rounds = rounds;
    test::expect_error<DataError>([&] { return s.run({metric}, options); },
                                  {"demographic_parity has no value"});
  }
}

TEST(CorrectionTest, SameBytesForAnyThreads) {
  for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
    CorrectionResult one;
    for (const int count : {1, 2, 4}) {
      const test::WithThreads threads(count);
      const Setting s = make(11, Loss(), {2}, 5000);
      CorrectionOptions options;
      options.scheme = scheme;
      options.target_gap = 0.01;
      CorrectionResult now = s.run(s.goals("demographic_parity"), options);
      if (count == 1) one = now;
      EXPECT_TRUE(test::same_bytes(now.theta, one.theta)) << count;
      EXPECT_TRUE(test::same_bytes(now.change.delta, one.change.delta)) << count;
      EXPECT_EQ(now.rounds.size(), one.rounds.size()) << count;
    }
  }
}

TEST(CorrectionTest, ManyRepetitionsOnFourThreadsGiveTheSameBytes) {
  const test::WithThreads threads(4);
  const Setting s = make(12, Loss(), {2}, 20000);
  const auto metrics = s.goals("demographic_parity");
  CorrectionOptions options;
  options.rounds = 2;
  CorrectionResult first;
  for (int repetition = 0; repetition < 20; ++repetition) {
    CorrectionResult now = s.run(metrics, options);
    if (repetition == 0) first = now;
    ASSERT_TRUE(test::same_bytes(now.theta, first.theta)) << repetition;
    ASSERT_TRUE(test::same_bytes(now.change.delta, first.change.delta)) << repetition;
  }
}

TEST(CorrectionTest, ReportsProgressAndStopsWhenToldTo) {
  const Setting s = make(13);
  const auto metrics = s.goals("demographic_parity");
  int calls = 0;
  static_cast<void>(correct(s.objective, s.model, s.weights, s.validation, metrics, s.settings, {},
                            {}, [&](const Progress&) { ++calls; }));
  EXPECT_GT(calls, 0);
  EXPECT_THROW(
      static_cast<void>(correct(s.objective, s.model, s.weights, s.validation, metrics, s.settings,
                                {}, {}, [](const Progress&) { throw std::runtime_error("stop"); })),
      std::runtime_error);
}

TEST(CorrectionOptionsTest, EveryBadOptionIsNamed) {
  const Setting s = make(14, Loss(), {2}, 200);
  const auto metrics = s.goals("demographic_parity");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  struct Bad {
    CorrectionOptions options;
    std::vector<std::string> text;
  };
  std::vector<Bad> all;
  const auto bad = [&](auto&& change, std::vector<std::string> text) {
    CorrectionOptions options;
    change(options);
    all.push_back({options, std::move(text)});
  };
  for (const int rounds : {0, -1})
    bad([&](auto& o) { o.rounds = rounds; }, {"rounds", std::to_string(rounds)});
  for (const double value : {-1e-9, nan, infinity}) {
    bad([&](auto& o) { o.target_gap = value; }, {"target_gap"});
    bad([&](auto& o) { o.utility_tolerance = value; }, {"utility_tolerance"});
  }
  for (const double value : {0.0, -1.0, nan, infinity}) {
    bad([&](auto& o) { o.kappa = value; }, {"kappa"});
    bad([&](auto& o) { o.kappa_rel = value; }, {"kappa_rel"});
    bad([&](auto& o) { o.trainer.tolerance = value; }, {"tolerance"});
  }
  bad([&](auto& o) { o.lower = 0.1; }, {"bounds", "0.1"});
  bad([&](auto& o) { o.upper = -0.1; }, {"bounds", "-0.1"});
  bad([&](auto& o) { o.lower = nan; }, {"bounds", "nan"});
  bad([&](auto& o) { o.upper = nan; }, {"bounds", "nan"});
  bad([&](auto& o) { o.count = 5; }, {"hard"});
  bad([&](auto& o) { o.share = 0.5; }, {"hard"});
  bad([&](auto& o) { o.scheme = Scheme::kHard, o.count = 5; }, {"rounds must be 1"});
  bad([&](auto& o) { o.scheme = Scheme::kHard, o.share = 0.5; }, {"rounds must be 1"});
  bad([&](auto& o) { o.bounded = false; }, {"closed form", "rounds must be 1"});
  const auto hard = [&](auto&& change, std::vector<std::string> text) {
    bad(
        [&](auto& o) {
          o.scheme = Scheme::kHard;
          o.rounds = 1;
          change(o);
        },
        std::move(text));
  };
  hard([&](auto& o) { o.count = 5, o.share = 0.5; }, {"count", "share"});
  for (const int count : {0, -2, 201})
    hard([&](auto& o) { o.count = count; }, {"count", std::to_string(count)});
  for (const double share : {0.0, -0.5, 1.5, nan})
    hard([&](auto& o) { o.share = share; }, {"share"});
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    test::expect_error<UsageError>([&] { return s.run(metrics, all[i].options); }, all[i].text);
  }
  test::expect_error<UsageError>([&] { return s.run({}, {}); }, {"no gap to close"});
  CorrectionOptions closed;
  closed.bounded = false;
  closed.rounds = 1;
  const std::vector<Metric> two = {metrics[0], metrics[0]};
  test::expect_error<UsageError>([&] { return s.run(two, closed); }, {"closes one gap"});
  test::expect_error<UsageError>(
      [&] {
        return correct(s.objective, s.model, Vector::Ones(3), s.validation, metrics, s.settings,
                       {});
      },
      {"row weights", "3", "200"});
  test::expect_error<UsageError>(
      [&] {
        return correct(s.objective, s.model.at(Vector::Zero(2)), s.weights, s.validation, metrics,
                       s.settings, {});
      },
      {"theta", "2"});
}

TEST(CorrectionOptionsTest, NamesAreReadBack) {
  for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard})
    EXPECT_EQ(scheme_kind(name(scheme)), scheme);
  test::expect_error<UsageError>([&] { return scheme_kind("firm"); }, {"soft or hard", "'firm'"});
  std::set<std::string_view> names, sentences;
  for (const CorrectionStop stop :
       {CorrectionStop::kTarget, CorrectionStop::kRounds, CorrectionStop::kUtilityPrice,
        CorrectionStop::kNoStepHelps, CorrectionStop::kBounds, CorrectionStop::kNoGap,
        CorrectionStop::kUpdateFailed}) {
    names.insert(name(stop));
    sentences.insert(describe(stop));
  }
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(sentences.size(), 7U);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace recant

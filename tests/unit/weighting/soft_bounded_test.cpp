// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft_bounded.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "instruction_sets.hpp"
#include "recant/core/threads.hpp"
#include "weighting_cases.hpp"

namespace recant {
namespace {

using testing::HasSubstr;
using namespace test;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Vector pair(double x, double y) {
  return (Vector(2) << x, y).finished();
}

int oracle_case(const BoundedSoftWeights& soft) {
  return 1 + (soft.utility_multiplier > 0 ? 1 : 0) + (soft.gap_multipliers[0] > 0 ? 2 : 0);
}

BoundedSoftWeights solve_one(const Vector& influence, const Vector& u, double value,
                             const BoundedSoftOptions& options) {
  return soft_weights_bounded({{view(influence), value}}, u, Vector::Ones(influence.size()), {},
                              options);
}

TEST(BoundedSoftWeights, EqualsTheOracle) {
  if (!golden_available()) GTEST_SKIP() << kNoGolden;
  const nlohmann::json golden = load_golden("soft_weights");
  for (const auto& problem : golden["problems"]) {
    const std::string what = problem["kind"];
    const auto& box = problem["box"];
    const BoundedSoftWeights soft = solve_one(
        to_vector(problem["a"]), to_vector(problem["u"]), problem["budget"],
        {.kappa = problem["lambda_e"].get<double>(), .lower = box["lo"], .upper = box["hi"]});
    ASSERT_EQ(soft.status, QpStatus::kSolved) << what;
    EXPECT_FALSE(soft.kappa_raised);
    const Vector e = to_vector(box["e"]);
    EXPECT_LE(largest(soft.change.delta - e), what == "random" ? 1e-10 * largest(e) : 1e-10)
        << what;
    if (what != "random") continue;
    const double objective = box["objective"];
    EXPECT_NEAR(soft.objective, objective, 1e-11 * std::abs(objective));
    EXPECT_EQ(oracle_case(soft), box["kkt_case"].get<int>());
    EXPECT_NEAR(soft.utility_multiplier, box["mu_utility"], 1e-9);
    EXPECT_NEAR(soft.gap_multipliers[0], box["mu_budget"], 1e-9);
  }
}

TEST(BoundedSoftWeights, EqualsTheOracleOnInfluencesOfAModel) {
  for (const std::string name :
       {"synth_d5_l05_b0", "synth_d5_l05_b1", "synth_d20_l1_b0", "synth_d20_l1_b1"}) {
    if (!golden_available()) GTEST_SKIP() << kNoGolden;
    const nlohmann::json golden = load_golden(name);
    const Vector u = to_vector(golden["influence"]["util"]);
    int compared = 0;
    for (const auto& expected : golden["soft_weights"]) {
      if (expected["box"].is_null()) continue;
      const std::string what = name + " " + expected["target"].get<std::string>();
      const Vector influence =
          to_vector(golden["influence"][expected["target"].get<std::string>()]);
      const BoundedSoftWeights soft = solve_one(influence, u, expected["f"],
                                                {.kappa = expected["lambda_e"].get<double>(),
                                                 .lower = expected["box"][0],
                                                 .upper = expected["box"][1]});
      ASSERT_EQ(soft.status, QpStatus::kSolved) << what;
      const Vector e = to_vector(expected["e"]);
      EXPECT_LE(largest(soft.change.delta - e), 1e-8 * largest(e)) << what;
      EXPECT_EQ(oracle_case(soft), expected["kkt_case"].get<int>()) << what;
      EXPECT_EQ(soft.at_lower + soft.at_upper, expected["n_at_bound"].get<Index>()) << what;
      EXPECT_NEAR(soft.utility_multiplier, expected["mu_utility"], 1e-8) << what;
      EXPECT_NEAR(soft.gap_multipliers[0], expected["mu_budget"], 1e-8) << what;
      ++compared;
    }
    EXPECT_EQ(compared, 4) << name;
  }
}

// Without a bound in the way this is the closed form: all four cases, and the degenerate ones.
TEST(BoundedSoftWeights, WideBoundsGiveTheClosedForm) {
  Random random(41);
  std::vector<int> seen(5);
  for (int trial = 0; trial < 4000; ++trial) {
    const Index n = random.integer(1, 40);
    const Vector a = random.normals(n) * std::pow(10.0, random.uniform(-5, 5));
    Vector u = random.normals(n) * std::pow(10.0, random.uniform(-5, 5));
    if (trial % 50 == 0) u.setZero();
    if (trial % 50 == 1) u = -3 * a;
    if (trial % 50 == 2) u = 3 * a;
    const double f = trial % 50 == 3 ? 0 : random.normal();
    const double kappa_rel = std::pow(10.0, random.uniform(-3, 1));
    const SoftWeights closed = soft_weights(a, u, f, {.kappa_rel = kappa_rel});
    const BoundedSoftWeights bounded =
        soft_weights_bounded({{view(a), f}}, u, Vector::Constant(n, 1e30), {},
                             {.kappa_rel = kappa_rel, .lower = -kInfinity, .upper = kInfinity});
    ASSERT_EQ(bounded.status, QpStatus::kSolved) << trial << " " << bounded.residual.worst();
    if (f == 0) {
      EXPECT_EQ(largest(bounded.change.delta), 0);
      continue;
    }
    const Vector reach = a / a.squaredNorm() * f;  // the size e would have alone
    EXPECT_LE((bounded.change.delta - closed.change.delta).norm(),
              1e-9 * closed.change.delta.norm() + 1e-11 * reach.norm())
        << trial;
    EXPECT_NEAR(bounded.kappa, closed.kappa, 1e-13 * closed.kappa);
    EXPECT_NEAR(bounded.gap_multipliers[0], closed.gap_multiplier, 1e-8) << trial;
    if (closed.degeneracy == SoftDegeneracy::kNone && n > 1) {
      EXPECT_EQ(bounded.active, closed.active) << trial;
      EXPECT_NEAR(bounded.utility_multiplier, closed.utility_multiplier,
                  1e-8 * closed.utility_multiplier + 1e-12 * a.norm() / (u.norm() + 1e-300))
          << trial;
      ++seen[static_cast<std::size_t>(oracle_case(bounded))];
    }
  }
  for (int i = 1; i <= 4; ++i) EXPECT_GT(seen[static_cast<std::size_t>(i)], 100) << i;
}

// docs/mathematics.md section 4.3: a row of weight 0.2 cannot lose more than 0.2.
TEST(BoundedSoftWeights, NoWeightTurnsNegative) {
  Random random(42);
  const Index n = 40;
  const Vector a = random.normals(n), u = random.normals(n);
  const Vector weights = Vector::Constant(n, 0.2);
  Reweighting total{.delta = Vector::Zero(n)};
  for (int round = 0; round < 20; ++round) {
    const BoundedSoftWeights soft = soft_weights_bounded({{view(a), 50}}, u, weights, total,
                                                         {.kappa_rel = 1e-3, .target_share = 0.1});
    ASSERT_EQ(soft.status, QpStatus::kSolved) << round;
    total = soft.total;
    EXPECT_GE((weights + total.delta).minCoeff(), 0) << round;
    EXPECT_LE(total.delta.maxCoeff(), 1) << round;
  }
  EXPECT_EQ(summarize(total, weights).negative_total_weight_rows, 0);
  EXPECT_EQ(total.delta.minCoeff(), -0.2);
  EXPECT_EQ(total.delta.maxCoeff(), 1);
}

TEST(BoundedSoftWeights, WhatTheBoundsCannotReachIsSaid) {
  const Vector a = pair(3, 4);
  const BoundedSoftWeights soft =
      solve_one(a, Vector(), 14, {.kappa_rel = 1e-3, .keep_utility = false});
  EXPECT_EQ(soft.change.delta, pair(1, 1));
  EXPECT_EQ(soft.gap_multipliers[0], 0);
  EXPECT_EQ(soft.reachable_shares[0], 0.5);
  EXPECT_EQ(soft.closed_shares[0], 0.5);
  EXPECT_EQ(soft.predicted_values[0], 7);
  EXPECT_EQ(soft.active, ActivePromises::kNone);
  EXPECT_EQ(soft.at_upper, 2);
  const BoundedSoftWeights turned =
      solve_one(-a, Vector(), -14, {.kappa_rel = 1e-3, .keep_utility = false});
  EXPECT_EQ(turned.change.delta, pair(1, 1));
  EXPECT_EQ(turned.reachable_shares[0], 0.5);
  EXPECT_EQ(turned.predicted_values[0], -7);
}

TEST(BoundedSoftWeights, ClosesNoMoreThanTheTargetShare) {
  Random random(43);
  const Vector a = random.normals(50), u = random.normals(50);
  for (const double share : {0.1, 0.5, 1.0}) {
    const BoundedSoftWeights soft = solve_one(a, u, -2, {.kappa_rel = 0.01, .target_share = share});
    EXPECT_NEAR(soft.closed_shares[0], share, 1e-12);
    EXPECT_NEAR(soft.predicted_values[0], -2 * (1 - share), 1e-12);
  }
}

TEST(BoundedSoftWeights, RepaysWhatIsOwed) {
  Random random(44);
  const Vector a = random.normals(50), u = random.normals(50);
  const BoundedSoftWeights soft = solve_one(a, u, 2, {.kappa_rel = 0.01, .repay = 5});
  ASSERT_EQ(soft.status, QpStatus::kSolved);
  EXPECT_NEAR(soft.predicted_utility_change, -5, 1e-11);
  EXPECT_EQ(soft.active, ActivePromises::kBoth);
  EXPECT_NEAR(soft.reachable_repayment, u.cwiseAbs().sum(), 1e-12);
  // More than the bounds allow is infeasible, with the proof.
  const BoundedSoftWeights never = solve_one(a, u, 2, {.repay = 1000});
  EXPECT_EQ(never.status, QpStatus::kInfeasible);
  EXPECT_EQ(largest(never.change.delta), 0);
  EXPECT_EQ(never.certificate, pair(0, 1));
  EXPECT_NEAR(never.reachable_repayment, u.cwiseAbs().sum(), 1e-12);
  EXPECT_EQ(never.predicted_values[0], 2);
}

TEST(BoundedSoftWeights, SeveralGoalsCountByTheShareClosed) {
  Random random(45);
  const Vector a = random.normals(60), b = random.normals(60), u = random.normals(60);
  const Vector ones = Vector::Ones(60);
  const BoundedSoftOptions options{.kappa_rel = 1e-3};
  const BoundedSoftWeights soft =
      soft_weights_bounded({{view(a), 0.3}, {view(b), -0.02}}, u, ones, {}, options);
  ASSERT_EQ(soft.status, QpStatus::kSolved);
  EXPECT_NEAR(soft.closed_shares[0], 1, 1e-12);
  EXPECT_NEAR(soft.closed_shares[1], 1, 1e-12);
  EXPECT_NEAR(largest(soft.predicted_values), 0, 1e-13);
  EXPECT_GE(-soft.predicted_utility_change, -1e-12);
  // The units of one metric do not matter.
  const Vector b1000 = 1000 * b;
  const BoundedSoftWeights other =
      soft_weights_bounded({{view(a), 0.3}, {view(b1000), -20}}, u, ones, {}, options);
  EXPECT_LE(largest(other.change.delta - soft.change.delta), 1e-11);
  // The same goal twice is the goal once: a doubles, and so does kappa at half kappa_rel.
  const BoundedSoftWeights once =
      soft_weights_bounded({{view(a), 0.3}}, u, ones, {}, {.kappa_rel = 2});
  const BoundedSoftWeights twice =
      soft_weights_bounded({{view(a), 0.3}, {view(a), 0.3}}, u, ones, {}, {.kappa_rel = 1});
  EXPECT_LE(largest(once.change.delta - twice.change.delta), 1e-12);
}

TEST(BoundedSoftWeights, AGapOfZeroIsHeld) {
  Random random(46);
  const Vector a = random.normals(60), b = random.normals(60), u = random.normals(60);
  const BoundedSoftWeights soft = soft_weights_bounded({{view(a), 0.3}, {view(b), 0}}, u,
                                                       Vector::Ones(60), {}, {.kappa_rel = 0.1});
  ASSERT_EQ(soft.status, QpStatus::kSolved);
  EXPECT_NEAR(b.dot(soft.change.delta), 0, 1e-13);
  EXPECT_NEAR(soft.closed_shares[0], 1, 1e-12);
  EXPECT_EQ(soft.closed_shares[1], 0);
}

TEST(BoundedSoftWeights, PenaltyOnTheTotalPullsBackWhatWasDone) {
  Random random(47);
  const Index n = 30;
  const Vector a = random.normals(n), u = random.normals(n), ones = Vector::Ones(n);
  const Reweighting before{.delta = 0.3 * random.normals(n).cwiseMax(-2).cwiseMin(2)};
  const BoundedSoftOptions options{
      .kappa_rel = 0.5, .lower = -0.9, .upper = 0.9, .penalty = SoftPenalty::kTotal};
  const BoundedSoftWeights soft = soft_weights_bounded({{view(a), 1}}, u, ones, before, options);
  ASSERT_EQ(soft.status, QpStatus::kSolved);
  // Stationary where free: 2 kappa (D + e) = (1 - mu) a + nu u.
  const Vector slope = 2 * soft.kappa * soft.total.delta - (1 - soft.gap_multipliers[0]) * a -
                       soft.utility_multiplier * u;
  Index free = 0;
  for (Index j = 0; j < n; ++j) {
    if (std::abs(soft.total.delta[j]) < 0.9) {
      EXPECT_NEAR(slope[j], 0, 1e-12);
      ++free;
    }
  }
  EXPECT_EQ(free, soft.free);
  EXPECT_GT(free, n / 2);
  BoundedSoftOptions step = options;
  step.penalty = SoftPenalty::kStep;
  EXPECT_LT(soft.total.delta.norm(),
            soft_weights_bounded({{view(a), 1}}, u, ones, before, step).total.delta.norm());
}

TEST(BoundedSoftWeights, ATooSmallKappaIsRaisedAndSaid) {
  Random random(48);
  const Vector a = random.normals(20), u = random.normals(20);
  const BoundedSoftWeights soft = solve_one(a, u, 1, {.kappa = 1e-12});
  EXPECT_TRUE(soft.kappa_raised);
  EXPECT_EQ(soft.kappa, 1e-6 * largest(a) / 2);
  EXPECT_EQ(soft.status, QpStatus::kSolved);
}

TEST(BoundedSoftWeights, PermutingTheRowsPermutesTheAnswer) {
  Random random(49);
  const Index n = 2500;
  const Vector a = random.normals(n), u = random.normals(n);
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  std::shuffle(order.begin(), order.end(), random.engine());
  const BoundedSoftOptions options{.kappa_rel = 0.01, .lower = -0.5, .upper = 0.5};
  const Vector straight = solve_one(a, u, 600, options).change.delta;
  const Vector moved = solve_one(a(order), u(order), 600, options).change.delta;
  EXPECT_LE(largest(moved - Vector(straight(order))), 1e-11);
}

TEST(BoundedSoftWeights, TheSameBytesForAnyNumberOfThreads) {
  Random random(50);
  const Vector a = random.normals(100'003), u = random.normals(100'003);
  const BoundedSoftOptions options{.kappa_rel = 0.01, .lower = -0.3, .upper = 0.3};
  set_threads(1);
  const BoundedSoftWeights one = solve_one(a, u, 2e4, options);
  EXPECT_EQ(one.status, QpStatus::kSolved);
  EXPECT_GT(one.at_lower + one.at_upper, 1000);
  for (const int count : {2, 4}) {
    set_threads(count);
    EXPECT_EQ(one.change.delta, solve_one(a, u, 2e4, options).change.delta);
  }
  set_threads(0);
}

TEST(BoundedSoftWeights, TheSameBytesWithEveryInstructionSet) {
  Random random(51);
  for (const Index n : {1, 2, 7, 8, 9, 30, 63, 1025, 40'003}) {
    const Vector a = random.normals(n), b = random.normals(n), u = random.normals(n);
    const Vector weights = random.normals(n).cwiseAbs();
    const Reweighting before{
        .delta = random.normals(n).cwiseMin(0.4).cwiseMax(-0.4 * weights.cwiseMin(1))};
    const double value = 0.2 * a.lpNorm<1>();
    for (const SoftPenalty penalty : {SoftPenalty::kStep, SoftPenalty::kTotal}) {
      const BoundedSoftOptions options{
          .kappa_rel = 0.01, .lower = -0.5, .upper = 0.5, .penalty = penalty};
      std::optional<BoundedSoftWeights> first;
      for_each_instruction_set([&] {
        const BoundedSoftWeights soft = soft_weights_bounded(
            {{view(a), value}, {view(b), -0.1 * value}}, u, weights, before, options);
        if (!first) first = soft;
        EXPECT_EQ(soft.kappa, first->kappa) << n;
        EXPECT_EQ(soft.change.delta, first->change.delta) << n;
        EXPECT_EQ(soft.total.delta, first->total.delta) << n;
        EXPECT_EQ(soft.predicted_values, first->predicted_values) << n;
        EXPECT_EQ(soft.predicted_utility_change, first->predicted_utility_change) << n;
        EXPECT_EQ(soft.at_lower, first->at_lower) << n;
      });
      EXPECT_GE((weights + first->total.delta).minCoeff(), 0) << n;
    }
  }
}

TEST(BoundedSoftWeights, SquaresDoNotOverflow) {
  Random random(52);
  const Vector a = random.normals(20);
  const double usual = solve_one(a, Vector(), 2, {.keep_utility = false}).kappa;
  for (const int exponent : {-600, -490, 490, 505}) {
    const Vector scaled = std::ldexp(1, exponent) * a;
    const double kappa =
        solve_one(scaled, Vector(), std::ldexp(2, exponent), {.keep_utility = false}).kappa;
    EXPECT_NEAR(std::ldexp(kappa, -exponent), usual, 1e-14 * usual) << exponent;
  }
}

struct Call {
  std::vector<Vector> influences = {pair(3, 4)};
  std::vector<double> values = {1};
  Vector u = pair(1, 0), weights = pair(1, 1);
  Reweighting accumulated;
  BoundedSoftOptions options;
};

template <class Change>
std::string refused(Change&& change) {
  Call call;
  change(call);
  return refusal([&] {
    std::vector<SoftGoal> goals;
    for (std::size_t m = 0; m < call.influences.size(); ++m) {
      goals.push_back({view(call.influences[m]), call.values[m]});
    }
    (void)soft_weights_bounded(goals, call.u, call.weights, call.accumulated, call.options);
  });
}

TEST(BoundedSoftWeights, RefusesBadArguments) {
  for (const double bad : {0.0, -1.0, kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refused([&](Call& c) { c.options.kappa = bad; }),
                HasSubstr("kappa must be finite and > 0, but is"));
    EXPECT_THAT(refused([&](Call& c) { c.options.kappa_rel = bad; }),
                HasSubstr("kappa_rel must be finite and > 0, but is"));
    EXPECT_THAT(refused([&](Call& c) { c.options.target_share = bad; }),
                HasSubstr("target_share must be"));
    EXPECT_THAT(refused([&](Call& c) { c.options.qp.tolerance = bad; }),
                HasSubstr("tolerance must be finite and > 0, but is"));
  }
  EXPECT_THAT(refused([](Call& c) { c.options.target_share = 1.1; }),
              HasSubstr("target_share must be between 0 and 1, but is 1.1"));
  for (const double bad : {-1.0, kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refused([&](Call& c) { c.options.repay = bad; }),
                HasSubstr("repay must be finite and >= 0, but is"));
  }
  EXPECT_THAT(refused([](Call& c) { c.options.lower = 0.1; }),
              HasSubstr("lower must be <= 0, but is 0.1"));
  EXPECT_THAT(refused([](Call& c) { c.options.lower = kNaN; }),
              HasSubstr("lower must be <= 0, but is nan"));
  EXPECT_THAT(refused([](Call& c) { c.options.upper = -0.1; }),
              HasSubstr("upper must be >= 0, but is -0.1"));
  EXPECT_THAT(refused([](Call& c) { c.options.upper = kNaN; }),
              HasSubstr("upper must be >= 0, but is nan"));
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refused([&](Call& c) { c.values[0] = bad; }),
                HasSubstr("value of goal 0 must be finite, but is"));
    EXPECT_THAT(refused([&](Call& c) { c.influences[0][1] = bad; }),
                HasSubstr("influence of goal 0 must be finite, but entry 1 is"));
    EXPECT_THAT(refused([&](Call& c) { c.u[1] = bad; }),
                HasSubstr("utility_influence must be finite, but entry 1 is"));
    EXPECT_THAT(refused([&](Call& c) { c.weights[1] = bad; }),
                HasSubstr("weights must be finite and >= 0, but entry 1 is"));
    EXPECT_THAT(refused([&](Call& c) { c.accumulated.delta = pair(0, bad); }),
                HasSubstr("accumulated must be finite, but entry 1 is"));
  }
  EXPECT_THAT(refused([](Call& c) { c.accumulated.delta = pair(0, 1.1); }),
              HasSubstr("accumulated must be between -1 and 1 and leave no weight negative, but "
                        "entry 1 is 1.1 on a weight of 1"));
  EXPECT_THAT(refused([](Call& c) {
                c.weights = pair(1, 0.2);
                c.accumulated.delta = pair(0, -0.3);
              }),
              HasSubstr("leave no weight negative, but entry 1 is -0.3 on a weight of 0.2"));
  EXPECT_THAT(refused([](Call& c) { c.accumulated.delta = Vector::Zero(3); }),
              HasSubstr("accumulated has 3 entries, but 2 are needed"));
  EXPECT_THAT(refused([](Call& c) { c.influences[0] = Vector::Ones(3); }),
              HasSubstr("influence of goal 0 has 3 entries, but 2 are needed"));
  EXPECT_THAT(refused([](Call& c) { c.u = Vector(); }),
              HasSubstr("utility_influence has 0 entries, but 2 are needed"));
  EXPECT_THAT(refused([](Call& c) { c.influences.clear(); }),
              HasSubstr("number of goals must be at least 1, but is 0"));
  EXPECT_EQ(refused([](Call&) {}), "accepted");
}

}  // namespace
}  // namespace recant

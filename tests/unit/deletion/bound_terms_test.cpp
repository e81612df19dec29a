// SPDX-License-Identifier: Apache-2.0
// The terms that are printed beside a bound are all of it: the bound is computed again from them
// alone, for 500 hostile instances of each loss at every tier.
#include "recant/certify/bound_terms.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "bound_from_terms.hpp"
#include "hostile_deletions.hpp"

namespace recant::test {
namespace {

/// How often each statement gave the bound, 3 by its two forms apart, by tier.
using Counts = std::map<std::string, std::map<std::string, int>>;

void expect_near(long double found, const DistanceBound& bound, double wanted,
                 const BoundFromTerms& again, const std::string& what) {
  if (!(wanted < INFINITY)) {
    EXPECT_FALSE(found < INFINITY) << what;
    return;
  }
  // Where c q is nearly 1, what the last digit of q does to eta.
  const long double x = bound.eta < INFINITY ? again.x : 0;
  const long double slack = 1e-12L + 1e-15L / (1 - x);
  EXPECT_LE(std::abs(found - wanted), slack * wanted) << what;
}

void check_terms(const DistanceBound& bound, const std::string& tier, const std::string& where,
                 Counts& counts) {
  std::map<std::string, double> terms;
  for (const BoundTerm& term : terms_of(bound)) {
    EXPECT_TRUE(terms.emplace(term.name, term.value).second) << term.name << " twice";
  }
  const BoundFromTerms again(terms);
  const auto near = [&](long double found, double wanted, const char* name) {
    expect_near(found, bound, wanted, again, where + " tier " + tier + " " + name);
  };
  near(again.a, bound.a, "a");
  near(again.b, bound.b, "b");
  near(again.ell, bound.leak, "ell");
  near(again.kappa, bound.kappa, "kappa");
  near(again.way_factor, bound.way_factor, "E_way");
  near(again.rounding, bound.rounding, "rounding");
  near(again.residual, bound.residual, "residual_h_inverse_norm");
  near(again.s_norm, bound.solution, "s_norm");
  near(again.rho_s, bound.solution_range, "rho_s");
  near(again.eta, bound.eta, "eta");
  near(again.zeta, bound.growth, "zeta");
  near(again.factor, bound.factor, "E");
  near(again.ball_factor, bound.ball_factor, "E_ball");
  near(again.zeta_ball, bound.ball_growth, "zeta_ball");
  near(again.statement_2, bound.newton, "statement_2");
  near(again.by_eta, bound.corrected_by_eta, "statement_3_eta");
  near(again.by_ball, bound.corrected_by_ball, "statement_3_ball");
  near(again.second_residual, bound.second_residual, "second_h_inverse_norm");
  near(again.by_second_look, bound.corrected_by_second_look, "statement_3_second");
  near(again.statement_4, bound.strong_convexity, "statement_4");
  near(again.distance(), bound.value, "distance");
  EXPECT_EQ(again.has("t"), again.ball_holds()) << where;

  std::string statement = "none";
  if (again.has("statement")) {
    const int number = static_cast<int>(again.at("statement"));
    statement = std::to_string(number);
    const double theirs = number == 2   ? bound.newton
                          : number == 3 ? bound.corrected
                                        : bound.strong_convexity;
    EXPECT_EQ(theirs, bound.value) << where;
    if (number == 3) {
      const bool ball = bound.corrected_by_ball < bound.corrected_by_eta;
      statement += bound.corrected == bound.corrected_by_second_look ? "c" : ball ? "b" : "a";
    }
  }
  ++counts[tier][statement];
}

class BoundTerms : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, BoundTerms,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(BoundTerms, GiveTheBoundAgain) {
  Counts counts;
  int way = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const HostileDeletion problem = hostile_deletion(GetParam(), seed);
    const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
    const Vector p = DeletionState(objective, problem.theta, problem.weights)
                         .row_gradients(problem.rows, problem.pull);
    const DeletionState state = delete_hostile(problem, objective, seed).state;
    const Vector theta = state.newton_point(), by_value = state.newton_point(p);
    const auto check = [&](const DistanceBound& bound, const char* tier) {
      check_terms(bound, tier, "instance " + std::to_string(seed), counts);
    };
    for (const FrameKind kind : {FrameKind::kDowndated, FrameKind::kBase}) {
      check(bound_from_step(state.frame(kind), state.measure_step(theta, kind)), "0");
      check(bound_from_step(state.frame(kind), state.measure_step(by_value, kind)), "0 by value");
    }
    if (state.keeps_third_derivative()) {
      check(bound_from_residual(state.frame(), state.expanded_residual(theta)), "half");
    }
    check(bound_from_residual(state.frame(), state.measure_residual(theta)), "1");
    check(bound_from_residual(state.frame(), state.measure_residual(theta, always)), "1, twice");
    check(bound_from_residual(state.frame(), state.measure_residual(by_value)), "1 by value");
    if (const auto past = delete_past_a_pass(problem, objective, seed)) {
      check(bound_from_step(past->frame(), past->measure_step(theta)), "0 after a pass");
      const DistanceBound carried =
          bound_from_residual(past->frame(), past->carried_residual(theta));
      check(carried, "0 from the last pass");
      way += carried.way_factor > 0 && carried.value < INFINITY;
    }
    const DeletionState again = state.rebuilt_at(theta);
    check(bound_from_residual(again.frame(), again.measure_residual(again.newton_point())), "2");
    const Vector exact = train_from(objective, state.weights(), theta).theta;
    const DeletionState last = state.rebuilt_at(exact);
    check(bound_from_residual(last.frame(), last.measure_residual(exact)), "retrain");
  }
  std::map<std::string, int> by_statement;
  for (const auto& [tier, statements] : counts) {
    for (const auto& [statement, times] : statements) {
      by_statement[statement] += times;
      RecordProperty("tier_" + tier + "_statement_" + statement, times);
    }
  }
  EXPECT_GE(way, 100);
  const bool squared = GetParam() == LossKind::kSquared;
  for (const char* statement : {"2", "3a"}) EXPECT_GE(by_statement[statement], 100);
  EXPECT_GE(by_statement["4"], squared ? 5 : 100);
  // The ball asks less than eta only where curvature changes.
  if (!squared) {
    EXPECT_GE(by_statement["3b"], 100);
    EXPECT_GE(by_statement["3c"], 100);
  }
}

TEST(BoundTerms, OfAGradientAloneAreThoseOfStatementFour) {
  for (const double score_rounding : {0.0, 1e-13}) {
    const DistanceBound bound = bound_from_gradient(
        0.3, {.norm = 1e-11, .sum_rounding = 1e-12, .score_rounding = score_rounding});
    std::map<std::string, double> terms;
    for (const BoundTerm& term : terms_of(bound)) terms[term.name] = term.value;
    EXPECT_EQ(terms, (std::map<std::string, double>{{"statement", 4},
                                                    {"statement_4", bound.value},
                                                    {"lambda", 0.3},
                                                    {"v_h_norm", 0},
                                                    {"r_norm", 1e-11},
                                                    {"r_sum_rounding", 1e-12},
                                                    {"r_score_rounding", score_rounding},
                                                    {"dropped", 0}}));
    EXPECT_LE(std::abs(BoundFromTerms(terms).distance() - bound.value), 1e-15L * bound.value);
  }
  EXPECT_FALSE(BoundFromTerms({{"statement", 4}, {"lambda", 1}}).distance() < INFINITY);
}

TEST(BoundTerms, OfNothingMeasuredAreNone) {
  EXPECT_TRUE(terms_of({}).empty());
}

}  // namespace
}  // namespace recant::test

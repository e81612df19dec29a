// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "expect_error.hpp"
#include "instruction_sets.hpp"
#include "recant/core/error.hpp"
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

/// The oracle's numbers of the four cases.
int oracle_case(const SoftWeights& soft) {
  return 1 + (soft.utility_multiplier > 0 ? 1 : 0) + (soft.gap_multiplier > 0 ? 2 : 0);
}

void expect_near(const Vector& actual, const Vector& expected, double relative,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  EXPECT_LE(largest(actual - expected), relative * largest(expected) + 1e-300) << what;
}

TEST(SoftWeights, TheFourCasesByHand) {
  const Vector a = pair(3, 4);
  const auto solve = [&](const Vector& u, double f, double kappa) {
    return soft_weights(a, u, f, {.kappa = kappa});
  };
  const SoftWeights none = solve(pair(1, 0), 10, 2);
  expect_near(none.change.delta, pair(0.75, 1), 1e-15, "case 1");
  EXPECT_EQ(none.active, ActivePromises::kNone);

  const SoftWeights gap = solve(pair(1, 0), 1, 0.1);
  expect_near(gap.change.delta, pair(0.12, 0.16), 1e-15, "case 2");
  EXPECT_EQ(gap.active, ActivePromises::kGap);
  EXPECT_NEAR(gap.gap_multiplier, 0.992, 1e-15);
  EXPECT_EQ(gap.utility_multiplier, 0);
  EXPECT_NEAR(gap.kappa_rel, 0.008, 1e-17);

  const SoftWeights utility = solve(pair(-1, 0), 10, 2);
  expect_near(utility.change.delta, pair(0, 1), 1e-15, "case 3");
  EXPECT_EQ(utility.active, ActivePromises::kUtility);
  EXPECT_NEAR(utility.utility_multiplier, 3, 1e-15);

  const SoftWeights both = solve(pair(-1, 0), 1, 0.1);
  expect_near(both.change.delta, pair(0, 0.25), 1e-15, "case 4");
  EXPECT_EQ(both.active, ActivePromises::kBoth);
  EXPECT_NEAR(both.gap_multiplier, 0.9875, 1e-15);
  EXPECT_NEAR(both.utility_multiplier, 0.0375, 1e-15);

  const SoftWeights opposed = solve(-2 * a, 1, 0.1);
  EXPECT_EQ(opposed.change.delta, pair(0, 0));
  EXPECT_EQ(opposed.degeneracy, SoftDegeneracy::kOpposed);
  EXPECT_EQ(opposed.active, ActivePromises::kUtility);
  EXPECT_NEAR(opposed.utility_multiplier, 0.5, 1e-15);
}

TEST(SoftWeights, EqualsTheOracle) {
  if (!golden_available()) GTEST_SKIP() << kNoGolden;
  const nlohmann::json golden = load_golden("soft_weights");
  ASSERT_EQ(golden["problems"].size(), 22U);
  for (const auto& problem : golden["problems"]) {
    const std::string what = problem["kind"];
    const auto& free = problem["free"];
    const SoftWeights soft =
        soft_weights(to_vector(problem["a"]), to_vector(problem["u"]), problem["budget"],
                     {.kappa = problem["lambda_e"].get<double>()});
    EXPECT_LE(largest(soft.change.delta - to_vector(free["e"])),
              what == "random" ? 1e-11 * largest(to_vector(free["e"])) : 1e-14)
        << what;
    const double objective = free["objective"];
    EXPECT_NEAR(soft.objective, objective, 1e-12 * std::abs(objective)) << what;
    if (what != "random") continue;
    EXPECT_EQ(oracle_case(soft), free["kkt_case"].get<int>());
    EXPECT_NEAR(soft.utility_multiplier, free["mu_utility"],
                1e-11 * free["mu_utility"].get<double>());
    EXPECT_NEAR(soft.gap_multiplier, free["mu_budget"], 1e-11);
    EXPECT_NEAR(soft.a_dot_e, free["a_dot_e"], 1e-11 * free["a_dot_e"].get<double>());
  }
}

// The gaps of these are negative: the sign has to be carried.
TEST(SoftWeights, EqualsTheOracleOnInfluencesOfAModel) {
  for (const std::string name :
       {"synth_d5_l05_b0", "synth_d5_l05_b1", "synth_d20_l1_b0", "synth_d20_l1_b1"}) {
    if (!golden_available()) GTEST_SKIP() << kNoGolden;
    const nlohmann::json golden = load_golden(name);
    const Vector u = to_vector(golden["influence"]["util"]);
    int compared = 0;
    for (const auto& expected : golden["soft_weights"]) {
      if (!expected["box"].is_null()) continue;
      const Vector influence =
          to_vector(golden["influence"][expected["target"].get<std::string>()]);
      const SoftWeights soft =
          soft_weights(influence, u, expected["f"], {.kappa = expected["lambda_e"].get<double>()});
      expect_near(soft.change.delta, to_vector(expected["e"]), 1e-8, name);
      EXPECT_EQ(oracle_case(soft), expected["kkt_case"].get<int>()) << name;
      EXPECT_NEAR(soft.objective, expected["objective"], 1e-10) << name;
      EXPECT_NEAR(soft.utility_multiplier, expected["mu_utility"], 1e-8) << name;
      EXPECT_NEAR(soft.gap_multiplier, expected["mu_budget"], 1e-8) << name;
      const ReweightingSummary summary = summarize(soft.change, Vector::Ones(u.size()));
      EXPECT_NEAR(summary.total_min, expected["min_weight"], 1e-8) << name;
      EXPECT_EQ(summary.negative_total_weight_rows == 0, expected["retrain_convex"].get<bool>());
      ++compared;
    }
    EXPECT_EQ(compared, 4) << name;
  }
}

/// Stationarity, the promises, and prices only where they bind: together they prove the optimum.
void expect_optimal(const Vector& influence, const Vector& u, double f, const SoftWeights& soft,
                    const std::string& what) {
  const Vector& e = soft.change.delta;
  const Vector a = influence * (f > 0 ? 1.0 : -1.0);
  const Vector slope =
      2 * soft.kappa * e - (1 - soft.gap_multiplier) * a - soft.utility_multiplier * u;
  EXPECT_LE(largest(slope), 1e-13 * (largest(a) + soft.utility_multiplier * largest(u))) << what;
  EXPECT_GE(soft.gap_multiplier, 0) << what;
  EXPECT_GE(soft.utility_multiplier, 0) << what;
  const double u_size = u.norm() * e.norm();
  EXPECT_GE(soft.u_dot_e, -1e-13 * u_size) << what;
  EXPECT_LE(soft.a_dot_e, std::abs(f) + 1e-13 * a.norm() * e.norm()) << what;
  if (soft.utility_multiplier > 0) {
    EXPECT_LE(std::abs(soft.u_dot_e), 1e-13 * u_size) << what;
  }
  if (soft.gap_multiplier > 0) {
    EXPECT_NEAR(soft.a_dot_e, std::abs(f), 1e-13 * a.norm() * e.norm()) << what;
  }
}

TEST(SoftWeights, MeetsTheOptimalityConditions) {
  Random random(21);
  std::vector<int> seen(5);
  for (int trial = 0; trial < 5000; ++trial) {
    const Index n = random.integer(1, 40);
    const Vector a = random.normals(n) * std::pow(10.0, random.uniform(-9, 9));
    const Vector u = random.normals(n) * std::pow(10.0, random.uniform(-9, 9));
    const double f = random.normal() * std::pow(10.0, random.uniform(-9, 9));
    const SoftWeights soft =
        soft_weights(a, u, f, {.kappa_rel = std::pow(10.0, random.uniform(-3, 1))});
    if (n == 1 && soft.degeneracy == SoftDegeneracy::kOpposed) continue;
    expect_optimal(a, u, f, soft, std::to_string(trial));
    ++seen[static_cast<std::size_t>(oracle_case(soft))];
  }
  for (int i = 1; i <= 4; ++i) EXPECT_GT(seen[static_cast<std::size_t>(i)], 100) << i;
}

// At such an angle A C - B^2 has no correct digit left.
TEST(SoftWeights, NearlyOpposedInfluences) {
  Random random(22);
  for (int trial = 0; trial < 2000; ++trial) {
    const Index n = random.integer(3, 60);
    const double angle = trial % 2 == 0 ? 1e-9 : 1e-6;
    const Vector a = random.normals(n);
    const Vector u = -random.uniform(0.1, 10) * (a + angle * random.normals(n));
    const SoftWeights soft = soft_weights(a, u, 1, {.kappa_rel = 1e-30});
    ASSERT_EQ(soft.active, ActivePromises::kBoth) << trial;
    const Vector& e = soft.change.delta;
    EXPECT_LE(std::abs(u.dot(e)), 1e-14 * u.norm() * e.norm()) << trial;
    EXPECT_NEAR(a.dot(e), 1, 1e-5) << trial;
    expect_optimal(a, u, 1, soft, std::to_string(trial));
  }
}

TEST(SoftWeights, OpposedToRounding) {
  Random random(23);
  for (int trial = 0; trial < 2000; ++trial) {
    const Vector a = random.normals(random.integer(1, 200));
    const SoftWeights soft = soft_weights(a, -random.uniform(1e-3, 1e3) * a, random.normal(), {});
    // The sign of the gap decides whether u is along a or against it.
    if (soft.degeneracy == SoftDegeneracy::kOpposed) {
      EXPECT_EQ(largest(soft.change.delta), 0) << trial;
    } else {
      EXPECT_EQ(soft.utility_multiplier, 0) << trial;
    }
  }
  const Vector a = random.normals(7);
  EXPECT_EQ(soft_weights(a, -3 * a, 1, {}).degeneracy, SoftDegeneracy::kOpposed);
  EXPECT_EQ(soft_weights(a, -3 * a, -1, {}).degeneracy, SoftDegeneracy::kNone);
  EXPECT_EQ(soft_weights(a, -3 * a, 1, {.keep_utility = false}).active, ActivePromises::kNone);
}

TEST(SoftWeights, InfluencesTooSmallForFiniteWeightsAreRefused) {
  const Vector tiny = Vector::Constant(3, 1e-320);
  expect_error<DataError>(
      [&] { return soft_weights(tiny, Vector(), 0.5, {.keep_utility = false}); },
      {"gap_influence", "so small"});
}

TEST(SoftWeights, NothingToDo) {
  const Vector a = pair(3, 4), zero = pair(0, 0);
  const SoftWeights no_gap = soft_weights(a, pair(1, 0), 0, {});
  EXPECT_EQ(no_gap.degeneracy, SoftDegeneracy::kNoGap);
  EXPECT_EQ(no_gap.change.delta, zero);
  const SoftWeights no_influence = soft_weights(zero, pair(1, 0), 1, {.kappa = 2});
  EXPECT_EQ(no_influence.degeneracy, SoftDegeneracy::kNoInfluence);
  EXPECT_EQ(no_influence.change.delta, zero);
  EXPECT_EQ(no_influence.kappa, 2);
  const SoftWeights no_utility = soft_weights(a, zero, 1, {});
  expect_near(no_utility.change.delta, a / 25, 1e-15, "u = 0");
  const SoftWeights no_rows = soft_weights(Vector(), Vector(), 1, {});
  EXPECT_EQ(no_rows.degeneracy, SoftDegeneracy::kNoInfluence);
}

TEST(SoftWeights, SquaresDoNotOverflow) {
  for (const double scale : {1e-200, 1e-160, 1e160, 1e200}) {
    const Vector a = pair(3, 4) * scale, u = pair(-1, 0) / scale;
    const SoftWeights soft = soft_weights(a, u, scale, {.kappa_rel = 1e-3});
    expect_near(soft.change.delta, pair(0, 0.25), 1e-14, std::to_string(scale));
    EXPECT_NEAR(soft.a_dot_e / scale, 1, 1e-14);
  }
}

TEST(SoftWeights, KappaRelOneJustClosesTheGap) {
  Random random(24);
  const Vector a = random.normals(50);
  EXPECT_NEAR(soft_weights(a, -a, -3, {}).a_dot_e, 3, 1e-13);
  EXPECT_NEAR(soft_weights(a, -a, -3, {.kappa_rel = 2}).a_dot_e, 1.5, 1e-13);
  EXPECT_NEAR(soft_weights(a, -a, -3, {.kappa_rel = 0.5}).a_dot_e, 3, 1e-13);
  // Both ways to say kappa are one.
  const SoftWeights relative = soft_weights(a, random.normals(50), 2, {.kappa_rel = 0.3});
  EXPECT_NEAR(relative.kappa, 0.3 * a.squaredNorm() / 4, 1e-12);
}

TEST(SoftWeights, ANegativeGapIsAPositiveOneWithInfluencesTurned) {
  Random random(25);
  for (int trial = 0; trial < 200; ++trial) {
    const Vector a = random.normals(20), u = random.normals(20);
    const SoftWeights x = soft_weights(a, u, -0.7, {.kappa_rel = 0.2});
    const SoftWeights y = soft_weights(-a, u, 0.7, {.kappa_rel = 0.2});
    EXPECT_EQ(x.change.delta, y.change.delta);
    EXPECT_EQ(x.a_dot_e, y.a_dot_e);
    EXPECT_EQ(x.gap_multiplier, y.gap_multiplier);
    EXPECT_LT(a.dot(x.change.delta), 0);  // the gap rises to 0
  }
}

TEST(SoftWeights, UnitsOfTheMetricsDoNotMatter) {
  Random random(26);
  const Vector a = random.normals(30), u = random.normals(30);
  const Vector e = soft_weights(a, u, 0.4, {.kappa_rel = 0.1}).change.delta;
  expect_near(soft_weights(1e5 * a, 1e-7 * u, 0.4e5, {.kappa_rel = 0.1}).change.delta, e, 1e-13,
              "");
  expect_near(soft_weights(a, u, 0.8, {.kappa_rel = 0.1}).change.delta, 2 * e, 1e-13, "");
}

TEST(SoftWeights, PermutingTheRowsPermutesTheAnswer) {
  Random random(27);
  const Vector a = random.normals(3000), u = random.normals(3000);
  std::vector<Index> order(3000);
  std::iota(order.begin(), order.end(), Index{0});
  std::shuffle(order.begin(), order.end(), random.engine());
  const Vector straight = soft_weights(a, u, 1, {}).change.delta;
  expect_near(soft_weights(a(order), u(order), 1, {}).change.delta, straight(order), 1e-12, "");
}

TEST(SoftWeights, TheSameBytesForAnyNumberOfThreads) {
  Random random(28);
  const Vector a = random.normals(200'003), u = random.normals(200'003);
  set_threads(1);
  const SoftWeights one = soft_weights(a, u, 1, {});
  for (const int count : {2, 4}) {
    set_threads(count);
    EXPECT_EQ(one.change.delta, soft_weights(a, u, 1, {}).change.delta);
  }
  set_threads(0);
}

TEST(SoftWeights, TheSameBytesWithEveryInstructionSet) {
  Random random(29);
  std::vector<int> seen(4);
  for (Index n = 1; n <= 70; ++n) {
    const Vector a = random.normals(n), u = random.normals(n);
    for (const double gap : {0.7, -0.7}) {
      for (const double kappa_rel : {0.2, 1.5}) {
        std::optional<SoftWeights> first;
        for_each_instruction_set([&] {
          const SoftWeights soft = soft_weights(a, u, gap, {.kappa_rel = kappa_rel});
          if (!first) first = soft;
          EXPECT_EQ(soft.change.delta, first->change.delta) << n;
          EXPECT_EQ(soft.a_dot_e, first->a_dot_e) << n;
          EXPECT_EQ(soft.u_dot_e, first->u_dot_e) << n;
          EXPECT_EQ(soft.objective, first->objective) << n;
          EXPECT_EQ(soft.utility_multiplier, first->utility_multiplier) << n;
        });
        ++seen[static_cast<std::size_t>(first->active)];
      }
    }
  }
  for (const int count : seen) EXPECT_GT(count, 5);
}

// Where no promise is asked for, u is looked at all the same.
TEST(SoftWeights, WithoutAPromiseTheUtilityIsOnlyPredicted) {
  Random random(30);
  const Vector a = random.normals(100), u = random.normals(100) - a;
  const SoftWeights alone = soft_weights(a, Vector(), 1, {.keep_utility = false});
  const SoftWeights with = soft_weights(a, 1e200 * u, 1, {.keep_utility = false});
  EXPECT_EQ(alone.change.delta, with.change.delta);
  EXPECT_EQ(alone.u_dot_e, 0);
  EXPECT_EQ(with.utility_multiplier, 0);
  EXPECT_NEAR(with.u_dot_e / 1e200, u.dot(alone.change.delta), 1e-13);
  EXPECT_LT(with.u_dot_e, 0);
}

TEST(SoftWeights, RefusesBadArguments) {
  const Vector a = pair(3, 4), u = pair(1, 0);
  for (const double bad : {0.0, -1.0, kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refusal([&] { (void)soft_weights(a, u, 1, {.kappa = bad}); }),
                HasSubstr("kappa must be finite and > 0, but is"));
    EXPECT_THAT(refusal([&] { (void)soft_weights(a, u, 1, {.kappa_rel = bad}); }),
                HasSubstr("kappa_rel must be finite and > 0, but is"));
  }
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refusal([&] { (void)soft_weights(a, u, bad, {}); }),
                HasSubstr("gap must be finite, but is"));
    EXPECT_THAT(refusal([&] { (void)soft_weights(pair(1, bad), u, 1, {}); }),
                HasSubstr("gap_influence must be finite, but entry 1 is"));
    EXPECT_THAT(refusal([&] { (void)soft_weights(a, pair(bad, 1), 1, {}); }),
                HasSubstr("utility_influence must be finite, but entry 0 is"));
  }
  EXPECT_THAT(refusal([&] { (void)soft_weights(a, Vector::Ones(3), 1, {}); }),
              HasSubstr("utility_influence has 3 entries, but 2 are needed"));
  EXPECT_THAT(refusal([&] { (void)soft_weights(a, Vector(), 1, {}); }),
              HasSubstr("utility_influence has 0 entries, but 2 are needed"));
  EXPECT_EQ(refusal([&] { (void)soft_weights(a, Vector(), 1, {.keep_utility = false}); }),
            "accepted");
}

TEST(SoftWeights, Names) {
  EXPECT_EQ(name(ActivePromises::kNone), "none");
  EXPECT_EQ(name(ActivePromises::kGap), "gap");
  EXPECT_EQ(name(ActivePromises::kUtility), "utility");
  EXPECT_EQ(name(ActivePromises::kBoth), "both");
  EXPECT_EQ(name(SoftDegeneracy::kNone), "none");
  EXPECT_EQ(name(SoftDegeneracy::kNoGap), "no_gap");
  EXPECT_EQ(name(SoftDegeneracy::kNoInfluence), "no_influence");
  EXPECT_EQ(name(SoftDegeneracy::kOpposed), "opposed");
}

}  // namespace
}  // namespace recant

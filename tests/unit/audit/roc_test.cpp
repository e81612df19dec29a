// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/roc.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "compare.hpp"
#include "expect_error.hpp"
#include "instruction_sets.hpp"
#include "problems.hpp"
#include "recant/audit/rate.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Scores with ties: multiples of `grid`.
Vector scores(test::Random& random, Index n, double shift, double grid) {
  const Vector raw = random.normals(n).array() + shift;
  return (raw / grid).array().round() * grid;
}

/// Every pair, and DeLong's variance by its definition.
struct NaiveAuc {
  NaiveAuc(const Vector& in, const Vector& out) : members(in.size()), others(out.size()) {
    const auto share_below = [](double score, const Vector& of) {
      const auto twice = 2 * (of.array() < score).count() + (of.array() == score).count();
      return static_cast<double>(twice) / (2 * static_cast<double>(of.size()));
    };
    for (Index i = 0; i < in.size(); ++i) members[i] = share_below(in[i], out);
    for (Index j = 0; j < out.size(); ++j) others[j] = 1 - share_below(out[j], in);
    value = members.mean();
    standard_error = std::sqrt(variance(members) + variance(others));
  }
  static double variance(const Vector& v) {
    if (v.size() < 2) return 0;
    const auto n = static_cast<double>(v.size());
    return (v.array() - v.mean()).square().sum() / (n * (n - 1));
  }
  Vector members, others;
  double value, standard_error;
};

/// Scores that are hard to put in order: ties, both zeros, infinities, numbers that differ in their
/// last bits, and sizes from the smallest number to the largest.
std::vector<std::function<double(test::Random&)>> hard_scores() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto one_of = [](std::vector<double> values) {
    return [values](test::Random& random) {
      return values[static_cast<std::size_t>(random.below(std::ssize(values)))];
    };
  };
  return {[](test::Random& random) { return random.normal(); },
          [](test::Random& random) { return std::round(4 * random.normal()); },
          [](test::Random& random) { return std::exp(200 * random.normal()) - 1e-30; },
          [](test::Random& random) { return 1 + 0x1p-52 * std::round(30 * random.normal()); },
          [](test::Random& random) { return 0x1p-1074 * std::round(30 * random.normal()); },
          [](test::Random&) { return 0.0; },
          one_of({0.0, -0.0}),
          one_of({-kInfinity, kInfinity, 0.0, -0.0, 0x1p-1074, -0x1p-1074, 1.0, 1 + 0x1p-52,
                  std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()})};
}

Vector drawn(const std::function<double(test::Random&)>& score, test::Random& random, Index n) {
  Vector out(n);
  for (double& value : out) value = score(random);
  return out;
}

TEST(Auc, EqualsAllPairs) {
  for_each_instruction_set([] {
    test::Random random(31);
    for (const auto& score : hard_scores()) {
      for (const auto& [m, n] : {std::pair<Index, Index>{1, 1},
                                 {1, 7},
                                 {9, 2},
                                 {32, 32},
                                 {40, 25},
                                 {200, 301},
                                 {1500, 2600}}) {
        const Vector in = drawn(score, random, m), out = drawn(score, random, n);
        const Auc found = auc(in, out);
        const NaiveAuc wanted(in, out);
        EXPECT_EQ(found.value, wanted.value) << m << " and " << n;
        EXPECT_EQ(found.standard_error, wanted.standard_error) << m << " and " << n;
        EXPECT_LE(found.low, found.value);
        EXPECT_GE(found.high, found.value);
        // The other way round.
        EXPECT_NEAR(auc(out, in).value, 1 - found.value, 1e-13);
      }
    }
  });
}

TEST(Auc, DifferenceEqualsItsDefinition) {
  test::Random random(32);
  const Vector in = scores(random, 60, 0.5, 0.25), out = scores(random, 45, 0, 0.25);
  const Vector in2 = in + scores(random, 60, 0.2, 0.25), out2 = out + scores(random, 45, 0, 0.25);
  const AucDifference found = auc_difference(in, out, in2, out2, 0.95);
  const NaiveAuc a(in, out), b(in2, out2);
  EXPECT_NEAR(found.value, b.value - a.value, 1e-13);
  const double error = std::sqrt(NaiveAuc::variance(b.members - a.members) +
                                 NaiveAuc::variance(b.others - a.others));
  EXPECT_NEAR(found.standard_error, error, 1e-12);
  const double x = NaiveAuc::variance(b.members - a.members) / (error * error);
  const double degrees = 1 / (x * x / 59 + (1 - x) * (1 - x) / 44);
  EXPECT_NEAR(found.high - found.value, student_quantile(0.975, degrees) * error, 1e-12);
  EXPECT_NEAR(found.value - found.low, found.high - found.value, 1e-14);
  EXPECT_EQ(found.interval, AucInterval::kDeLong);
}

// None of 45 disjoint pairs changed its order: that many can tell from none that often.
TEST(Auc, NoDifferenceKeepsAnInterval) {
  test::Random random(36);
  const Vector in = scores(random, 60, 0.5, 0.25), out = scores(random, 45, 0, 0.25);
  const AucDifference same = auc_difference(in, out, 2 * in, 2 * out);
  EXPECT_EQ(same.value, 0);
  EXPECT_EQ(same.standard_error, 0);
  EXPECT_EQ(same.high, rate(0, 45).high);
  EXPECT_EQ(same.low, -same.high);
  EXPECT_EQ(same.interval, AucInterval::kPairs);
  // All members pass all others: no variance either, and no certainty.
  const Vector up = Vector::Constant(20, 2), down = Vector::Zero(20);
  const AucDifference turned = auc_difference(down, up, up, down);
  EXPECT_EQ(turned.value, 2 - 1);
  EXPECT_NEAR(turned.low, 2 * std::pow(0.025, 1.0 / 20) - 1, 1e-12);
  EXPECT_EQ(turned.high, 1);
}

TEST(Roc, CurveAgreesWithCountingAndTheArea) {
  test::Random random(33);
  const Vector in = scores(random, 80, 0.7, 0.3), out = scores(random, 50, 0, 0.3);
  const auto curve = roc_curve(in, out);
  EXPECT_EQ(curve.front().true_positives, 0);
  EXPECT_EQ(curve.back().true_positives, 80);
  EXPECT_EQ(curve.back().false_positives, 50);
  double area = 0;
  for (std::size_t k = 0; k < curve.size(); ++k) {
    EXPECT_EQ(curve[k].true_positives, (in.array() > curve[k].threshold).count());
    EXPECT_EQ(curve[k].false_positives, (out.array() > curve[k].threshold).count());
    if (k == 0) continue;
    EXPECT_LT(curve[k].threshold, curve[k - 1].threshold);
    area += static_cast<double>((curve[k].true_positives + curve[k - 1].true_positives) *
                                (curve[k].false_positives - curve[k - 1].false_positives)) /
            2;
  }
  EXPECT_NEAR(area / 4000, auc(in, out).value, 1e-13);
}

TEST(Roc, PassesOneScoreAfterAnother) {
  for_each_instruction_set([] {
    test::Random random(35);
    for (const auto& score : hard_scores()) {
      const Vector in = drawn(score, random, 700), out = drawn(score, random, 900);
      std::set<double, std::greater<>> different(in.begin(), in.end());
      different.insert(out.begin(), out.end());
      const auto curve = roc_curve(in, out);
      ASSERT_EQ(curve.size(), different.size() + 1);
      std::size_t k = 0;
      for (const double one : different) {
        EXPECT_EQ(curve[k].threshold, one);
        EXPECT_EQ(curve[k].true_positives, (in.array() > one).count());
        EXPECT_EQ(curve[k].false_positives, (out.array() > one).count());
        ++k;
      }
      EXPECT_EQ(curve[k].threshold, -std::numeric_limits<double>::infinity());
      EXPECT_EQ(curve[k].true_positives, in.size());
      EXPECT_EQ(curve[k].false_positives, out.size());
    }
  });
}

TEST(Auc, PerfectSeparationKeepsAnInterval) {
  const Vector in = Vector::LinSpaced(30, 2, 3), out = Vector::LinSpaced(12, 0, 1);
  const Auc found = auc(in, out, 0.95);
  EXPECT_EQ(found.value, 1);
  EXPECT_NEAR(found.low, std::pow(0.025, 1.0 / 12), 1e-12);
  EXPECT_EQ(found.high, 1);
  EXPECT_EQ(auc(out, in).low, 0);
  EXPECT_EQ(found.interval, AucInterval::kPairs);
}

TEST(Auc, EqualScoresSayAsMuchOfEitherSide) {
  const Auc found = auc(Vector::Zero(100), Vector::Zero(100));
  EXPECT_EQ(found.value, 0.5);
  EXPECT_NEAR(found.low + found.high, 1, 1e-14);
  // KL(1/2 || A) = -log(4 A (1 - A)) / 2.
  EXPECT_NEAR(-std::log(4 * found.low * (1 - found.low)) / 2, std::log(40) / 100, 1e-12);
}

/// Scores of two sources, and P(member > other) of them.
struct Sources {
  const char* name;
  std::function<double(test::Random&)> member, other;
  double truth;
};

/// N(shift, spread) against N(0, 1): Phi(shift / sqrt(1 + spread^2)).
Sources normal_sources(const char* name, double shift, double spread) {
  return {name, [=](test::Random& random) { return shift + spread * random.normal(); },
          [](test::Random& random) { return random.normal(); },
          std::erfc(-shift / std::sqrt(2 * (1 + spread * spread))) / 2};
}

/// Even, skewed and wide ones; members above all others or below all; members that hardly vary.
std::vector<Sources> sources() {
  const auto exponential = [](double mean) {
    return [mean](test::Random& random) {
      return mean * std::pow(random.normal(), 2) + mean * std::pow(random.normal(), 2);
    };
  };
  return {
      normal_sources("alike", 0, 1),
      normal_sources("apart", 1, 1),
      normal_sources("far apart", 2, 1),
      normal_sources("wide", 0.8, 5),
      normal_sources("narrow", 0.8, 0.2),
      {"skewed", exponential(3), exponential(1), 0.75},
      {"very skewed", exponential(20), exponential(1), 20.0 / 21},
      {"above or below all",
       [](test::Random& random) { return random.normal() < 1 ? 10.0 : -10.0; },
       [](test::Random& random) { return random.normal(); }, std::erfc(-1 / std::sqrt(2.0)) / 2}};
}

// Of 2,000 intervals at 95 % fewer than 93.2 % cover once in 9,000 times (3.7 standard errors); the
// seed is fixed. DeLong's variance with a normal quantile covers 7 % with one member, 72 % with two
// and 81 % of the very skewed with ten.
TEST(Auc, IntervalsCoverWithFewRows) {
  test::Random random(34);
  constexpr int kTrials = 2000;
  for (const auto& [m, n] : {std::pair<Index, Index>{1, 200},
                             {2, 200},
                             {5, 5},
                             {9, 200},
                             {10, 10},
                             {10, 200},
                             {20, 200},
                             {200, 12},
                             {60, 80}}) {
    for (const Sources& from : sources()) {
      int covered = 0, by_pairs = 0;
      for (int t = 0; t < kTrials; ++t) {
        const Auc found = auc(drawn(from.member, random, m), drawn(from.other, random, n));
        covered += found.low <= from.truth && from.truth <= found.high;
        by_pairs += found.interval == AucInterval::kPairs;
      }
      EXPECT_GE(covered, 0.932 * kTrials) << from.name << ", " << m << " and " << n;
      EXPECT_EQ(by_pairs == kTrials, std::min(m, n) < kFewestRows);
    }
  }
}

// Not by being wide: from 60 rows on the coverage is about what was asked for.
TEST(Auc, IntervalsAreNoWiderThanNeeded) {
  test::Random random(37);
  for (const double shift : {0.0, 0.8}) {
    const Sources from = normal_sources("", shift, 1);
    int covered = 0;
    constexpr int kTrials = 2000;
    for (int t = 0; t < kTrials; ++t) {
      const Auc found = auc(drawn(from.member, random, 60), drawn(from.other, random, 80));
      covered += found.low <= from.truth && from.truth <= found.high;
    }
    EXPECT_GE(covered, 0.932 * kTrials) << shift;
    EXPECT_LE(covered, 0.972 * kTrials) << shift;
  }
}

TEST(Auc, RefusesBadScores) {
  const Vector one = Vector::Ones(1), none;
  Vector nan = one;
  nan[0] = std::numeric_limits<double>::quiet_NaN();
  test::expect_error<UsageError>([&] { return auc(none, one); }, {"members"});
  test::expect_error<UsageError>([&] { return roc_curve(one, none); }, {"others"});
  test::expect_error<UsageError>([&] { return auc(one, nan); }, {"NaN"});
  test::expect_error<UsageError>([&] { return auc(one, one, 1); }, {"confidence"});
  test::expect_error<UsageError>([&] { return auc_difference(one, one, Vector::Ones(2), one); },
                                 {"second members"});
}

}  // namespace
}  // namespace recant

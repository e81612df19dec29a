// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/value_weighted.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "expect_error.hpp"
#include "recant/weighting/hard.hpp"
#include "weighting_cases.hpp"

namespace recant {
namespace {

using test::expect_error;
using testing::ElementsAre;

constexpr ValueForm kForms[] = {ValueForm::kSigmoid, ValueForm::kRank, ValueForm::kExp};

Vector vector(std::initializer_list<double> values) {
  return Eigen::Map<const Vector>(values.begin(), static_cast<Index>(values.size()));
}

/// The formulas in straight loops and long double.
Vector naive_factors(const Vector& values, ValueForm form, double alpha) {
  const auto m = static_cast<std::size_t>(values.size());
  std::vector<long double> raw(m);
  long double mean = 0, variance = 0, sum = 0;
  for (const double v : values) mean += static_cast<long double>(v) / static_cast<long double>(m);
  for (const double v : values) variance += (v - mean) * (v - mean) / static_cast<long double>(m);
  for (std::size_t j = 0; j < m; ++j) {
    const double v = values[static_cast<Index>(j)];
    const long double z = (v - mean) / std::sqrt(variance);
    if (form == ValueForm::kSigmoid) raw[j] = 2 / (1 + std::exp(alpha * z));
    if (form == ValueForm::kExp) raw[j] = std::exp(-alpha * z);
    if (form == ValueForm::kRank) {
      long double below = 0, same = 0;
      for (const double other : values) below += other < v, same += other == v;
      const long double rank = below + (same + 1) / 2;
      raw[j] = 1 + alpha * (1 - 2 * (rank - 0.5L) / static_cast<long double>(m));
    }
    sum += raw[j];
  }
  Vector factors(values.size());
  for (std::size_t j = 0; j < m; ++j) {
    factors[static_cast<Index>(j)] =
        static_cast<double>(raw[j] / sum * static_cast<long double>(m));
  }
  return factors;
}

TEST(ValueFactors, ByHand) {
  // z = (1, -1): sigmoid 2/(1+e), 2e/(1+e), whose mean is 1.
  const double e = std::exp(1.0);
  const Vector two = value_factors(vector({5, 3}), {.alpha = 1});
  EXPECT_NEAR(two[0], 2 / (1 + e), 1e-15);
  EXPECT_NEAR(two[1], 2 * e / (1 + e), 1e-15);
  const Vector exp = value_factors(vector({5, 3}), {.form = ValueForm::kExp, .alpha = 0.5});
  EXPECT_NEAR(exp[1] / exp[0], e, 1e-14);
  const Vector rank = value_factors(vector({7, 1, 7, -2}), {.form = ValueForm::kRank, .alpha = 1});
  EXPECT_THAT(std::vector<double>(rank.begin(), rank.end()), ElementsAre(0.5, 1.25, 0.5, 1.75));
}

TEST(ValueFactors, EqualTheNaiveFormulas) {
  test::Random random(71);
  for (const Index m : {2, 3, 10, 333}) {
    for (const ValueForm form : kForms) {
      for (const double alpha : {1e-6, 0.1, 0.5, 1.0, 5.0}) {
        if (form == ValueForm::kRank && alpha > 1) continue;
        Vector values = 1e-3 * random.normals(m).array() + 0.5;
        for (Index j = 3; j < m; j += 3) values[j] = values[j - 1];  // ties
        const Vector found = value_factors(values, {.form = form, .alpha = alpha});
        const Vector wanted = naive_factors(values, form, alpha);
        EXPECT_LE((found - wanted).cwiseQuotient(wanted).cwiseAbs().maxCoeff(), 1e-11)
            << name(form) << " m " << m << " alpha " << alpha;
      }
    }
  }
}

TEST(ValueFactors, MeanOneBoundedAndFallingInValue) {
  test::Random random(72);
  for (const ValueForm form : kForms) {
    for (const double alpha : {0.01, 0.3, 1.0, 30.0}) {
      if (form == ValueForm::kRank && alpha > 1) continue;
      const Vector values = random.normals(200);
      const Vector w = value_factors(values, {.form = form, .alpha = alpha});
      EXPECT_NEAR(w.mean(), 1, 1e-13);
      EXPECT_GT(w.minCoeff(), 0);
      EXPECT_LE(w.maxCoeff(), form == ValueForm::kRank ? 1 + alpha : 200);
      std::vector<Index> order(200);
      std::iota(order.begin(), order.end(), Index{0});
      std::sort(order.begin(), order.end(),
                [&](Index a, Index b) { return values[a] < values[b]; });
      for (std::size_t k = 1; k < order.size(); ++k) EXPECT_LE(w[order[k]], w[order[k - 1]]);
      EXPECT_LT(w[order.back()], w[order.front()]);
      // Shift, positive factor, order of the rows.
      const Vector moved = value_factors((1e3 * values.array() - 7).matrix().reverse(),
                                         {.form = form, .alpha = alpha});
      EXPECT_LE((moved.reverse() - w).cwiseAbs().maxCoeff(), 1e-10 * w.maxCoeff());
    }
  }
}

TEST(ValueFactors, UniformToTheBit) {
  test::Random random(73);
  for (const ValueForm form : kForms) {
    const Vector values = random.normals(41);
    EXPECT_EQ(value_factors(values, {.form = form, .alpha = 0}), Vector::Ones(41));
    EXPECT_EQ(value_factors(vector({-3}), {.form = form}), Vector::Ones(1));
    EXPECT_EQ(value_factors(Vector::Constant(7, 0.1), {.form = form}), Vector::Ones(7));
    EXPECT_EQ(value_factors(vector({0.1, 0.1 * (1 + 1e-16), 0.1 * (1 + 3e-16)}), {.form = form}),
              Vector::Ones(3));
    // alpha -> 0: the distance from 1 goes down with alpha.
    const Vector small = value_factors(values, {.form = form, .alpha = 1e-9});
    EXPECT_LE((small.array() - 1).abs().maxCoeff(), 5e-9);
    EXPECT_GT((small.array() - 1).abs().maxCoeff(), 1e-10);
  }
}

TEST(ValueFactors, ExtremeValuesStayFinite) {
  for (const ValueForm form : kForms) {
    for (const double scale : {1e308, 1.0, 1e-308}) {
      const Vector values = scale * vector({1, -1, 0.5});
      const Vector w = value_factors(values, {.form = form, .alpha = largest_alpha(values, form)});
      EXPECT_TRUE(w.allFinite()) << name(form) << " " << scale;
      EXPECT_NEAR(w.mean(), 1, 1e-14);
      EXPECT_GT(w[1], w[0]);
    }
  }
}

/// Up to the largest alpha all factors are positive, with all their digits; beyond it alpha is
/// refused by name.
TEST(ValueFactors, NoFactorVanishes) {
  test::Random random(77);
  Vector outlier = random.normals(3000);
  outlier[7] = 1e4;  // z near the root of the number of rows
  for (const Vector& values : {vector({0, 1, 2}), vector({2, 1, 0, 0}), Vector(random.normals(300)),
                               outlier, Vector(-outlier)}) {
    for (const ValueForm form : {ValueForm::kSigmoid, ValueForm::kExp}) {
      const double most = largest_alpha(values, form);
      EXPECT_GE(most, 350 / std::sqrt(static_cast<double>(values.size()))) << name(form);
      for (const double alpha : {most, most / 2}) {
        const Vector found = value_factors(values, {.form = form, .alpha = alpha});
        EXPECT_GE(found.minCoeff(), std::numeric_limits<double>::min()) << name(form);
        const Vector wanted = naive_factors(values, form, alpha);
        EXPECT_LE((found - wanted).cwiseQuotient(wanted).cwiseAbs().maxCoeff(), 1e-10);
      }
      for (const double beyond : {1.001, 1.5, 1e10, 1e300}) {
        expect_error<UsageError>(
            [&] { return value_factors(values, {.form = form, .alpha = beyond * most}); },
            {"alpha", "smaller alpha"});
      }
    }
    EXPECT_EQ(largest_alpha(values, ValueForm::kRank), 1);
  }
  // Nothing vanishes where all are worth the same.
  EXPECT_EQ(value_factors(Vector::Ones(4),
                          {.alpha = largest_alpha(Vector::Ones(4), ValueForm::kSigmoid)}),
            Vector::Ones(4));
  expect_error<UsageError>([] { return largest_alpha(Vector(), ValueForm::kExp); },
                           {"number of values"});
}

TEST(ValueFactors, RefusesBadArguments) {
  const Vector values = vector({1, 2});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double alpha : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    expect_error<UsageError>([&] { return value_factors(values, {.alpha = alpha}); }, {"alpha"});
  }
  expect_error<UsageError>(
      [&] { return value_factors(values, {.form = ValueForm::kRank, .alpha = 1.01}); },
      {"alpha of rank", "1.01"});
  expect_error<UsageError>([&] { return value_factors(Vector()); }, {"number of values"});
  expect_error<UsageError>([&] { return value_factors(vector({1, nan})); }, {"values", "entry 1"});
  for (const ValueForm form : kForms) EXPECT_EQ(value_form(name(form)), form);
  expect_error<UsageError>([] { return value_form("linear"); }, {"sigmoid, rank or exp", "linear"});
}

TEST(ValueWeights, ChangeTargetAndP) {
  const Vector weights = vector({1, 2, 0.5, 3, 1}), values = vector({9, 4, 2, 0, 7});
  const std::vector<Index> rows = {3, 1};
  const ValueWeights found = value_weights(values, rows, weights);
  EXPECT_THAT(found.rows, ElementsAre(1, 3));
  EXPECT_EQ(found.factors, value_factors(vector({4, 0})));
  EXPECT_EQ(found.target.delta, delete_rows(rows, weights).delta);
  EXPECT_EQ(found.change.delta, vector({0, -2 * found.factors[0], 0, -3 * found.factors[1], 0}));
  EXPECT_NEAR(found.p[1], 2 * (1 - found.factors[0]), 1e-15);
  EXPECT_NEAR(found.p[3], 3 * (1 - found.factors[1]), 1e-15);
  EXPECT_NEAR(found.factor_sd, found.factors[1] - 1, 1e-15);
  EXPECT_EQ(found.retained_changed, 0);

  const ValueWeights uniform = uniform_weights(rows, weights);
  const ValueWeights zero = value_weights(values, rows, weights, {.alpha = 0});
  EXPECT_EQ(zero.change.delta, uniform.change.delta);
  EXPECT_EQ(zero.p, Vector::Zero(5));
  EXPECT_EQ(zero.factor_sd, 0);
}

TEST(ValueWeights, RetainedRows) {
  const Vector weights = vector({1, 2, 0.5, 0, 1});
  // The value of the deleted row and of the row without weight is not read.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Vector values = vector({9, nan, 2, nan, 7});
  const std::vector<Index> rows = {1};
  const ValueWeights found = retained_value_weights({values, ValueMethod::kKnnShapley, true}, rows,
                                                    weights, {.form = ValueForm::kRank});
  EXPECT_THAT(found.rows, ElementsAre(0, 2, 4));
  EXPECT_GT(found.factors[0], found.factors[2]);
  EXPECT_GT(found.factors[2], found.factors[1]);
  EXPECT_NEAR(found.factors.mean(), 1, 1e-15);
  EXPECT_EQ(found.change.delta, found.target.delta);
  EXPECT_EQ(found.p, Vector::Zero(5));
  EXPECT_EQ(found.retained_changed, 2);  // the middle rank keeps its weight
  EXPECT_EQ(found.change.delta[1], -2);
  EXPECT_EQ(found.change.delta[3], 0);
  EXPECT_NEAR(found.change.delta[0], found.factors[0] - 1, 1e-15);
}

/// omega + omega (w - 1) is what they are trained with: it has to be the positive omega w.
TEST(ValueWeights, NoRetainedRowLosesItsWeight) {
  test::Random random(78);
  const Vector weights = random.normals(60).array().abs() + 0.1, values = random.normals(60);
  const std::vector<Index> rows = {4, 9};
  int weighted = 0, refused = 0;
  for (const ValueForm form : {ValueForm::kSigmoid, ValueForm::kExp}) {
    for (double alpha = 1; alpha < 1e4; alpha *= 1.3) {
      try {
        const ValueWeights found =
            retained_value_weights({values, ValueMethod::kKnnShapley, true}, rows, weights,
                                   {.form = form, .alpha = alpha});
        for (const Index i : found.rows) {
          EXPECT_GT(weights[i] + found.change.delta[i], 0) << name(form) << " " << alpha;
        }
        ++weighted;
      } catch (const UsageError& error) {
        EXPECT_NE(std::string(error.what()).find("alpha"), std::string::npos) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(weighted, 10);
  EXPECT_GT(refused, 10);
}

TEST(ValueWeights, RetainedRowsRefuseValuesThatSawTheDeleted) {
  const Vector weights = Vector::Ones(3), values = vector({1, 2, 3});
  const std::vector<Index> rows = {1}, all = {0, 1, 2};
  for (const ValueMethod method : {ValueMethod::kModelSamples, ValueMethod::kLeaveOneOut,
                                   ValueMethod::kInfluence, ValueMethod::kGiven}) {
    expect_error<UsageError>(
        [&] {
          return retained_value_weights({values, method, true}, rows, weights);
        },
        {"rows alone", std::string(name(method))});
  }
  expect_error<UsageError>(
      [&] {
        return retained_value_weights({values, ValueMethod::kKnnShapley}, rows, weights);
      },
      {"without the deleted"});
  EXPECT_NO_THROW(static_cast<void>(
      retained_value_weights({values, ValueMethod::kNeighborSamples, true}, rows, weights)));
  expect_error<UsageError>(
      [&] {
        return retained_value_weights({values, ValueMethod::kKnnShapley, true}, all, weights);
      },
      {"every row"});
}

TEST(ValueWeights, RefuseBadRows) {
  const Vector weights = vector({1, 0, 1}), values = vector({1, 2, 3});
  const auto weigh = [&](std::vector<Index> rows) { return value_weights(values, rows, weights); };
  expect_error<UsageError>([&] { return weigh({}); }, {"at least one row"});
  expect_error<UsageError>([&] { return weigh({3}); }, {"row must be between"});
  expect_error<UsageError>([&] { return weigh({2, 2}); }, {"twice"});
  expect_error<UsageError>([&] { return weigh({1}); }, {"no weight"});
  expect_error<UsageError>(
      [&] { return value_weights(vector({1}), std::vector<Index>{0}, weights); }, {"values has 1"});
}

TEST(AutoAlpha, FindsTheLargestWithinTheLimit) {
  for (const double root : {1e-4, 0.03, 0.9}) {
    // price = limit at alpha = root
    const auto price = [&](double alpha) { return 1 + alpha / root; };
    const AutoAlpha found = auto_alpha(price, 4, ValueForm::kSigmoid);
    EXPECT_EQ(found.outcome, AlphaOutcome::kLimited);
    EXPECT_EQ(found.limit, 2);
    EXPECT_LE(found.price, 2);
    EXPECT_EQ(found.price, price(found.alpha));
    EXPECT_EQ(found.uniform_price, 1);
    EXPECT_LE(found.alpha, root * (1 + 1e-12));
    EXPECT_GE(found.alpha, root * (1 - 2e-3));
    EXPECT_LE(found.evaluations, 20);
  }
}

TEST(AutoAlpha, Outcomes) {
  const auto cheap = [](double) { return 0.1; };
  EXPECT_EQ(auto_alpha(cheap, 1, ValueForm::kExp).alpha, 10);
  EXPECT_EQ(auto_alpha(cheap, 1, ValueForm::kRank).alpha, 1);
  EXPECT_EQ(auto_alpha(cheap, 1, ValueForm::kRank).outcome, AlphaOutcome::kLargest);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double price : {0.6, nan, std::numeric_limits<double>::infinity()}) {
    const AutoAlpha found = auto_alpha([&](double) { return price; }, 1, ValueForm::kExp);
    EXPECT_EQ(found.outcome, AlphaOutcome::kNone);
    EXPECT_EQ(found.alpha, 0);
    EXPECT_EQ(found.evaluations, 1);
  }
  // Anything above 0 is too dear: alpha = 0 is what is left.
  const AutoAlpha zero =
      auto_alpha([](double alpha) { return alpha > 0 ? 1.0 : 0.0; }, 1, ValueForm::kSigmoid);
  EXPECT_EQ(zero.outcome, AlphaOutcome::kLimited);
  EXPECT_EQ(zero.alpha, 0);
  EXPECT_EQ(zero.price, 0);
  expect_error<UsageError>([&] { return auto_alpha(cheap, nan, ValueForm::kExp); }, {"allowance"});
  expect_error<UsageError>([&] { return auto_alpha(cheap, 1, ValueForm::kExp, {.share = 0}); },
                           {"share"});
}

}  // namespace
}  // namespace recant

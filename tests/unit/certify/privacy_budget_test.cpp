// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/privacy_budget.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/error.hpp"

namespace recant::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// mu of all releases, in long double from the numbers that are published alone.
long double naive_mu(const PrivacyBudget& b) {
  const long double sigma = std::pow(2.0L, b.sigma_exponent / 2.0L);
  const long double h = std::pow(2.0L, b.grid_exponent);
  return (1 + 0x1p-20L) * (b.allowance + h * std::sqrt(static_cast<long double>(b.dimension))) /
         sigma * std::sqrt(static_cast<long double>(b.releases));
}

TEST(PrivacyBudget, EveryEnrolmentKeepsItsPromise) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  int by_allowance = 0;
  for (int i = 0; i < 120; ++i) {
    EnrolmentOptions options{
        .epsilon = std::exp(6 * uniform(random) - 4),
        .delta = std::exp(-1 - 30 * uniform(random)),
        .releases = 1 + static_cast<std::int64_t>(std::exp(9 * uniform(random)))};
    const auto dimension = static_cast<std::int64_t>(std::exp(14 * uniform(random)));
    const double size = std::exp(20 * uniform(random) - 10);
    (i % 2 == 0 ? options.allowance : options.max_sigma) = size;
    const Enrolment found = enrol(options, dimension);
    ASSERT_EQ(found.refusal, BudgetRefusal::kNone) << name(found.refusal);
    const PrivacyBudget& budget = *found.budget;
    EXPECT_EQ(check_budget(budget), BudgetRefusal::kNone);
    const long double limit = gaussian_mu(options.epsilon, options.delta);
    EXPECT_LE(naive_mu(budget), limit);
    EXPECT_GE(naive_mu(budget), limit * (1 - 1e-11L)) << "nothing is left unused";
    // The grid rule, and that the next coarser grid breaks it.
    const double sigma = budget.sigma(), h = budget.grid_step();
    const double rounding = h * std::sqrt(static_cast<double>(dimension));
    EXPECT_LE(h, sigma / 1024 * (1 + 1e-15));
    EXPECT_LE(rounding, budget.allowance / 1024 * (1 + 1e-15));
    const double less = budget.allowance - rounding;  // what twice the step would leave
    EXPECT_TRUE(2 * h > sigma / 1024 || 2 * rounding > less / 1024 * (1 - 1e-12));
    if (options.allowance) {
      ++by_allowance;
      EXPECT_GE(budget.allowance, size);
      EXPECT_LT(budget.allowance, 1.43 * size) << "the least power of sqrt(2)";
    } else {
      EXPECT_LE(sigma, size * (1 + 1e-15));
      EXPECT_GT(sigma * 1.4143, size) << "the largest power of sqrt(2)";
    }
  }
  EXPECT_EQ(by_allowance, 60);
}

TEST(PrivacyBudget, VarianceOfTheNoiseIsAPowerOfTwo) {
  const PrivacyBudget budget = *enrol({.epsilon = 1, .delta = 1e-5, .max_sigma = 3}, 100).budget;
  EXPECT_EQ(budget.sigma_exponent, 3);  // sqrt(8) = 2.83
  const RationalVariance variance = budget.noise_variance();
  EXPECT_EQ(variance.numerator, 1U);
  EXPECT_EQ(variance.denominator, 1U);
  EXPECT_EQ(variance.exponent, budget.sigma_exponent - 2 * budget.grid_exponent);
  EXPECT_GE(variance.exponent, 20);
  expect_close(std::ldexp(1.0, variance.exponent), std::pow(budget.sigma() / budget.grid_step(), 2),
               1e-15, 0, "variance");
  // A limit that is a power itself is reached.
  EXPECT_EQ(enrol({.epsilon = 1, .delta = 1e-5, .max_sigma = 4}, 100).budget->sigma_exponent, 4);
}

TEST(PrivacyBudget, Status) {
  const PrivacyBudget budget =
      *enrol({.epsilon = 1, .delta = 1e-5, .releases = 100, .allowance = 0.01}, 785).budget;
  double last = -1;
  for (const std::int64_t done : {0, 1, 2, 50, 99, 100}) {
    const BudgetStatus status = budget_status(budget, done);
    EXPECT_EQ(status.releases_left, 100 - done);
    EXPECT_GT(status.epsilon_spent, last);
    last = status.epsilon_spent;
    expect_close(std::hypot(status.mu_spent, status.mu_left), status.mu_total, 1e-12, 0, "left");
    EXPECT_LE(std::hypot(status.mu_spent, status.mu_left), status.mu_total);
    EXPECT_LE(status.epsilon_total, 1);
    EXPECT_GT(status.epsilon_total, 1 - 1e-9);
    const std::vector<double> each(static_cast<std::size_t>(done), budget_mu(budget, 1));
    expect_close(compose_gaussian(each), status.mu_spent, 1e-12, 0, "composed");
  }
  EXPECT_EQ(budget_status(budget, 0).epsilon_spent, 0);
  expect_error<UsageError>([&] { return budget_status(budget, 101); }, {"done"});
  expect_error<UsageError>([&] { return budget_status(budget, -1); }, {"done"});
}

TEST(PrivacyBudget, MoreIsNotWorse) {
  EnrolmentOptions options{.epsilon = 1, .delta = 1e-5, .releases = 10, .max_sigma = 2};
  const double base = enrol(options, 50).budget->allowance;
  options.epsilon = 2;
  EXPECT_GT(enrol(options, 50).budget->allowance, base);
  options = {.epsilon = 1, .delta = 1e-4, .releases = 10, .max_sigma = 2};
  EXPECT_GT(enrol(options, 50).budget->allowance, base);
  options = {.epsilon = 1, .delta = 1e-5, .releases = 11, .max_sigma = 2};
  EXPECT_LT(enrol(options, 50).budget->allowance, base);
}

TEST(PrivacyBudget, DifferenceProtection) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  int costs_more = 0;
  for (int i = 0; i < 60; ++i) {
    EnrolmentOptions options{.epsilon = std::exp(3 * uniform(random) - 2),
                             .delta = std::exp(-1 - 20 * uniform(random)),
                             .releases = 1 + static_cast<std::int64_t>(50 * uniform(random))};
    const double size = std::exp(10 * uniform(random) - 5);
    (i % 2 == 0 ? options.allowance : options.max_sigma) = size;
    const PrivacyBudget without = *enrol(options, 20).budget;
    options.difference_epsilon = std::exp(3 * uniform(random) - 1);
    options.difference_delta = std::exp(-1 - 20 * uniform(random));
    options.difference_step = size * std::exp(4 * uniform(random) - (i % 2 == 0 ? 0 : 4));
    const Enrolment found = enrol(options, 20);
    if (!found.budget) {
      EXPECT_EQ(found.refusal, BudgetRefusal::kSigmaTooSmall);
      EXPECT_FALSE(options.allowance) << "with an allowance there is always a sigma";
      ++costs_more;
      continue;
    }
    const PrivacyBudget& budget = *found.budget;
    EXPECT_EQ(check_budget(budget), BudgetRefusal::kNone);
    EXPECT_LE(naive_mu(budget), gaussian_mu(options.epsilon, options.delta));
    const long double sigma = std::pow(2.0L, budget.sigma_exponent / 2.0L);
    const long double h = std::pow(2.0L, budget.grid_exponent);
    const long double mu_d = (1 + 0x1p-20L) *
                             (*options.difference_step + budget.allowance + h * std::sqrt(20.0L)) /
                             sigma;
    EXPECT_LE(mu_d, gaussian_mu(*options.difference_epsilon, *options.difference_delta));
    EXPECT_GE(difference_mu(budget), mu_d);
    EXPECT_NEAR(static_cast<double>(difference_mu(budget) / mu_d), 1, 1e-12);
    costs_more +=
        options.allowance ? budget.sigma() > without.sigma() : budget.allowance < without.allowance;
    EXPECT_TRUE(difference_covers(budget, *options.difference_step));
    EXPECT_FALSE(difference_covers(budget, *options.difference_step * (1 + 1e-12)));
    EXPECT_TRUE(difference_covers(without, 1e9));
    PrivacyBudget bad = budget;
    bad.difference->step = 3.5 * budget.sigma() - budget.allowance;
    bad.difference->epsilon = 1e-3;
    if (bad.difference->delta < 0.3) {
      EXPECT_EQ(check_budget(bad), BudgetRefusal::kDifferenceExceeded);
    }
  }
  EXPECT_GT(costs_more, 20);
}

TEST(PrivacyBudget, DifferenceProtectionNeedsAllThree) {
  const EnrolmentOptions whole{.epsilon = 1,
                               .delta = 1e-5,
                               .allowance = 1,
                               .difference_epsilon = 1,
                               .difference_delta = 1e-5,
                               .difference_step = 3};
  EXPECT_TRUE(enrol(whole, 5).budget);
  for (const auto member :
       {&EnrolmentOptions::difference_epsilon, &EnrolmentOptions::difference_delta,
        &EnrolmentOptions::difference_step}) {
    EnrolmentOptions part = whole;
    (part.*member).reset();
    expect_error<UsageError>([&] { return enrol(part, 5); }, {"difference_epsilon, difference"});
    for (const double bad : {0.0, -1.0, kNan}) {
      part.*member = bad;
      expect_error<UsageError>([&] { return enrol(part, 5); }, {"difference_"});
    }
  }
  EnrolmentOptions part = whole;
  part.difference_delta = 1;
  expect_error<UsageError>([&] { return enrol(part, 5); },
                           {"difference_delta must be > 0 and < 1"});
  part = whole;
  part.difference_epsilon = 100;
  EXPECT_EQ(enrol(part, 5).refusal, BudgetRefusal::kReleaseTooLoud);
  part = whole;
  part.max_sigma = 5;
  EXPECT_EQ(enrol(part, 5).refusal, BudgetRefusal::kSigmaTooSmall);
  part.allowance.reset();
  EXPECT_EQ(enrol(part, 5).refusal, BudgetRefusal::kSigmaTooSmall);
  PrivacyBudget budget = *enrol(whole, 5).budget;
  budget.difference->delta = 1e-9;
  EXPECT_EQ(check_budget(budget), BudgetRefusal::kDifferenceExceeded);
  EXPECT_EQ(name(BudgetRefusal::kDifferenceExceeded), "difference_exceeded");
  budget.difference.reset();
  expect_error<UsageError>([&] { return difference_mu(budget); }, {"no difference protection"});
}

TEST(PrivacyBudget, Refusals) {
  const EnrolmentOptions base{.epsilon = 1, .delta = 1e-5, .releases = 100, .allowance = 1};
  EnrolmentOptions options = base;
  options.max_sigma = 37;  // sigma / B_max is 37.4 at least
  EXPECT_EQ(enrol(options, 10).refusal, BudgetRefusal::kSigmaTooSmall);
  EXPECT_FALSE(enrol(options, 10).budget);
  options.max_sigma = 64;
  EXPECT_EQ(enrol(options, 10).refusal, BudgetRefusal::kNone);
  options = base;
  options.epsilon = 100;
  options.releases = 1;
  EXPECT_EQ(enrol(options, 10).refusal, BudgetRefusal::kReleaseTooLoud);
  for (const double size : {1e-300, 1e-130, 1e130, 1e300}) {
    options = base;
    options.allowance = size;
    EXPECT_EQ(enrol(options, 10).refusal, BudgetRefusal::kOutOfRange) << size;
  }
  options = base;
  options.releases = 1'000'000;
  EXPECT_EQ(enrol(options, 1'000'000).refusal, BudgetRefusal::kNone);
  EXPECT_EQ(enrol(options, 1'000'001).refusal, BudgetRefusal::kOutOfRange);
  EXPECT_EQ(name(BudgetRefusal::kSigmaTooSmall), "sigma_too_small");
  EXPECT_EQ(name(BudgetRefusal::kPromiseExceeded), "promise_exceeded");
}

TEST(PrivacyBudget, ChecksWhatItIsGiven) {
  const PrivacyBudget good =
      *enrol({.epsilon = 1, .delta = 1e-5, .releases = 4, .allowance = 1}, 10'000).budget;
  PrivacyBudget bad = good;
  bad.allowance *= 1 + 1e-9;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kPromiseExceeded);
  bad = good;
  bad.releases = 5;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kPromiseExceeded);
  bad = good;
  --bad.sigma_exponent;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kPromiseExceeded);
  bad = good;
  bad.delta = 1e-6;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kPromiseExceeded);
  bad = good;
  bad.epsilon = 0.999;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kPromiseExceeded);
  bad = good;
  bad.grid_exponent -= 40;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kOutOfRange);
  bad = good;
  bad.sigma_exponent = 2000;
  EXPECT_EQ(check_budget(bad), BudgetRefusal::kOutOfRange);
}

/// Each differs from the one before in one number that delta is of, and is asked twice.
TEST(PrivacyBudget, WhatWasAskedBeforeIsNoAnswerForAnother) {
  const PrivacyBudget good = *enrol({.epsilon = 1,
                                     .delta = 1e-5,
                                     .releases = 4,
                                     .allowance = 1,
                                     .difference_epsilon = 2,
                                     .difference_delta = 1e-5,
                                     .difference_step = 1},
                                    100)
                                  .budget;
  const auto expect = [](const PrivacyBudget& budget, BudgetRefusal refusal) {
    for (int time = 0; time < 2; ++time) EXPECT_EQ(check_budget(budget), refusal);
  };
  std::vector<PrivacyBudget> bad(5, good);
  bad[0].epsilon *= 0.5;
  bad[1].releases *= 100;
  bad[2].delta *= 1e-5;
  bad[3].difference->epsilon *= 0.1;
  bad[4].difference->step *= 10;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    expect(good, BudgetRefusal::kNone);
    expect(bad[i], i < 3 ? BudgetRefusal::kPromiseExceeded : BudgetRefusal::kDifferenceExceeded);
  }
}

TEST(PrivacyBudget, TooCoarseAGridInHighDimension) {
  // h = sigma / 2^10: at d = 10^4 rounding costs 0.09766 sigma, at 10^6 nearly sigma itself.
  PrivacyBudget budget{.epsilon = 1,
                       .delta = 1e-5,
                       .releases = 1,
                       .dimension = 10'000,
                       .sigma_exponent = 20,
                       .grid_exponent = 0,
                       .allowance = 1};
  expect_close(budget.grid_step() * 100 / budget.sigma(), 0.09765625, 1e-15, 0, "h sqrt(d)");
  EXPECT_EQ(check_budget(budget), BudgetRefusal::kGridTooCoarse);
  budget.dimension = 1'000'000;
  for (const double allowance : {1e-6, 1.0, 100.0, 270.0, 1e5, 1e6}) {
    budget.allowance = allowance;
    EXPECT_NE(check_budget(budget), BudgetRefusal::kNone) << "no allowance makes up for the grid";
  }
  // What enrol() chooses for that dimension is finer.
  const PrivacyBudget chosen =
      *enrol({.epsilon = 1, .delta = 1e-5, .max_sigma = 1024}, 1'000'000).budget;
  EXPECT_LE(chosen.grid_exponent, -12);
  EXPECT_EQ(check_budget(chosen), BudgetRefusal::kNone);
  // More than 4 sigma in one release: the theorem about the grid ends there.
  budget = {.epsilon = 1e4,
            .delta = 0.5,
            .releases = 1,
            .dimension = 1,
            .sigma_exponent = 20,
            .grid_exponent = -5,
            .allowance = 4097};
  EXPECT_EQ(check_budget(budget), BudgetRefusal::kReleaseTooLoud);
}

TEST(PrivacyBudget, BadArguments) {
  const EnrolmentOptions good{.epsilon = 1, .delta = 1e-5, .allowance = 1};
  const auto with = [&](auto member, auto value) {
    EnrolmentOptions options = good;
    options.*member = value;
    return options;
  };
  for (const double bad : {0.0, -1.0, kNan, kInfinity}) {
    const auto fails = [&](auto member, const char* text) {
      expect_error<UsageError>([&] { return enrol(with(member, bad), 10); }, {text});
    };
    fails(&EnrolmentOptions::epsilon, "epsilon");
    fails(&EnrolmentOptions::delta, "delta");
    fails(&EnrolmentOptions::allowance, "allowance");
    fails(&EnrolmentOptions::max_sigma, "max_sigma");
  }
  expect_error<UsageError>([&] { return enrol(with(&EnrolmentOptions::delta, 1.0), 10); },
                           {"delta must be > 0 and < 1"});
  expect_error<UsageError>(
      [&] { return enrol(with(&EnrolmentOptions::releases, std::int64_t{0}), 10); }, {"releases"});
  expect_error<UsageError>([&] { return enrol(good, 0); }, {"dimension"});
  expect_error<UsageError>([&] { return enrol({.epsilon = 1, .delta = 0.1}, 10); },
                           {"allowance or a max_sigma"});
  expect_error<UsageError>([&] { return enrol({.allowance = 1}, 10); }, {"epsilon"});
  PrivacyBudget budget = *enrol(good, 10).budget;
  for (const double bad : {0.0, -1.0, kNan, kInfinity}) {
    budget.allowance = bad;
    expect_error<UsageError>([&] { return check_budget(budget); }, {"allowance"});
  }
  budget = *enrol(good, 10).budget;
  for (const double bad : {0.0, 1.0, -1.0, kNan}) {
    budget.delta = bad;
    expect_error<UsageError>([&] { return check_budget(budget); }, {"delta must be > 0 and < 1"});
  }
}

}  // namespace
}  // namespace recant::test

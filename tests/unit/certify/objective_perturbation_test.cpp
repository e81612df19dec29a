// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/objective_perturbation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/error.hpp"
#include "recant/model/loss.hpp"

namespace recant::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Logistic regression with one parameter, whose deletion is followed through exactly.
struct OneParameter {
  std::vector<double> x, y;
  std::size_t deleted = 0;  ///< the last so many rows
  double l2 = 1;

  double slope(double theta, std::size_t rows) const {
    double sum = l2 * theta;
    for (std::size_t i = 0; i < rows; ++i) sum += x[i] * (1 / (1 + std::exp(-x[i] * theta)) - y[i]);
    return sum;
  }
  double curvature(double theta, std::size_t first, std::size_t last) const {
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) {
      const double p = 1 / (1 + std::exp(-x[i] * theta));
      sum += x[i] * x[i] * p * (1 - p);
    }
    return sum;
  }
  std::size_t kept() const { return x.size() - deleted; }

  /// argmin F_D + b theta, by halving: the slope rises with theta.
  double trained(double b) const {
    double low = -1e3, high = 1e3;
    for (int i = 0; i < 75; ++i) {
      const double middle = (low + high) / 2;
      (slope(middle, x.size()) + b < 0 ? low : high) = middle;
    }
    return (low + high) / 2;
  }
  double step(double b) const {
    const double theta = trained(b);
    return -(slope(theta, kept()) + b) / (curvature(theta, 0, kept()) + l2);
  }
  /// u(b): what one Newton step leaves of the gradient.
  double residual(double b) const { return slope(trained(b) + step(b), kept()) + b; }

  PerturbationBase base() const {
    const double theta = trained(0), hessian = curvature(theta, 0, x.size()) + l2;
    double largest = 0, kept_largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      largest = std::max(largest, std::abs(x[i]));
      if (i < kept()) kept_largest = std::max(kept_largest, std::abs(x[i]));
    }
    const double v = std::abs(step(0));
    return {.dimension = 1,
            .least_eigenvalue = hessian,
            .largest_eigenvalue = hessian,
            .leverage = largest / std::sqrt(hessian),
            .shrinkage = curvature(theta, kept(), x.size()) / hessian,
            .step_range = kept_largest * v,
            .step_norm = v * std::sqrt(hessian),
            .bounds_fourth_derivative = Loss().bounds_fourth_derivative()};
  }
};

OneParameter made_up(Random& random, bool gentle) {
  OneParameter problem;
  const Index n = gentle ? 40 + random.below(60) : 3 + random.below(10);
  for (Index i = 0; i < n; ++i) {
    problem.x.push_back(gentle ? random.normal() : 3 * random.normal());
    problem.y.push_back(random.uniform() < 0.6 ? 1 : 0);
  }
  problem.deleted = gentle ? 1 : 1 + static_cast<std::size_t>(random.below(2));
  problem.l2 = std::exp(random.between(-1, gentle ? 3 : 1));
  return problem;
}

/// The two deltas at epsilon between b and T(b) = b - u(b), by quadrature over |b| <= 8 sigma:
/// theta*(b) maps both to the models one to one.
struct TrueDeltas {
  double unlearned = 0, retrained = 0;
};
TrueDeltas true_deltas(const OneParameter& problem, double sigma, double epsilon) {
  constexpr int kSteps = 1200;
  const auto density = [&](double b) {
    return std::exp(-b * b / (2 * sigma * sigma)) / (sigma * std::sqrt(2 * std::acos(-1.0)));
  };
  const double width = 16 * sigma / kSteps;
  TrueDeltas out;
  double before = -8 * sigma - problem.residual(-8 * sigma);
  for (int i = 1; i <= kSteps; ++i) {
    const double b = -8 * sigma + width * i, after = b - problem.residual(b);
    const double p = density(b - width / 2) * width;
    const double q = density((before + after) / 2) * (after - before);
    out.unlearned += std::max(0.0, p - std::exp(epsilon) * q);
    out.retrained += std::max(0.0, q - std::exp(epsilon) * p);
    before = after;
  }
  return out;
}

TEST(ObjectivePerturbation, PromiseIsNeverBelowTheTruth) {
  Random random(5);
  int usable = 0, refused = 0;
  for (int i = 0; i < 80; ++i) {
    const OneParameter problem = made_up(random, i % 2 == 0);
    const PerturbationBase base = problem.base();
    // Enough noise for the residual at b = 0, or less.
    const double sigma = (std::abs(problem.residual(0)) + 1e-9) * std::exp(random.between(0, 6));
    const double epsilon = std::exp(random.between(-1, 1));
    const PerturbationPromise found =
        perturbation_promise(base, {.epsilon = epsilon, .delta = 1e-3, .sigma = sigma});
    const PerturbationSuprema& over = found.suprema;
    if (over.bounded) {
      // The suprema are above what is found on the ball, at its ends above all.
      for (int k = -20; k <= 20; ++k) {
        const double b = over.radius * k / 20, h = over.radius * 1e-2;
        EXPECT_LE(std::abs(problem.residual(b)), over.residual + 1e-13);
        const double slope = (problem.residual(b + h) - problem.residual(b - h)) / (2 * h);
        if (found.lipschitz > 0) {
          EXPECT_LE(std::abs(slope), found.lipschitz * (1 + 1e-3) + 2e-13 / h);
        }
      }
    }
    if (!found.usable()) {
      ++refused;
      continue;
    }
    ++usable;
    EXPECT_EQ(found.epsilon, epsilon);
    EXPECT_LE(found.delta, 1e-3);
    const TrueDeltas truth = true_deltas(problem, sigma, epsilon);
    EXPECT_LE(truth.unlearned, found.delta);
    EXPECT_LE(truth.retrained, found.delta);
  }
  EXPECT_GT(usable, 10);
  EXPECT_GT(refused, 15);
}

TEST(ObjectivePerturbation, AResidualThatFollowsTheNoiseIsRefused) {
  // u(b) = -beta sign(b): |u| <= beta, yet b - u(b) never comes within beta of 0.
  const double sigma = 1, beta = 0.5, epsilon = 3;
  const double as_published = gaussian_delta(epsilon, beta / sigma);
  const double truth = std::erf(beta / sigma / std::sqrt(2.0));  // P(|b| < beta), at any epsilon
  EXPECT_LT(as_published, 1e-7);
  EXPECT_GT(truth, 0.38);
  // Its du/db is unbounded; every L >= 1 is refused, whatever else is asked for.
  const PerturbationSuprema jump{.bounded = true,
                                 .radius = 100,
                                 .residual = beta,
                                 .range = 1,
                                 .shrinkage = 0.5,
                                 .condition = 1};
  const PerturbationPromise found =
      perturbation_promise(jump, 1, {.epsilon = 100, .delta = 0.5, .sigma = sigma});
  EXPECT_EQ(found.refusal, PerturbationRefusal::kNotContracting);
  EXPECT_GE(found.lipschitz, 1);
  EXPECT_EQ(found.epsilon, 0);
}

TEST(ObjectivePerturbation, ByHand) {
  const PerturbationSuprema suprema{.bounded = true,
                                    .radius = 100,
                                    .residual = 0.01,
                                    .range = 0.01,
                                    .shrinkage = 0.02,
                                    .condition = 4,
                                    .bounds_fourth_derivative = true};
  const PerturbationPromise found =
      perturbation_promise(suprema, 3, {.epsilon = 2, .delta = 1e-2, .sigma = 1});
  const double j = std::expm1(0.01) - 0.01 + std::expm1(0.01) * 0.01 + 0.01 * 0.02;
  const double r = std::sqrt(3.0) + std::sqrt(2 * std::log(4 * std::exp(2.0) / 1e-2));
  const double inverse = 2 * j / (1 - 2 * j), determinant = -3 * std::log1p(-j);
  const double epsilon_2 = (inverse + inverse * inverse / 2) * r * r + determinant;
  EXPECT_NEAR(found.dependence, j, 1e-12 * j);
  EXPECT_NEAR(found.lipschitz, 2 * j, 1e-12 * j);
  EXPECT_NEAR(found.inverse_lipschitz, inverse, 1e-12 * inverse);
  EXPECT_NEAR(found.log_determinant, determinant, 1e-12 * determinant);
  EXPECT_NEAR(found.radius, r, 1e-8 * r);
  EXPECT_NEAR(found.epsilon_2, epsilon_2, 1e-8 * epsilon_2);
  ASSERT_TRUE(found.usable());
  EXPECT_LE(found.epsilon_1 + found.epsilon_2, 2);
  const double delta_1 = gaussian_delta(2 - epsilon_2, 0.01);
  EXPECT_NEAR(found.delta,
              std::max(std::exp(epsilon_2) * delta_1 + found.delta_2,
                       delta_1 + std::exp(2 - epsilon_2) * found.delta_2),
              1e-8 * found.delta);
}

TEST(ObjectivePerturbation, SaysWhyNot) {
  const PerturbationOptions options{.epsilon = 1, .delta = 1e-5, .sigma = 1};
  PerturbationBase base{.dimension = 100,
                        .least_eigenvalue = 1e6,
                        .largest_eigenvalue = 1e6,
                        .leverage = 1e-3,
                        .shrinkage = 1e-6,
                        .step_range = 1e-4,
                        .step_norm = 1e-4,
                        .bounds_fourth_derivative = true};
  EXPECT_EQ(perturbation_promise(base, options).refusal, PerturbationRefusal::kNone);
  base.step_range = 0.1;  // d j is about 1.5: not small beside epsilon
  EXPECT_EQ(perturbation_promise(base, options).refusal, PerturbationRefusal::kDependence);
  base.step_range = 3;
  EXPECT_EQ(perturbation_promise(base, options).refusal, PerturbationRefusal::kNotContracting);
  base.step_range = 1e-4;
  PerturbationOptions loud = options;
  loud.sigma = 1e6;  // the ball reaches beyond where curvature is known
  EXPECT_EQ(perturbation_promise(base, loud).refusal, PerturbationRefusal::kUnbounded);
  PerturbationOptions quiet = options;
  quiet.sigma = 1e-9;
  base.step_norm = 1;
  EXPECT_EQ(perturbation_promise(base, quiet).refusal, PerturbationRefusal::kNoiseTooSmall);
  base.shrinkage = 1;
  EXPECT_EQ(perturbation_promise(base, options).refusal, PerturbationRefusal::kUnbounded);
  // Suprema over a smaller ball than the promise needs are none.
  PerturbationSuprema small = perturbation_suprema(
      {.dimension = 1, .least_eigenvalue = 1e6, .largest_eigenvalue = 1e6, .leverage = 1e-3}, 1,
      0.5);
  ASSERT_TRUE(small.bounded);
  EXPECT_EQ(perturbation_promise(small, 1, options).refusal, PerturbationRefusal::kUnbounded);
  for (int r = 0; r < 5; ++r) EXPECT_FALSE(name(static_cast<PerturbationRefusal>(r)).empty());
  EXPECT_EQ(name(PerturbationRefusal::kDependence), "dependence");
}

/// Where the fourth derivative is not known to be bounded, the change of curvature and its first
/// order count one by one: never less than with it, and nothing of first order cancels.
TEST(ObjectivePerturbation, WithoutAFourthDerivativeSelfConcordanceServes) {
  for (const double range : {1e-3, 0.1, 0.4}) {
    PerturbationSuprema suprema{.bounded = true,
                                .radius = 1e9,
                                .residual = 1e-3,
                                .range = range,
                                .shrinkage = 0.02,
                                .condition = 1};
    const PerturbationOptions options{.epsilon = 100, .delta = 1e-2, .sigma = 1};
    const double j = perturbation_promise(suprema, 1, options).dependence;
    EXPECT_NEAR(j, std::expm1(range) * (1 + range) + range + range * 0.02, 1e-12 * j);
    suprema.bounds_fourth_derivative = true;
    EXPECT_LT(perturbation_promise(suprema, 1, options).dependence + 1.9 * range, j);
  }
  PerturbationBase base{.dimension = 100,
                        .least_eigenvalue = 1e6,
                        .largest_eigenvalue = 1e6,
                        .leverage = 1e-3,
                        .shrinkage = 1e-6,
                        .step_range = 5e-3,
                        .step_norm = 1e-4};
  const PerturbationOptions options{.epsilon = 1, .delta = 1e-5, .sigma = 1};
  for (const Loss& loss : {Loss(), Loss(LossKind::kSoftmax, 3)}) {
    base.bounds_fourth_derivative = loss.bounds_fourth_derivative();
    const PerturbationPromise found = perturbation_promise(base, options);
    EXPECT_EQ(found.suprema.bounds_fourth_derivative, loss.outputs() == 1);
    EXPECT_EQ(found.usable(), loss.outputs() == 1);
    EXPECT_EQ(found.assumption(), loss.outputs() == 1 ? kObjectivePerturbationExact
                                                      : kObjectivePerturbationAsPublished);
  }
}

TEST(ObjectivePerturbation, SquaredLossLeavesNothing) {
  const PerturbationBase base{.dimension = 5,
                              .least_eigenvalue = 2,
                              .largest_eigenvalue = 9,
                              .leverage = 0,
                              .shrinkage = 0.1,
                              .step_range = 0,
                              .step_norm = 1};
  const PerturbationPromise found =
      perturbation_promise(base, {.epsilon = 0.1, .delta = 1e-9, .sigma = 1});
  ASSERT_TRUE(found.usable());
  EXPECT_EQ(found.suprema.residual, 0);
  EXPECT_EQ(found.epsilon_2, 0);
  EXPECT_EQ(found.delta_1, 0);
}

TEST(ObjectivePerturbation, RadiusHoldsItsShare) {
  // P(|b| > sigma r) <= delta_2: a chi distribution, here with 2 degrees of freedom.
  for (const double delta : {0.3, 1e-3, 1e-12}) {
    const double r = perturbation_radius(2, delta);
    EXPECT_LE(std::exp(-r * r / 2), delta);
  }
  EXPECT_NEAR(perturbation_radius(100, std::exp(-2.0)), 12, 1e-12);
}

TEST(ObjectivePerturbation, DrawsHaveTheirSpread) {  // false alarm: below 1e-9
  for (const int k : {-7, 0, 5}) {
    const Vector b = draw_perturbation(20000, k);
    const double variance = std::exp2(k);
    EXPECT_NEAR(b.squaredNorm() / 20000 / variance, 1, 6.2 * std::sqrt(2.0 / 20000));
    EXPECT_NEAR(b.mean() / std::sqrt(variance), 0, 6.2 / std::sqrt(20000.0));
  }
  EXPECT_NE(draw_perturbation(3, 0), draw_perturbation(3, 0));
}

TEST(ObjectivePerturbation, RefusesBadArguments) {
  const PerturbationBase good{.dimension = 1, .least_eigenvalue = 1, .largest_eigenvalue = 1};
  const PerturbationOptions options{.epsilon = 1, .delta = 1e-5, .sigma = 1};
  for (const double bad : {0.0, -1.0, kNan, static_cast<double>(INFINITY)}) {
    PerturbationOptions o = options;
    o.sigma = bad;
    expect_error<UsageError>([&] { return perturbation_promise(good, o); }, {"sigma"});
    o = options;
    o.epsilon = bad;
    expect_error<UsageError>([&] { return perturbation_promise(good, o); }, {"epsilon"});
    o = options;
    o.delta = bad;
    expect_error<UsageError>([&] { return perturbation_promise(good, o); }, {"delta"});
    PerturbationBase b = good;
    b.least_eigenvalue = bad;
    expect_error<UsageError>([&] { return perturbation_promise(b, options); },
                             {"least_eigenvalue"});
  }
  PerturbationBase b = good;
  b.step_range = -1;
  expect_error<UsageError>([&] { return perturbation_promise(b, options); }, {"step_range"});
  expect_error<UsageError>([&] { return perturbation_radius(0, 0.1); }, {"dimension"});
  expect_error<UsageError>([&] { return perturbation_radius(1, 1); }, {"delta_2"});
  expect_error<UsageError>([&] { return draw_perturbation(0, 0); }, {"dimension"});
  expect_error<UsageError>([&] { return draw_perturbation(1, 900); }, {"sigma_exponent"});
}

}  // namespace
}  // namespace recant::test

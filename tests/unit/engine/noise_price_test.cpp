// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/noise_price.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

struct Case {
  Dataset rows;
  LinearModel model;
};

Case trained(Loss loss, bool intercept, double l2 = 1) {
  test::Random random(11);
  Case out{test::made_up_rows(random, 300, 4, loss), {.loss = loss}};
  const Objective objective(out.rows, loss, intercept, l2);
  out.model = test::model_of(objective, train(objective, Vector::Ones(300)).theta);
  return out;
}

/// E phi(y, t + sigma |x| z) by quadrature in z: one score sees the noise as one normal number.
double expected_loss(const Case& c, double sigma) {
  constexpr int kSteps = 200;
  constexpr double kReach = 10;
  double sum = 0;
  for (Index i = 0; i < c.rows.rows(); ++i) {
    const test::Reals x = test::naive_row(c.rows.features, i, c.model.intercept);
    const double t = static_cast<double>(test::naive_scores(x, c.model.theta)[0]);
    double length = 0;
    for (const auto v : x) length += static_cast<double>(v * v);
    length = std::sqrt(length);
    double mean = 0, weight = 0;
    for (int s = 0; s <= kSteps; ++s) {  // the trapezoid rule is exact to rounding here
      const double z = kReach * (2.0 * s / kSteps - 1), density = std::exp(-z * z / 2);
      const test::Reals score = {static_cast<test::Real>(t + sigma * length * z)};
      const test::NaiveLoss loss = test::naive_loss(c.model.loss.kind(), score, c.rows.targets[i]);
      mean += density * static_cast<double>(loss.value);
      weight += density;
    }
    sum += mean / weight;
  }
  return sum / static_cast<double>(c.rows.rows());
}

double naive_mean_loss(const Case& c, const Vector& theta) {
  return static_cast<double>(test::naive_objective(c.rows, c.model.loss, c.model.intercept, 1,
                                                   theta, Vector::Ones(c.rows.rows()))
                                 .data_loss) /
         static_cast<double>(c.rows.rows());
}

TEST(NoisePrice, IsTheExpectedRise) {  // 5 standard errors at 8 places: false alarm below 1e-5
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared}) {
    for (const bool intercept : {false, true}) {
      for (const double sigma : {0.02, 0.5}) {
        const Case c = trained(Loss(kind), intercept);
        const NoisePrice found = noise_price(c.model, c.rows, sigma);
        const double truth = expected_loss(c, sigma) - expected_loss(c, 0);
        EXPECT_NEAR(found.rise, truth, 5 * found.standard_error + 1e-12) << sigma;
        EXPECT_NEAR(*found.relative_rise, found.rise / found.loss, 1e-15);
        EXPECT_NEAR(found.loss, naive_mean_loss(c, c.model.theta), 1e-12);
        EXPECT_GT(found.spread, 0);
        // Only what is beyond the second order is drawn.
        EXPECT_LT(found.standard_error, 0.05 * found.rise);
        if (kind == LossKind::kSquared) {
          EXPECT_NEAR(found.rise, found.second_order_rise, 1e-10 * found.rise);
        }
      }
    }
  }
}

TEST(NoisePrice, OfSeveralScores) {
  const Case c = trained(Loss(LossKind::kSoftmax, 3), true);
  constexpr double kSigma = 0.3;
  constexpr int kDraws = 2000;
  test::Random random(5);
  const double without = naive_mean_loss(c, c.model.theta);
  double sum = 0, squares = 0;
  const Objective objective(c.rows, c.model.loss, true, 1);
  const Vector ones = Vector::Ones(c.rows.rows());
  for (int t = 0; t < kDraws; ++t) {
    const Vector noisy = c.model.theta + kSigma * random.normals(c.model.theta.size());
    const double rise = objective.evaluate(noisy, ones).data_loss / 300 - without;
    sum += rise;
    squares += rise * rise;
  }
  const double mean = sum / kDraws, spread = std::sqrt(squares / kDraws - mean * mean);
  const NoisePrice found = noise_price(c.model, c.rows, kSigma, {.draws = 200});
  const double error = std::hypot(found.standard_error, spread / std::sqrt(kDraws));
  EXPECT_NEAR(found.rise, mean, 5 * error);
  EXPECT_NEAR(found.spread, spread, 0.3 * spread);
  // The second order by its definition: a trace of the naive Hessian.
  const Matrix hessian =
      test::naive_objective(c.rows, c.model.loss, true, 1, c.model.theta, ones).hessian;
  const double trace = hessian.trace() - static_cast<double>(c.model.theta.size());
  EXPECT_NEAR(found.second_order_rise, kSigma * kSigma / 2 * trace / 300, 1e-12);
}

TEST(NoisePrice, LargestSigmaWithinAPrice) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared}) {
    const Case c = trained(Loss(kind), true);
    const double without = expected_loss(c, 0);
    for (const double price : {1e-6, 1e-3, 0.3}) {
      const auto found = sigma_for_price(c.model, c.rows, price);
      ASSERT_TRUE(found);
      const double sigma = std::pow(2, found->sigma_exponent / 2.0);
      EXPECT_NEAR(found->price.sigma, sigma, 1e-14 * sigma);
      EXPECT_LE(expected_loss(c, sigma) - without, price * without * (1 + 1e-3));
      EXPECT_GT(expected_loss(c, sigma * std::sqrt(2.0)) - without, price * without * 0.99);
    }
  }
}

TEST(NoisePrice, LargestSigmaWhereTheSecondOrderMisleads) {
  // Separable rows and hardly a penalty: no curvature at the model, losses that rise all the same.
  test::Random random(3);
  Case c{test::made_up_rows(random, 200, 2, Loss()), {.loss = Loss()}};
  for (Index i = 0; i < 200; ++i) c.rows.targets[i] = c.rows.features.row(i)(0, 0) > 0.1 ? 1 : 0;
  const Objective objective(c.rows, Loss(), true, 1e-9);
  c.model = test::model_of(objective, train(objective, Vector::Ones(200)).theta);
  const auto found = sigma_for_price(c.model, c.rows, 0.01, {.draws = 200});
  ASSERT_TRUE(found);
  const double sigma = std::pow(2, found->sigma_exponent / 2.0), without = expected_loss(c, 0);
  EXPECT_LE(expected_loss(c, sigma) - without, 0.015 * without);
}

/// Of next to no noise the rise that is measured is rounding, and within what is said of it.
TEST(NoisePrice, RoundingIsBounded) {
  for (const Loss loss :
       {Loss(LossKind::kLogistic), Loss(LossKind::kSquared), Loss(LossKind::kSoftmax, 3)}) {
    Case c = trained(loss, true);
    for (const double scale : {1.0, 1e3, 1e6}) {
      Case scaled = c;  // longer parameters, the same scores but for those that were rounded away
      RowMatrix features = RowMatrix::Zero(300, 5);
      for (Index i = 0; i < 300; ++i) {
        features.row(i).head(4) = Vector(c.rows.features.row(i).transpose()).transpose();
        features(i, 4) = 1;
      }
      scaled.rows.features = FeatureMatrix(features);
      scaled.model = {.loss = loss};
      const Objective objective(scaled.rows, loss, true, 1);
      Vector theta = Vector::Zero(objective.parameters());
      const Index p = objective.width();
      for (Index k = 0; k < loss.outputs(); ++k) {
        theta.segment(k * p, 4) = c.model.theta.segment(k * 5, 4);
        theta[k * p + 4] = scale;  // against the intercept: nothing but rounding is left of both
        theta[k * p + 5] = c.model.theta[k * 5 + 4] - scale;
      }
      scaled.model = test::model_of(objective, theta);
      double most = 0;
      for (int k = -100; k < -20; k += 3) {
        const NoisePrice found = noise_price(scaled.model, scaled.rows, std::ldexp(1, k));
        const double truth = found.second_order_rise;  // beyond it there is 2^-80 at most
        EXPECT_LE(std::abs(found.rise - truth), found.rounding) << scale << " " << k;
        most = std::max(most, std::abs(found.rise - truth));
      }
      const double rounding = noise_price(scaled.model, scaled.rows, 0x1p-60).rounding;
      EXPECT_GT(most, rounding / 1e6) << "so large a bound says nothing";
    }
  }
}

TEST(NoisePrice, APriceThatRoundingHidesIsNone) {
  for (const Loss loss :
       {Loss(LossKind::kLogistic), Loss(LossKind::kSquared), Loss(LossKind::kSoftmax, 3)}) {
    const Case c = trained(loss, true);
    const double least = least_price(c.model, c.rows);
    EXPECT_GT(least, 1e-16);
    EXPECT_LT(least, 1e-10);
    for (const double price : {1e-300, 1e-60, 1e-20, 1e-16, least * (1 - 1e-12)}) {
      EXPECT_FALSE(sigma_for_price(c.model, c.rows, price)) << price;
    }
    for (const double price : {least, 2 * least, 1e-9}) {
      const auto found = sigma_for_price(c.model, c.rows, price);
      ASSERT_TRUE(found) << price;
      EXPECT_LE(found->price.rounding, price / 2 * found->price.loss);
      EXPECT_LE(found->price.second_order_rise, price * found->price.loss);  // the truth at such
      EXPECT_GT(found->price.second_order_rise, price / 20 * found->price.loss);
    }
  }
}

TEST(NoisePrice, SameBytesForAnyNumberOfThreadsAndTheSeed) {
  const Case c = trained(Loss(LossKind::kSoftmax, 3), true);
  std::optional<NoisePrice> first;
  for (const int threads : {1, 3}) {
    const test::WithThreads scope(threads);
    const NoisePrice found = noise_price(c.model, c.rows, 0.1, {.draws = 9, .seed = 4});
    if (!first) first = found;
    EXPECT_EQ(found.rise, first->rise);
    EXPECT_EQ(found.standard_error, first->standard_error);
    EXPECT_EQ(found.spread, first->spread);
  }
  EXPECT_NE(noise_price(c.model, c.rows, 0.1, {.draws = 9, .seed = 5}).spread, first->spread);
}

TEST(NoisePrice, WithoutLossThereIsNoShare) {
  Case c = trained(Loss(LossKind::kSquared), false);
  c.rows.targets = Vector::Zero(c.rows.rows());
  c.model.theta.setZero();
  const NoisePrice found = noise_price(c.model, c.rows, 1);
  EXPECT_EQ(found.loss, 0);
  EXPECT_FALSE(found.relative_rise);
  EXPECT_GT(found.rise, 0);
  EXPECT_FALSE(sigma_for_price(c.model, c.rows, 0.1));
  EXPECT_EQ(least_price(c.model, c.rows), INFINITY);
}

TEST(NoisePrice, RefusesBadArguments) {
  const Case c = trained(Loss(), true);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.0, -1.0, nan, static_cast<double>(INFINITY)}) {
    test::expect_error<UsageError>([&] { return noise_price(c.model, c.rows, bad); }, {"sigma"});
    test::expect_error<UsageError>([&] { return sigma_for_price(c.model, c.rows, bad); },
                                   {"price"});
  }
  test::expect_error<UsageError>([&] { return noise_price(c.model, c.rows, 1, {.draws = 1}); },
                                 {"draws"});
  test::expect_error<UsageError>(
      [&] { return noise_price(c.model.at(Vector::Ones(2)), c.rows, 1); }, {"theta"});
  test::expect_error<UsageError>([&] { return least_price(c.model.at(Vector::Ones(2)), c.rows); },
                                 {"theta"});
  Case flat = c;
  flat.rows.features = FeatureMatrix(RowMatrix::Zero(300, 4));
  flat.model.intercept = false;
  flat.model.theta = Vector::Zero(4);
  test::expect_error<DataError>([&] { return sigma_for_price(flat.model, flat.rows, 0.1); },
                                {"moves no score"});
}

}  // namespace
}  // namespace recant

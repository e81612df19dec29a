// SPDX-License-Identifier: Apache-2.0
#include "recant/model/objective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {
namespace {

std::string kind_name(LossKind kind) {
  return std::string(name(kind));
}

class ObjectiveByKind : public testing::TestWithParam<std::tuple<LossKind, bool>> {
 protected:
  const Loss loss_{std::get<0>(GetParam()), 3};
  const bool intercept_ = std::get<1>(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Kinds, ObjectiveByKind,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool()),
                         [](const auto& tested) {
                           return kind_name(std::get<0>(tested.param)) +
                                  (std::get<1>(tested.param) ? "_intercept" : "_plain");
                         });

TEST_P(ObjectiveByKind, GradientIsTheDerivativeOfTheValue) {
  test::Random random(1);
  const Dataset data = test::made_up_rows(random, 37, 4, loss_);
  const Objective objective(data, loss_, intercept_, 0.7);
  const Vector theta = 0.5 * random.normals(objective.parameters());
  const Vector w = random.weights(37) - Vector::Constant(37, 0.3);  // of both signs
  const auto here = objective.evaluate(theta, w);
  const Vector wanted = test::gradient_by_differences(
      [&](const Vector& at) { return objective.evaluate(at, w).value; }, theta);
  test::expect_close(here.gradient, wanted, 1e-9, 0, "gradient");
  test::expect_close(objective.weighted_gradients(theta, w), here.gradient - 0.7 * theta, 1e-13, 0,
                     "without the penalty");
}

TEST_P(ObjectiveByKind, HessianIsTheDerivativeOfTheGradient) {
  test::Random random(2);
  const Dataset data = test::made_up_rows(random, 31, 4, loss_);
  const Objective objective(data, loss_, intercept_, 0.7);
  const Vector theta = 0.5 * random.normals(objective.parameters());
  const Vector w = random.weights(31) - Vector::Constant(31, 0.3);
  const Matrix wanted = test::jacobian_by_differences(
      [&](const Vector& at) { return objective.evaluate(at, w).gradient; }, theta);
  const Matrix h = objective.hessian(theta, w);
  test::expect_close(h, wanted, 1e-9, 0, "Hessian");
  EXPECT_TRUE(test::same_bytes(h, Matrix(h.transpose()))) << "both triangles";
  const Vector v = random.normals(theta.size());
  const Vector product = test::derivative(
      [&](double step) { return objective.evaluate(theta + step * v, w).gradient; });
  test::expect_close(objective.hessian_times(theta, w, v), product, 1e-9, 0, "H v");
}

TEST_P(ObjectiveByKind, AnExpansionIsTheHessianAndTheGradient) {
  test::Random random(12);
  const Dataset data = test::made_up_rows(random, 2500, 4, loss_);
  const Objective plain(data, loss_, intercept_, 0.7);
  const Objective objective = plain.with_linear_term(random.normals(plain.parameters()));
  const Vector theta = 0.5 * random.normals(objective.parameters());
  Vector w = random.weights(2500) - Vector::Constant(2500, 0.3);
  w.segment(512, 300).setConstant(-0.2);  // all of a part are negative
  const Objective::Expansion found = objective.expand(theta, w);
  EXPECT_EQ(found.hessian, objective.hessian(theta, w));
  test::expect_close(found.gradient, objective.evaluate(theta, w).gradient, 1e-12, 0, "gradient");
  const test::WithThreads one(1);
  const Objective::Expansion alone = objective.expand(theta, w);
  EXPECT_EQ(found.hessian, alone.hessian);
  EXPECT_EQ(found.gradient, alone.gradient);
}

/// Rows that are left out are as if they had never been there, to the byte.
TEST_P(ObjectiveByKind, RowsLeftOutAreNotThere) {
  test::Random random(14);
  Dataset some = test::made_up_rows(random, 3000, 4, loss_);
  const FeatureMatrix all = some.features;
  std::vector<Index> kept;
  for (Index i = 0; i < 3000; ++i) {
    if (i % 1000 >= 3 && i % 7 != 2 && i != 2048) kept.push_back(i);
  }
  some = pick_rows(some, kept);
  Dataset shared = some;
  shared.features = all.only(kept);
  const Vector w = random.weights(some.rows()) - Vector::Constant(some.rows(), 0.3);
  const Objective wanted(some, loss_, intercept_, 0.7);
  const Vector theta = 0.5 * random.normals(wanted.parameters());
  const Vector v = random.normals(wanted.parameters());
  for (const int threads : {1, 2, 4}) {
    const test::WithThreads with(threads);
    const Objective found(shared, loss_, intercept_, 0.7);
    EXPECT_EQ(found.row_norms(), wanted.row_norms());
    EXPECT_EQ(found.evaluate(theta, w).gradient, wanted.evaluate(theta, w).gradient);
    EXPECT_EQ(found.residual(theta, w, v).spread, wanted.residual(theta, w, v).spread);
    EXPECT_EQ(found.hessian_times(theta, w, v), wanted.hessian_times(theta, w, v));
    EXPECT_EQ(found.row_gradient_products(theta, v), wanted.row_gradient_products(theta, v));
    EXPECT_EQ(found.expand(theta, w).hessian, wanted.hessian(theta, w));
    EXPECT_EQ(found.expand(theta, w).gradient, wanted.expand(theta, w).gradient);
  }
}

TEST_P(ObjectiveByKind, RowGradientsAreTheDerivativesOfTheRowsLosses) {
  test::Random random(3);
  const Dataset data = test::made_up_rows(random, 9, 3, loss_);
  const Objective objective(data, loss_, intercept_, 1.5);
  const Vector theta = random.normals(objective.parameters());
  const Matrix unit = Matrix::Identity(theta.size(), theta.size());
  const Matrix rows = objective.row_gradient_products(theta, unit);
  for (Index i = 0; i < data.rows(); ++i) {
    const Vector only = Vector::Unit(data.rows(), i);
    const Vector wanted = test::gradient_by_differences(
        [&](const Vector& at) { return objective.evaluate(at, only).data_loss; }, theta);
    test::expect_close(rows.row(i).transpose(), wanted, 1e-9, 1e-12, "row gradient");
  }
}

/// Every member against straight loops in extended precision, over sizes around a block.
struct Size {
  Index n, d;
};
class ObjectiveBySize : public testing::TestWithParam<std::tuple<LossKind, Size, bool>> {};

TEST_P(ObjectiveBySize, AgreesWithStraightLoops) {
  const auto [kind, size, with_intercept] = GetParam();
  const bool intercept = with_intercept || size.d == 0;  // there must be a parameter
  const Loss loss(kind, 3);
  test::Random random(static_cast<std::uint64_t>(100 * size.n + size.d));
  const Dataset data = test::made_up_rows(random, size.n, size.d, loss);
  const Objective objective(data, loss, intercept, 0.3);
  ASSERT_EQ(objective.width(), size.d + (intercept ? 1 : 0));
  ASSERT_EQ(objective.parameters(), objective.width() * loss.outputs());
  const Vector theta = random.normals(objective.parameters());
  Vector w = random.weights(size.n);
  for (const bool negative : {false, true}) {
    if (negative) {
      for (Index i = 0; i < size.n; i += 3) w(i) = -random.between(0, 1);
    }
    SCOPED_TRACE(negative ? "some weights negative" : "weights >= 0, some 0");
    const test::NaiveObjective wanted = test::naive_objective(data, loss, intercept, 0.3, theta, w);
    const auto found = objective.evaluate(theta, w);
    const double gross = static_cast<double>(wanted.gross);
    // Sums are compared on the scale of what they add up, before anything cancels.
    const Vector phi_scale = w.cwiseAbs();
    test::expect_close(found.gross, gross, 1e-13, 0, "gross");
    test::expect_close(found.data_loss, static_cast<double>(wanted.data_loss), 1e-13,
                       1e-14 * phi_scale.sum() * 10, "data loss");
    test::expect_close(found.value, static_cast<double>(wanted.value), 1e-13,
                       1e-14 * phi_scale.sum() * 10, "F");
    test::expect_close(found.gradient, wanted.gradient, 1e-14, 1e-14 * gross, "gradient");
    const Matrix h = objective.hessian(theta, w);
    const double curvature =
        test::naive_objective(data, loss, intercept, 0.3, theta, w.cwiseAbs()).hessian.trace();
    test::expect_close(h, wanted.hessian, 1e-14, 1e-14 * curvature, "Hessian");
    const Vector v = random.normals(theta.size());
    test::expect_close(objective.hessian_times(theta, w, v), Vector(wanted.hessian * v), 1e-13,
                       1e-14 * curvature * v.norm(), "H v");
    const Matrix directions = random.normal_matrix(theta.size(), 2);
    const Matrix products = objective.row_gradient_products(theta, directions);
    Matrix wanted_products(size.n, 2);
    for (Index i = 0; i < size.n; ++i) {
      wanted_products.row(i) =
          (directions.transpose() * test::naive_row_gradient(data, loss, intercept, i, theta))
              .transpose();
    }
    test::expect_close(products, wanted_products, 1e-13, 0, "row products");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ObjectiveBySize,
    testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax),
                     testing::Values(Size{1, 1}, Size{1, 0}, Size{1, 6}, Size{5, 0}, Size{3, 11},
                                     Size{40, 1}, Size{1023, 3}, Size{1024, 3}, Size{1025, 3},
                                     Size{2500, 2}, Size{70, 33}),
                     testing::Bool()),
    [](const auto& tested) {
      const Size size = std::get<1>(tested.param);
      return kind_name(std::get<0>(tested.param)) + "_n" + std::to_string(size.n) + "_d" +
             std::to_string(size.d) + (std::get<2>(tested.param) ? "_intercept" : "_plain");
    });

TEST(ObjectiveTest, KeepsItsDigitsAtMarginsOf900) {
  const Loss loss(LossKind::kLogistic);
  Dataset data;
  const double t[] = {-900, -745.5, -40, -1e-9, 0, 1e-9, 40, 745.5, 900};
  RowMatrix x(18, 1);
  data.targets.resize(18);
  for (Index i = 0; i < 18; ++i) {
    x(i, 0) = t[i % 9];
    data.targets(i) = i < 9 ? 1 : 0;
  }
  data.features = FeatureMatrix(std::move(x));
  const Objective objective(data, loss, false, 0.5);
  const Vector theta = Vector::Ones(1);
  for (Index i = 0; i < 18; ++i) {  // each row alone, so that small ones are seen
    const Vector w = Vector::Unit(18, i);
    const auto found = objective.evaluate(theta, w);
    const test::NaiveObjective wanted = test::naive_objective(data, loss, false, 0.5, theta, w);
    test::expect_close(found.data_loss, static_cast<double>(wanted.data_loss), 1e-14, 1e-300, "F");
    test::expect_close(found.gradient, wanted.gradient, 1e-14, 0, "gradient");
    test::expect_close(objective.hessian(theta, w), wanted.hessian, 1e-14, 0, "Hessian");
  }
}

TEST_P(ObjectiveByKind, AWeightOfZeroIsADeletedRowAndOfTwoARowTwice) {
  test::Random random(4);
  const Index n = 1500;
  const Dataset data = test::made_up_rows(random, n, 5, loss_);
  Vector w = Vector::Ones(n);
  std::vector<Index> kept;
  for (Index i = 0; i < n; ++i) {
    w(i) = static_cast<double>(random.below(3));
    for (int times = 0; times < static_cast<int>(w(i)); ++times) kept.push_back(i);
  }
  const Dataset repeated = test::pick_rows(data, kept);
  const Objective a(data, loss_, intercept_, 0.7), b(repeated, loss_, intercept_, 0.7);
  const Vector theta = random.normals(a.parameters());
  const Vector ones = Vector::Ones(b.rows());
  test::expect_close(a.evaluate(theta, w).value, b.evaluate(theta, ones).value, 1e-12, 0, "F");
  test::expect_close(a.evaluate(theta, w).gradient, b.evaluate(theta, ones).gradient, 1e-12, 0,
                     "gradient");
  test::expect_close(a.hessian(theta, w), b.hessian(theta, ones), 1e-12, 0, "Hessian");
}

TEST_P(ObjectiveByKind, TheOrderOfTheRowsDoesNotMatter) {
  test::Random random(5);
  const Index n = 3000;
  const Dataset data = test::made_up_rows(random, n, 6, loss_);
  const std::vector<Index> order = random.permutation(n);
  const Vector w = random.weights(n), shuffled = test::pick(w, order);
  const Dataset other = test::pick_rows(data, order);
  const Objective a(data, loss_, intercept_, 0.7), b(other, loss_, intercept_, 0.7);
  const Vector theta = random.normals(a.parameters());
  test::expect_close(b.evaluate(theta, shuffled).gradient, a.evaluate(theta, w).gradient, 1e-12, 0,
                     "gradient");
  test::expect_close(b.hessian(theta, shuffled), a.hessian(theta, w), 1e-12, 0, "Hessian");
  const Matrix direction = random.normal_matrix(theta.size(), 1);
  test::expect_close(b.row_gradient_products(theta, direction),
                     test::pick(a.row_gradient_products(theta, direction), order), 1e-13, 0,
                     "row products");
}

TEST_P(ObjectiveByKind, EverythingHasTheSameBytesForAnyThreads) {
  test::Random random(6);
  const Index n = 20000;
  const Dataset data = test::made_up_rows(random, n, 7, loss_);
  Vector w = random.weights(n);
  w.head(100).array() -= 1;  // the Hessian has its own path for negative weights
  struct All {
    Objective::Evaluation evaluation;
    Matrix hessian, products;
    Vector times, gradients;
  };
  const Vector theta = random.normals(loss_.outputs() * (7 + (intercept_ ? 1 : 0)));
  const Matrix directions = random.normal_matrix(theta.size(), 3);
  const auto all = [&] {
    const Objective objective(data, loss_, intercept_, 0.7);
    return All{objective.evaluate(theta, w), objective.hessian(theta, w),
               objective.row_gradient_products(theta, directions),
               objective.hessian_times(theta, w, directions.col(0)),
               objective.weighted_gradients(theta, w)};
  };
  All one;
  for (const int count : {1, 2, 3, 4, 16}) {
    const test::WithThreads threads(count);
    const All now = all();
    if (count == 1) one = now;
    EXPECT_EQ(now.evaluation.value, one.evaluation.value) << count;
    EXPECT_EQ(now.evaluation.gross, one.evaluation.gross) << count;
    EXPECT_TRUE(test::same_bytes(now.evaluation.gradient, one.evaluation.gradient)) << count;
    EXPECT_TRUE(test::same_bytes(now.hessian, one.hessian)) << count;
    EXPECT_TRUE(test::same_bytes(now.products, one.products)) << count;
    EXPECT_TRUE(test::same_bytes(now.times, one.times)) << count;
    EXPECT_TRUE(test::same_bytes(now.gradients, one.gradients)) << count;
  }
}

/// A wide matrix: several accumulators of many megabytes, pieces smaller than a block.
TEST(ObjectiveTest, WideHessiansHaveTheSameBytesForAnyThreads) {
  test::Random random(7);
  const Dataset data = test::made_up_rows(random, 5000, 150, Loss());
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = 0.05 * random.normals(151), w = random.weights(5000);
  Matrix one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const Matrix now = objective.hessian(theta, w);
    if (count == 1) one = now;
    EXPECT_TRUE(test::same_bytes(now, one)) << count;
  }
}

TEST(ObjectiveTest, AHessianCanBeStoppedWithinABlockOfRows) {
  test::Random random(11);
  const Dataset data = test::made_up_rows(random, kBlockRows, 3, Loss());
  const Objective objective(data, Loss(), true, 1.0);
  const Vector theta = random.normals(objective.parameters());
  struct Stopped {};
  int asked = 0, stop_at = 1000;
  const InterruptCheck check([&] {
    if (++asked == stop_at) throw Stopped();
  });
  const Matrix wanted = objective.hessian(theta, data.weights);
  const int whole = asked;
  EXPECT_GE(whole, 3 + kBlockRows / 256);  // pass, task, block, and every part of the block
  asked = 0;
  stop_at = whole - 1;
  EXPECT_THROW(static_cast<void>(objective.hessian(theta, data.weights)), Stopped);
  const InterruptCheck nobody([] {});
  EXPECT_EQ(objective.hessian(theta, data.weights), wanted);
}

TEST(ObjectiveTest, OutlivesTheDataItWasMadeFrom) {
  test::Random random(8);
  auto data = std::make_unique<Dataset>(test::made_up_rows(random, 20, 2, Loss()));
  const Objective objective(*data, Loss(), true, 1);
  const Vector theta = random.normals(3), w = Vector::Ones(20);
  const double before = objective.evaluate(theta, w).value;
  data.reset();
  EXPECT_EQ(objective.evaluate(theta, w).value, before);
}

TEST(ObjectiveTest, RefusesWhatMakesNoSense) {
  test::Random random(9);
  const Dataset data = test::made_up_rows(random, 6, 2, Loss());
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    test::expect_error<UsageError>([&] { return Objective(data, Loss(), true, bad); },
                                   {"l2", "> 0"});
  }
  Dataset none;
  test::expect_error<DataError>([&] { return Objective(none, Loss(), true, 1); }, {"no row"});
  Dataset narrow = data;
  narrow.features = FeatureMatrix(RowMatrix(6, 0));
  test::expect_error<DataError>([&] { return Objective(narrow, Loss(), false, 1); },
                                {"no feature"});
  Dataset short_targets = data;
  short_targets.targets.conservativeResize(5);
  test::expect_error<UsageError>([&] { return Objective(short_targets, Loss(), true, 1); },
                                 {"targets", "5", "6"});
  const Objective objective(data, Loss(), true, 1);
  const Vector theta = Vector::Zero(3), w = Vector::Ones(6);
  const Vector short_theta = Vector::Zero(2), short_w = Vector::Ones(5);
  test::expect_error<UsageError>([&] { return objective.evaluate(short_theta, w); },
                                 {"theta", "2", "3"});
  test::expect_error<UsageError>([&] { return objective.hessian(theta, short_w); },
                                 {"row weights", "5", "6"});
  test::expect_error<UsageError>([&] { return objective.hessian_times(theta, w, short_theta); },
                                 {"v", "2", "3"});
  test::expect_error<UsageError>(
      [&] { return objective.row_gradient_products(theta, Matrix::Zero(4, 1)); }, {"4", "3"});
}

TEST_P(ObjectiveByKind, ResidualIsTheGradientAndTheLargestChangeOfAScore) {
  for (const Index n : {1, 7, 1024, 1025, 3000}) {
    test::Random random(static_cast<std::uint64_t>(n));
    const Dataset data = test::made_up_rows(random, n, 3, loss_);
    const Objective objective(data, loss_, intercept_, 0.7);
    const Vector theta = 0.5 * random.normals(objective.parameters());
    const Vector v = random.normals(objective.parameters());
    const Vector w = random.weights(n);
    const auto found = objective.residual(theta, w, v);
    const auto wanted = test::naive_objective(data, loss_, intercept_, 0.7, theta, w);
    test::expect_close(found.gradient, wanted.gradient, 1e-12, 1e-12, "gradient");
    test::expect_close(found.gross, static_cast<double>(wanted.gross), 1e-12, 0, "gross");
    double spread = 0;
    for (Index i = 0; i < n; ++i) {
      if (!(w(i) > 0)) continue;
      const test::Reals t = test::naive_scores(test::naive_row(data.features, i, intercept_), v);
      const auto [low, high] = std::minmax_element(t.begin(), t.end());
      spread = std::max(spread, static_cast<double>(t.size() == 1 ? fabsl(t[0]) : *high - *low));
    }
    test::expect_close(found.spread, spread, 1e-13, 0, "spread");
    EXPECT_GE(found.depth, std::min<Index>(n, 128));
    EXPECT_LE(found.depth, std::min<Index>(n, 128) + 8 + block_count(n) + 7);
    const test::WithThreads threads(3);
    EXPECT_TRUE(test::same_bytes(objective.residual(theta, w, v).gradient, found.gradient));
  }
}

TEST_P(ObjectiveByKind, AChangeThatIsNoNumberDoesNotVanishAmongOthers) {
  for (const Index at : {0, 500, 1100}) {  // rows of all other pieces and blocks are behind it
    test::Random random(3);
    Dataset data = test::made_up_rows(random, 1101, 2, loss_);
    RowMatrix x = RowMatrix::Constant(1101, 2, 1e-3);
    x.row(at).setConstant(10);
    data.features = FeatureMatrix(std::move(x));
    const Objective objective(data, loss_, intercept_, 0.7);
    Vector along = Vector::Zero(objective.parameters());
    along(0) = 1e308, along(1) = -1e308;  // 10 times these: infinity less infinity
    const Vector theta = Vector::Zero(objective.parameters()), w = Vector::Ones(1101);
    EXPECT_TRUE(std::isnan(objective.residual(theta, w, along).spread)) << "row " << at;
  }
}

}  // namespace
}  // namespace recant

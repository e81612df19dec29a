// SPDX-License-Identifier: Apache-2.0
#include "recant/model/loss.hpp"

#include <gtest/gtest.h>

#include "compare.hpp"
#include "expect_error.hpp"
#include "finite_difference.hpp"
#include "instruction_sets.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr LossKind kKinds[] = {LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax};

struct Evaluated {
  Vector values;
  Matrix residuals;
};
Evaluated evaluate(const Loss& loss, const Matrix& scores, const Vector& targets) {
  Evaluated all{Vector(scores.rows()), Matrix(scores.rows(), scores.cols())};
  loss.evaluate(scores, targets, all.values, all.residuals);
  return all;
}

Vector targets_for(const Loss& loss, Index n, test::Random& random) {
  Vector y(n);
  for (Index i = 0; i < n; ++i) {
    y(i) = loss.kind() == LossKind::kSquared    ? random.normal()
           : loss.kind() == LossKind::kLogistic ? static_cast<double>(random.below(2))
                                                : static_cast<double>(random.below(loss.outputs()));
  }
  return y;
}

class LossTest : public testing::TestWithParam<std::pair<LossKind, Index>> {
 protected:
  const Loss loss_{GetParam().first, GetParam().second};
  const Index outputs_ = loss_.outputs();
};

TEST_P(LossTest, ResidualsOfSeveralModelsAreThoseOfEach) {
  test::Random random(21);
  const Index n = 37, models = 3;
  Matrix t = 4 * random.normal_matrix(n, models * outputs_);
  t.row(0).setConstant(0);
  t.row(1).head(outputs_).setConstant(700);
  t.row(2).head(outputs_).setConstant(-700);
  t(3, 0) = 40;
  t(4, 0) = -40;
  const Vector y = targets_for(loss_, n, random);
  Matrix found(n, t.cols());
  loss_.residuals(t, y, found);
  for (Index m = 0; m < models; ++m) {
    const Matrix wanted = evaluate(loss_, t.middleCols(m * outputs_, outputs_), y).residuals;
    for (Index c = 0; c < outputs_; ++c) {
      for (Index i = 0; i < n; ++i) {
        const double one = found(i, m * outputs_ + c);
        EXPECT_NEAR(one, wanted(i, c), 2e-15 * std::abs(wanted(i, c))) << i << ", " << c;
      }
    }
  }
}

TEST_P(LossTest, ResidualsAreTheDerivativesOfValues) {
  test::Random random(1);
  const Index n = 23;
  const Matrix t = 2 * random.normal_matrix(n, outputs_);
  const Vector y = targets_for(loss_, n, random);
  const Matrix residuals = evaluate(loss_, t, y).residuals;
  for (Index k = 0; k < outputs_; ++k) {
    const Vector wanted = test::derivative([&](double h) {
      Matrix moved = t;
      moved.col(k).array() += h;
      return evaluate(loss_, moved, y).values;
    });
    test::expect_close(residuals.col(k), wanted, 1e-10, 0, "residual " + std::to_string(k));
  }
}

TEST_P(LossTest, CurvaturesAreTheDerivativesOfResiduals) {
  test::Random random(2);
  const Index n = 19;
  const Matrix t = 2 * random.normal_matrix(n, outputs_);
  const Vector y = targets_for(loss_, n, random);
  for (Index l = 0; l < outputs_; ++l) {
    const Matrix wanted = test::derivative([&](double h) {
      Matrix moved = t;
      moved.col(l).array() += h;
      return evaluate(loss_, moved, y).residuals;
    });
    for (Index k = 0; k < outputs_; ++k) {
      Vector curvature(n);
      loss_.curvatures(t, k, l, {curvature.data(), static_cast<std::size_t>(n)});
      EXPECT_GE(curvature.minCoeff(), 0) << "sizes, the sign is apart";
      test::expect_close(loss_.curvature_sign(k, l) * curvature, wanted.col(k), 1e-10, 1e-12,
                         "curvature");
    }
  }
}

TEST_P(LossTest, CurvatureProductsAreTheCurvaturesTimesTheDirection) {
  test::Random random(3);
  const Index n = 17;
  const Matrix t = 3 * random.normal_matrix(n, outputs_), v = random.normal_matrix(n, outputs_);
  Matrix wanted = Matrix::Zero(n, outputs_), found(n, outputs_);
  for (Index k = 0; k < outputs_; ++k) {
    for (Index l = 0; l < outputs_; ++l) {
      Vector curvature(n);
      loss_.curvatures(t, k, l, {curvature.data(), static_cast<std::size_t>(n)});
      wanted.col(k).array() += loss_.curvature_sign(k, l) * curvature.array() * v.col(l).array();
    }
  }
  loss_.curvature_products(t, v, found);
  test::expect_close(found, wanted, 1e-14, 0, "products");
  Matrix in_place = v;
  loss_.curvature_products(t, in_place, in_place);
  EXPECT_TRUE(test::same_bytes(in_place, found)) << "the direction may be overwritten";
}

TEST_P(LossTest, SlopesAreAColumnOfTheCurvaturesAndCostNoDigitOfTheResiduals) {
  test::Random random(6);
  const Index n = 37;
  Matrix t = 4 * random.normal_matrix(n, outputs_);
  t(3, 0) = 40;
  t(4, 0) = -700;
  const Vector y = targets_for(loss_, n, random);
  const Matrix wanted = evaluate(loss_, t, y).residuals;
  for (Index k = 0; k < outputs_; ++k) {
    Matrix residuals(n, outputs_), slopes(n, outputs_);
    loss_.residuals_and_slopes(t, y, k, residuals, slopes);
    test::expect_close(residuals, wanted, 2e-15, 0, "residuals");
    for (Index c = 0; c < outputs_; ++c) {
      Vector curvature(n);
      loss_.curvatures(t, k, c, {curvature.data(), static_cast<std::size_t>(n)});
      test::expect_close(slopes.col(c), loss_.curvature_sign(k, c) * curvature, 2e-15, 0, "slopes");
    }
  }
}

/// Scores from tiny to +-900, where e^t overflows and 1-p is 0 in double precision.
TEST_P(LossTest, KeepsItsDigitsAtEveryMargin) {
  const double sizes[] = {0,  1e-300, 1e-17, 1e-9, 0.01, 0.5,   1,   3.3,
                          16, 36.7,   37.5,  50,   300,  708.5, 745, 900};
  std::vector<double> margins;
  for (const double size : sizes) margins.insert(margins.end(), {size, -size});
  test::Random random(4);
  for (const double margin : margins) {
    for (Index k = 0; k < (loss_.kind() == LossKind::kLogistic ? 2 : outputs_); ++k) {
      Matrix t(1, outputs_);
      for (Index c = 0; c < outputs_; ++c) t(0, c) = 0.3 * random.normal();
      t(0, k % outputs_) = margin;
      const Vector y = Vector::Constant(1, static_cast<double>(k));
      const test::Reals reals(t.data(), t.data() + outputs_);
      const test::NaiveLoss wanted = test::naive_loss(loss_.kind(), reals, y(0));
      const Evaluated found = evaluate(loss_, t, y);
      SCOPED_TRACE(testing::Message() << "margin " << margin << ", target " << k);
      // Softmax reads differences of scores, whose rounding is a relative error of e^t.
      const double rounding = loss_.kind() == LossKind::kSoftmax ? 5e-16 * std::abs(margin) : 0;
      const double relative = 1e-14 + rounding, tiny = 1e-300;
      test::expect_close(found.values(0), static_cast<double>(wanted.value), relative, tiny, "phi");
      for (Index a = 0; a < outputs_; ++a) {
        const auto i = static_cast<std::size_t>(a);
        test::expect_close(found.residuals(0, a), static_cast<double>(wanted.slope[i]), relative,
                           tiny, "residual");
        for (Index b = 0; b < outputs_; ++b) {
          double curvature = -1;
          loss_.curvatures(t, a, b, {&curvature, 1});
          test::expect_close(loss_.curvature_sign(a, b) * curvature,
                             static_cast<double>(wanted.curvature[i][static_cast<std::size_t>(b)]),
                             relative, tiny, "curvature");
        }
      }
    }
  }
}

TEST_P(LossTest, ProbabilitiesAgreeWithResidualsAndMayOverwriteTheScores) {
  test::Random random(5);
  const Index n = 11;
  const Matrix t = 4 * random.normal_matrix(n, outputs_);
  Matrix p(n, outputs_);
  loss_.probabilities(t, p);
  if (loss_.kind() == LossKind::kSquared) {
    EXPECT_TRUE(test::same_bytes(p, t));
  } else {
    const Vector zero = Vector::Zero(n);
    Matrix wanted = evaluate(loss_, t, zero).residuals;  // p - onehot(0), or p for y = 0
    if (loss_.kind() == LossKind::kSoftmax) {
      wanted.col(0).array() += 1;
      test::expect_close(p.rowwise().sum(), Vector::Ones(n), 1e-15, 0, "sum");
    }
    test::expect_close(p, wanted, 1e-15, 0, "p");
    EXPECT_GT(p.minCoeff(), 0);
  }
  Matrix in_place = t;
  loss_.probabilities(in_place, in_place);
  EXPECT_TRUE(test::same_bytes(in_place, p));
}

INSTANTIATE_TEST_SUITE_P(Kinds, LossTest,
                         testing::Values(std::pair(LossKind::kLogistic, Index{2}),
                                         std::pair(LossKind::kSquared, Index{2}),
                                         std::pair(LossKind::kSoftmax, Index{2}),
                                         std::pair(LossKind::kSoftmax, Index{3}),
                                         std::pair(LossKind::kSoftmax, Index{7})),
                         [](const auto& tested) {
                           return std::string(name(tested.param.first)) +
                                  std::to_string(tested.param.second);
                         });

TEST(LossOfManyClasses, DerivativesAddUpToZeroAndAShiftChangesNothing) {
  test::Random random(6);
  const Loss loss(LossKind::kSoftmax, 5);
  const Matrix t = 5 * random.normal_matrix(40, 5);
  const Vector y = targets_for(loss, 40, random);
  EXPECT_LE(evaluate(loss, t, y).residuals.rowwise().sum().cwiseAbs().maxCoeff(), 1e-15);
  const Matrix shifted = t.array() + 300;
  test::expect_close(evaluate(loss, shifted, y).values, evaluate(loss, t, y).values, 1e-12, 0,
                     "shifted");
}

TEST(LossOfTwoClasses, IsTheLogisticLossOfTheDifference) {
  test::Random random(7);
  const Index n = 50;
  const Vector t = 6 * random.normals(n);
  const Vector y = targets_for(Loss(LossKind::kLogistic), n, random);
  Matrix two(n, 2);
  two.col(0) = 0.25 * t;
  two.col(1) = 1.25 * t;
  const Evaluated logistic = evaluate(Loss(LossKind::kLogistic), t, y);
  const Evaluated softmax = evaluate(Loss(LossKind::kSoftmax, 2), two, y);
  test::expect_close(softmax.values, logistic.values, 1e-14, 0, "phi");
  test::expect_close(softmax.residuals.col(1), logistic.residuals, 1e-14, 0, "residual");
  test::expect_close(softmax.residuals.col(0), -logistic.residuals, 1e-14, 0, "residual");
}

TEST(LossKindTest, HasNamesThatAreReadBack) {
  for (const LossKind kind : kKinds) EXPECT_EQ(loss_kind(name(kind)), kind);
  EXPECT_EQ(name(LossKind::kSoftmax), "softmax");
  for (const char* bad : {"", "hinge", "Logistic", "softmax "}) {
    test::expect_error<UsageError>([&] { return loss_kind(bad); },
                                   {"logistic, squared or softmax", std::string("'") + bad});
  }
}

TEST(LossKindTest, SoftmaxNeedsTwoClasses) {
  for (const Index bad : {Index{1}, Index{0}, Index{-3}}) {
    test::expect_error<UsageError>([&] { return Loss(LossKind::kSoftmax, bad); },
                                   {"classes", std::to_string(bad)});
  }
  EXPECT_EQ(Loss(LossKind::kSoftmax, 5).outputs(), 5);
  EXPECT_EQ(Loss(LossKind::kLogistic, 5).outputs(), 1);
  EXPECT_EQ(Loss(LossKind::kSquared, 0).outputs(), 1);
}

/// Every instruction set against long double, at vectors' ends and within, tails included.
TEST(LogisticLoss, IsRightToAFewUnitsInTheLastPlaceWithEveryInstructionSet) {
  std::vector<double> margins = {0, -0.0, 1e-300, -1e-17, 36.9, -37.1, 709.7, -745.2, 800, -1e6};
  test::Random random(9);
  while (margins.size() < 1003) margins.push_back(40 * random.normal());
  const Matrix t = Eigen::Map<const Vector>(margins.data(), static_cast<Index>(margins.size()));
  const Loss loss(LossKind::kLogistic);
  const Vector y = targets_for(loss, t.rows(), random);
  for_each_instruction_set([&] {
    const Evaluated found = evaluate(loss, t, y);
    Vector curvature(t.rows());
    Matrix p(t.rows(), 1);
    loss.curvatures(t, 0, 0, {curvature.data(), static_cast<std::size_t>(t.rows())});
    loss.probabilities(t, p);
    Matrix residuals(t.rows(), 1), slopes(t.rows(), 1);
    loss.residuals_and_slopes(t, y, 0, residuals, slopes);
    for (Index i = 0; i < t.rows(); ++i) {
      SCOPED_TRACE(testing::Message() << "score " << t(i, 0) << ", target " << y(i));
      const long double side = y(i) > 0.5 ? 1 : -1, margin = side * t(i, 0);
      const long double e = std::exp(-std::abs(margin));
      const auto near = [](double value, long double wanted, const char* what) {
        const auto exact = static_cast<double>(wanted);
        EXPECT_LE(std::abs(value - exact), 4 * 2.3e-16 * std::abs(exact) + 1e-320) << what;
      };
      near(found.values(i), std::max(-margin, 0.0L) + std::log1p(e), "phi");
      near(found.residuals(i, 0), -side * (margin >= 0 ? e : 1) / (1 + e), "phi'");
      near(curvature(i), e / ((1 + e) * (1 + e)), "phi''");
      near(residuals(i, 0), -side * (margin >= 0 ? e : 1) / (1 + e), "phi' with slopes");
      near(slopes(i, 0), e / ((1 + e) * (1 + e)), "dp/dt");
      near(p(i, 0), 1 / (1 + std::exp(-static_cast<long double>(t(i, 0)))), "p");
    }
  });
}

TEST(LogisticLoss, OfAScoreThatIsNotANumberIsNotANumber) {
  const Matrix t = Matrix::Constant(11, 1, std::nan(""));
  const Vector y = Vector::LinSpaced(11, 0, 1);
  const Loss loss(LossKind::kLogistic);
  for_each_instruction_set([&] {
    const Evaluated found = evaluate(loss, t, y);
    Vector curvature(11);
    Matrix p(11, 1);
    loss.curvatures(t, 0, 0, {curvature.data(), 11});
    loss.probabilities(t, p);
    Matrix residuals(11, 1), slopes(11, 1);
    loss.residuals_and_slopes(t, y, 0, residuals, slopes);
    for (Index i = 0; i < 11; ++i) {
      EXPECT_TRUE(std::isnan(residuals(i, 0)) && std::isnan(slopes(i, 0)));
      EXPECT_TRUE(std::isnan(found.values(i)) && std::isnan(found.residuals(i, 0)));
      EXPECT_TRUE(std::isnan(curvature(i)) && std::isnan(p(i, 0)));
    }
  });
}

/// phi'' of the logistic loss at t, and with it what follows from differences of it.
long double logistic_curvature(long double t) {
  return 1 / ((1 + expl(t)) * (1 + expl(-t)));
}

TEST(LogisticLoss, TiltsAreTheThirdDerivativeOverTheSecond) {
  const Loss loss(LossKind::kLogistic);
  EXPECT_TRUE(loss.bounds_fourth_derivative());
  Matrix t(400, 1);
  t.col(0) = Vector::LinSpaced(400, -20, 20);
  Vector tilts(400);
  loss.curvature_tilts(t, tilts);
  const long double h = 1e-4L, m = loss.self_concordance();
  for (Index i = 0; i < 400; ++i) {
    const long double at = t(i, 0), here = logistic_curvature(at);
    const long double before = logistic_curvature(at - h), after = logistic_curvature(at + h);
    EXPECT_NEAR(tilts(i), static_cast<double>((after - before) / (2 * h) / here), 1e-8) << at;
    // What the expansion of the gradient rests on: |phi''''| <= M^2 phi''.
    EXPECT_LE(std::abs((after - 2 * here + before) / (h * h)), m * m * here * (1 + 1e-6L)) << at;
  }
}

TEST(SquaredLoss, HasNoTilt) {
  const Loss loss(LossKind::kSquared);
  EXPECT_TRUE(loss.bounds_fourth_derivative());
  Vector tilts = Vector::Ones(3);
  loss.curvature_tilts(Matrix::Random(3, 1), tilts);
  EXPECT_EQ(tilts, Vector(Vector::Zero(3)));
}

TEST(Softmax, ClaimsNothingOfItsFourthDerivative) {
  EXPECT_FALSE(Loss(LossKind::kSoftmax, 3).bounds_fourth_derivative());
}

}  // namespace
}  // namespace recant

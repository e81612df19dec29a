// SPDX-License-Identifier: Apache-2.0
// The suprema of objective perturbation beside what models trained with b^T theta show.
#include "recant/certify/objective_perturbation.hpp"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/hard.hpp"

namespace recant::test {
namespace {

constexpr TrainerOptions kExact{.tolerance = 1e-14};

/// A deletion, and what is known of it at b = 0.
struct Perturbed {
  Objective objective;
  Vector weights;
  Reweighting change;
  PerturbationBase base;

  Perturbed(const Dataset& data, LossKind kind, double l2, const std::vector<Index>& rows)
      : objective(data, Loss(kind), true, l2),
        weights(Vector::Ones(data.rows())),
        change(delete_rows(rows, weights)) {
    DeletionState state(objective, train(objective, weights, kExact).theta, weights);
    EXPECT_EQ(state.delete_rows(rows), DeletionStatus::kDone);
    const DeletionBase& at = state.base();
    const StepMeasure step = state.measure_step(state.newton_point(), FrameKind::kBase);
    base = {.dimension = objective.parameters(),
            .least_eigenvalue = at.least_eigenvalue,
            .largest_eigenvalue = at.largest_eigenvalue,
            .leverage = state.frame(FrameKind::kBase).leverage,
            .shrinkage = state.shrinkage(),
            .step_range = step.range,
            .step_norm = step.step_norm,
            .bounds_fourth_derivative = objective.loss().bounds_fourth_derivative()};
  }

  /// u(b) = grad F_S(theta^-) + b.
  [[nodiscard]] Vector residual(const Vector& b) const {
    const Objective with_b = objective.with_linear_term(b);
    const Vector theta = train(with_b, weights, kExact).theta;
    const Vector after = newton_step(with_b, theta, weights, change).theta;
    return with_b.evaluate(after, weights + change.delta).gradient;
  }
  [[nodiscard]] Matrix jacobian(const Vector& b, double step) const {
    Matrix out(b.size(), b.size());
    for (Index j = 0; j < b.size(); ++j) {
      Vector up = b, down = b;
      up[j] += step;
      down[j] -= step;
      out.col(j) = (residual(up) - residual(down)) / (2 * step);
    }
    return out;
  }
};

TEST(ObjectivePerturbationSuprema, AreAboveWhatModelsShow) {
  Random random(17);
  int looked_at = 0, softmax = 0;
  for (int i = 0; i < 20; ++i) {
    const LossKind kind = i >= 16      ? LossKind::kSoftmax
                          : i % 4 == 3 ? LossKind::kSquared
                                       : LossKind::kLogistic;
    const Index n = 60 + random.below(200), d = 1 + random.below(3);
    const Dataset data = made_up_rows(random, n, d, Loss(kind));
    const Perturbed problem(data, kind, std::exp(random.between(-1, 3)),
                            {random.below(n / 2), n / 2 + random.below(n / 2)});
    const double sigma = std::exp(random.between(-6, 0));
    const double r = perturbation_radius(problem.base.dimension, 1e-6);
    const PerturbationSuprema over = perturbation_suprema(problem.base, sigma, r);
    if (!over.bounded) continue;
    ++looked_at;
    softmax += kind == LossKind::kSoftmax;
    // j and with it L and Lambda for any epsilon: ask for one that nothing exceeds.
    const PerturbationPromise promise = perturbation_promise(
        over, problem.base.dimension, {.epsilon = 20, .delta = 0.5, .sigma = sigma / 100});
    for (int k = 0; k < 6; ++k) {
      const Vector direction = random.normals(problem.base.dimension).normalized();
      const Vector b = over.radius * (k / 5.0) * direction;
      EXPECT_LE(problem.residual(b).norm(), over.residual + 1e-11);
      const double step = std::max(1e-3 * over.radius, 1e-4);
      const Matrix du = problem.jacobian(b, step);
      const double noise = 1e-10 / step + 1e-6;  // of the differences
      EXPECT_LE(du.jacobiSvd().singularValues()(0), promise.lipschitz + noise);
      const Matrix one = Matrix::Identity(du.rows(), du.rows());
      EXPECT_LE(std::abs(std::log(std::abs((one - du).determinant()))),
                promise.log_determinant + 4 * noise);
    }
  }
  EXPECT_GE(looked_at, 10);
  EXPECT_GE(softmax, 1);
}

TEST(ObjectiveWithLinearTerm, IsTrainedAndUpdatedWithIt) {
  Random random(3);
  const Dataset data = made_up_rows(random, 200, 3, Loss(LossKind::kSoftmax, 3));
  const Objective plain(data, Loss(LossKind::kSoftmax, 3), true, 2);
  const Vector b = random.normals(plain.parameters()), ones = Vector::Ones(200);
  const Objective with_b = plain.with_linear_term(b);
  const Vector theta = random.normals(plain.parameters());
  const auto a = plain.evaluate(theta, ones), c = with_b.evaluate(theta, ones);
  EXPECT_NEAR(c.value, a.value + b.dot(theta), 1e-10);
  expect_close(c.gradient, Vector(a.gradient + b), 1e-14, 0, "gradient");
  expect_close(with_b.residual(theta, ones, theta).gradient, Vector(a.gradient + b), 1e-12, 0,
               "residual");
  EXPECT_TRUE(same_bytes(with_b.hessian(theta, ones), plain.hessian(theta, ones)));
  EXPECT_EQ(plain.linear_term().size(), 0);
  // At its optimum grad F = -b.
  const TrainerResult trained = train(with_b, ones);
  EXPECT_TRUE(trained.converged);
  expect_close(plain.evaluate(trained.theta, ones).gradient, Vector(-b), 1e-8, 0, "optimum");
  expect_error<UsageError>([&] { return plain.with_linear_term(Vector::Ones(2)); }, {"b has"});
  expect_error<UsageError>([&] { return plain.with_linear_term(b / 0.0); }, {"entry of b"});
}

}  // namespace
}  // namespace recant::test

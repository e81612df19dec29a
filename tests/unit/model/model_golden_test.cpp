// SPDX-License-Identifier: Apache-2.0
// Losses, derivatives and optima against those of another program (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>

#include "golden_model.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

using test::Json;

class ModelGolden : public testing::TestWithParam<std::string> {};

void expect_hessian(const Matrix& h, const Json& golden) {
  const double scale = test::largest(h);
  if (golden.contains("hessian"))
    test::expect_close(h, test::matrix_of(golden.at("hessian")), 1e-11, 0, "Hessian");
  if (golden.contains("hessian_diag")) {
    test::expect_close(h.diagonal(), test::vector_of(golden.at("hessian_diag")), 1e-11, 0, "diag");
    test::expect_close(h.rowwise().sum(), test::vector_of(golden.at("hessian_times_ones")), 1e-11,
                       1e-11 * scale, "H 1");
  }
  if (golden.contains("hessian_trace")) {
    test::expect_close(h.trace(), golden.at("hessian_trace"), 1e-11, 0, "trace");
    test::expect_close(h.norm(), golden.at("hessian_frobenius"), 1e-11, 0, "Frobenius norm");
    const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(h, Eigen::EigenvaluesOnly);
    test::expect_close(spectrum.eigenvalues().maxCoeff(), golden.at("hessian_max_eig"), 1e-11, 0,
                       "largest eigenvalue");
  }
  if (golden.contains("hessian_logdet")) {
    const auto factor = Cholesky::factor(h);
    ASSERT_TRUE(factor.has_value());
    test::expect_close(factor->log_determinant(), golden.at("hessian_logdet"), 1e-11, 0, "logdet");
  }
}

void expect_row_losses(const test::GoldenCase& golden, const Objective& objective,
                       const Vector& theta) {
  const Json& json = golden.json;
  if (json.contains("sample_losses")) {
    const Vector losses = test::vector_of(json.at("sample_losses"));
    Vector found(losses.size());
    for (Index i = 0; i < losses.size(); ++i)
      found(i) = objective.evaluate(theta, Vector::Unit(losses.size(), i)).data_loss;
    test::expect_close(found, losses, 1e-10, 0, "row losses");
  }
  if (json.contains("sample_gradients")) {
    const Matrix identity = Matrix::Identity(theta.size(), theta.size());
    test::expect_close(objective.row_gradient_products(theta, identity),
                       test::matrix_of(json.at("sample_gradients")), 1e-10, 0, "row gradients");
  }
}

TEST_P(ModelGolden, FitsTheReferenceModel) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const test::GoldenCase golden = test::load_case(GetParam());
  const Json& json = golden.json;
  const Objective objective = golden.objective();
  ASSERT_EQ(objective.rows(), json.at("n").get<Index>());
  ASSERT_EQ(objective.width(), json.at("d").get<Index>());

  const TrainerResult fit = train(objective, golden.train.weights);
  ASSERT_TRUE(fit.converged);
  test::expect_theta(fit.theta, json.at("theta_hat"), 2 * fit.gradient_norm / golden.l2, "theta");
  test::expect_close(fit.data_loss, json.at("train_data_loss"), 1e-11, 0, "data loss");
  test::expect_close(fit.value, json.at("train_objective"), 1e-11, 0, "F");
  // Where the reference model is stored in full, the derivatives are taken at it.
  const Vector theta = json.at("theta_hat").is_array() ? golden.theta_hat() : fit.theta;
  test::expect_close(objective.evaluate(theta, golden.train.weights).value,
                     json.at("train_objective"), 1e-11, 0, "F at theta_hat");
  expect_hessian(objective.hessian(theta, golden.train.weights), json);
  expect_row_losses(golden, objective, theta);

  if (!json.contains("weighted_fit")) return;
  const Json& weighted = json.at("weighted_fit");
  const Vector weights = test::vector_of(weighted.at("weights"));
  const TrainerResult other = train(objective, weights);
  ASSERT_TRUE(other.converged);
  test::expect_theta(other.theta, weighted.at("theta"), 2 * other.gradient_norm / golden.l2,
                     "weighted theta");
  test::expect_close(other.value, weighted.at("objective"), 1e-11, 0, "weighted F");
  expect_hessian(objective.hessian(test::vector_of(weighted.at("theta")), weights), weighted);
}

INSTANTIATE_TEST_SUITE_P(Small, ModelGolden,
                         testing::ValuesIn(test::with(test::small_logistic_cases(),
                                                      {"ridge_d5", "softmax_k3_d4", "softmax_k4_d6",
                                                       "separable_n40_d60"})),
                         [](const auto& tested) { return tested.param; });
INSTANTIATE_TEST_SUITE_P(Large, ModelGolden,
                         testing::ValuesIn(test::with(test::large_logistic_cases(),
                                                      {"mnist38_l001n"})),
                         [](const auto& tested) { return tested.param; });

TEST(ModelGoldenMargins, EveryDerivativeAtMarginsTo900) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const Json json = test::load_golden("eval_margins");
  const auto file = [&](const char* key) {
    return test::golden_folder() / json.at("data").at(key).get<std::string>();
  };
  Dataset data;
  data.features = read_npy_matrix(file("X"));
  data.targets = read_npy_vector(file("y"));
  data.weights = read_npy_vector(file("w"));
  const Vector theta = read_npy_vector(file("theta")), v = read_npy_vector(file("v"));
  const Objective objective(data, Loss(), false, json.at("lambda"));
  const LinearModel model{Loss(), false, data.features.columns(), theta};

  const Matrix t = scores(model, data.features);
  Vector margins = test::vector_of(json.at("margins"));
  // The reference calls y~ z or z the margin; both have these sizes.
  test::expect_close(t.cwiseAbs(), margins.cwiseAbs(), 1e-14, 1e-12, "margins");
  const Index n = data.rows();
  Vector values(n), curvatures(n);
  Matrix residuals(n, 1);
  model.loss.evaluate(t, data.targets, values, residuals);
  model.loss.curvatures(t, 0, 0, {curvatures.data(), static_cast<std::size_t>(n)});
  const Vector losses = test::vector_of(json.at("sample_losses")),
               slopes = test::vector_of(json.at("sample_dloss_dz")),
               bends = test::vector_of(json.at("sample_d2loss_dz2"));
  for (Index i = 0; i < n; ++i) {
    // Each entry by itself: an error of a score, 1e-13, is a relative error of e^-t.
    const double relative = 1e-11;
    test::expect_close(values(i), losses(i), relative, 1e-300, "loss");
    test::expect_close(residuals(i, 0), slopes(i), relative, 1e-300, "derivative");
    test::expect_close(curvatures(i), bends(i), relative, 1e-300, "second derivative");
  }
  const auto found = objective.evaluate(theta, data.weights);
  test::expect_close(found.value, json.at("objective"), 1e-11, 0, "F");
  test::expect_close(found.gradient, test::vector_of(json.at("gradient")), 1e-11, 0, "gradient");
  test::expect_close(objective.hessian(theta, data.weights), test::matrix_of(json.at("hessian")),
                     1e-11, 0, "Hessian");
  test::expect_close(objective.hessian_times(theta, data.weights, v),
                     test::vector_of(json.at("hessian_times_v")), 1e-11, 0, "H v");
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// Leave-one-out against the refits of another program (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include "golden_model.hpp"
#include "left_out_cases.hpp"

namespace recant {
namespace {

TEST(LeaveOneOutGolden, TheReferenceRefits) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  test::GoldenCase golden = test::load_case("loo_n60");
  const Objective objective = golden.objective();
  std::vector<Vector> models;
  const Measures figures = [&,
                            loss = test::loss_and_entries(
                                golden.val, golden.loss, golden.intercept)](ConstMatrixRef thetas) {
    for (Index k = 0; k < thetas.cols(); ++k) models.emplace_back(thetas.col(k));
    return loss(thetas);
  };
  const LeaveOneOut found = leave_one_out(objective, golden.theta_hat(), golden.train.weights,
                                          figures, {.tolerance = 1e-9});
  test::expect_close(found.measures(0), golden.json.at("val_loss").get<double>(), 1e-10, 0, "loss");
  test::expect_close(Vector(found.changes.col(0)), test::vector_of(golden.json.at("loo_value")),
                     1e-8, 0, "values");
  const Matrix wanted = test::matrix_of(golden.json.at("theta_without"));
  for (Index j = 0; j < wanted.rows(); ++j) {
    test::expect_close(models.at(static_cast<std::size_t>(j) + 1), wanted.row(j).transpose(), 1e-8,
                       2 * found.gradient_norms(j) / golden.l2, "theta " + std::to_string(j));
  }
}

}  // namespace
}  // namespace recant

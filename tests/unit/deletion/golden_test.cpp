// SPDX-License-Identifier: Apache-2.0
// Deletions another program computed (RECANT_SHARED_DIR/oracle): where the step leads, its
// residual, and its distance to retraining, which no bound may be below.
#include <gtest/gtest.h>

#include "golden_model.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

class DeletionGolden : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Cases, DeletionGolden,
                         testing::ValuesIn(with(with(small_logistic_cases(),
                                                     large_logistic_cases()),
                                                {"separable_n40_d60", "mnist38_l001n", "ridge_d5",
                                                 "softmax_k3_d4", "softmax_k4_d6"})),
                         [](const auto& tested) { return tested.param; });

TEST_P(DeletionGolden, StepResidualAndDistance) {
  if (!golden_available()) GTEST_SKIP() << kNoGolden;
  const GoldenCase golden = load_case(GetParam());
  const Objective objective = golden.objective();
  const Vector weights = Vector::Ones(objective.rows());
  const TrainerResult fit = train(objective, weights);
  const DeletionState base(objective, fit.theta, weights);
  for (const Json& wanted : golden.json.at("deletions")) {
    const std::vector<Index> rows = indices_of(wanted.at("indices"));
    const std::string what =
        golden.name + " " + wanted.value("kind", "") + " " + std::to_string(rows.size());
    DeletionState state = base;
    if (state.delete_rows(rows) == DeletionStatus::kRebuild) state = state.rebuilt_at(fit.theta);
    const Vector theta = state.newton_point();
    expect_theta(theta, wanted.at("theta_newton"), 4 * fit.gradient_norm / golden.l2,
                 what + " theta_newton");
    const double distance = wanted.value("dist_newton", 0.0);
    const double truth = std::max(distance * (1 - 1e-6) - 2e-9 / golden.l2, 0.0);
    const ResidualMeasure residual = state.measure_residual(theta);
    if (wanted.contains("grad_residual_newton")) {
      expect_close(residual.residual_norm, wanted.at("grad_residual_newton").get<double>(), 1e-6,
                   1e-9, what + " residual");
    }
    const DistanceBound tier0 = bound_from_step(state.frame(), state.measure_step(theta));
    const DistanceBound loose =
        bound_from_step(state.frame(FrameKind::kBase), state.measure_step(theta, FrameKind::kBase));
    const DistanceBound tier1 = bound_from_residual(state.frame(), residual);
    EXPECT_LE(truth, tier0.value) << what;
    EXPECT_LE(truth, loose.value) << what;
    for (const double value : {tier1.newton, tier1.corrected, tier1.strong_convexity}) {
      EXPECT_LE(truth, value) << what;
    }
    EXPECT_LE(residual.range, state.measure_step(theta).range * (1 + 1e-12)) << what;
    // Squared loss: one step is the answer, to rounding.
    if (golden.loss.kind() == LossKind::kSquared) {
      EXPECT_LE(tier0.value, 1e-8) << what;
    }
  }
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/bounds.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace recant::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// (e^rho - 1 - rho - ..) / rho from rho^first / first! on, as the sum of its series, in extended
/// precision.
double remainder_by_series(double rho, int first = 2) {
  long double term = 1, sum = 0;
  for (int k = 2; k < 400; ++k) {
    term *= static_cast<long double>(rho) / k;
    if (k >= first) sum += term;
  }
  return static_cast<double>(sum);
}

TEST(SelfConcordanceRemainder, IsItsSeries) {
  EXPECT_DOUBLE_EQ(self_concordance_remainder(1e-12), 5.00000000000167e-13);
  EXPECT_NEAR(self_concordance_remainder(0.1), 0.0517091807564762, 1e-16);
  EXPECT_NEAR(self_concordance_remainder(1), 0.718281828459045, 1e-15);
  EXPECT_EQ(self_concordance_remainder(0), 0);
  EXPECT_DOUBLE_EQ(self_concordance_remainder(1e-16), 5e-17);
  EXPECT_EQ(self_concordance_remainder(kInf), kInf);
  EXPECT_EQ(self_concordance_remainder(1e4), kInf);
  double last = 0;
  for (double rho = 1e-300; rho < 30; rho *= rho < 1e-3 ? 10 : 1.07) {
    const double found = self_concordance_remainder(rho), wanted = remainder_by_series(rho);
    EXPECT_NEAR(found, wanted, 1e-13 * wanted) << rho;
    EXPECT_GT(found, last);
    last = found;
  }
}

TEST(SelfConcordanceRemainder, OfThirdOrderIsItsSeries) {
  EXPECT_EQ(self_concordance_remainder_3(0), 0);
  EXPECT_EQ(self_concordance_remainder_3(kInf), kInf);
  EXPECT_EQ(self_concordance_remainder_3(1e4), kInf);
  double last = 0;
  for (double rho = 1e-150; rho < 30; rho *= rho < 1e-3 ? 10 : 1.07) {
    const double found = self_concordance_remainder_3(rho);
    const double wanted = remainder_by_series(rho, 3);
    EXPECT_NEAR(found, wanted, 1e-13 * wanted) << rho;
    EXPECT_GT(found, last);
    last = found;
  }
}

CurvatureFrame plain_frame() {
  return {.l2 = 0.5, .least_eigenvalue = 4, .leverage = 0.25};
}
ResidualMeasure plain_residual() {
  return {
      .range = 0.125, .residual_norm = 0.5, .solution_norm = 0.0625, .solution_decrement = 0.125};
}

TEST(Bounds, AreTheFormulas) {
  const CurvatureFrame frame = plain_frame();
  const DistanceBound bound = bound_from_residual(frame, plain_residual());
  const double q = std::exp(0.125) * 0.125, eta = -std::log(1 - 0.25 * q) / 0.25;
  EXPECT_NEAR(bound.eta, eta, 1e-13);
  EXPECT_NEAR(bound.newton, eta / 2, 1e-9);
  const double h = 0.25 * eta;
  const double factor = std::max(std::exp(0.125) * (std::exp(h) - 1) / h - 1,
                                 1 - std::exp(-0.125) * (1 - std::exp(-h)) / h);
  EXPECT_NEAR(bound.corrected, 0.0625 + factor * eta / 2, 1e-9);
  EXPECT_NEAR(bound.strong_convexity, 1, 2e-9);
  EXPECT_EQ(bound.statement, BoundStatement::kNewton);
  EXPECT_EQ(bound.value, bound.newton);

  const DistanceBound step =
      bound_from_step(frame, {.range = 0.125, .step_norm = 3, .linear_residual = 0.5});
  const double dual = 0.25 + (std::exp(0.125) - 1.125) / 0.125 * 3;
  EXPECT_NEAR(step.residual, dual, 1e-13);
  EXPECT_NEAR(step.newton, -std::log(1 - 0.25 * std::exp(0.125) * dual) / 0.25 / 2, 1e-8);
  EXPECT_EQ(step.corrected, kInf);
  EXPECT_EQ(step.strong_convexity, kInf);
}

TEST(Bounds, EveryTermMakesThemLarger) {
  const auto with = [](auto change) {
    CurvatureFrame frame = plain_frame();
    ResidualMeasure residual = plain_residual();
    change(frame, residual);
    return bound_from_residual(frame, residual);
  };
  const DistanceBound plain = with([](auto&, auto&) {});
  const std::vector<DistanceBound> larger = {
      with([](auto& f, auto&) { f.below = 0.01; }),
      with([](auto& f, auto&) { f.above = 0.5; }),
      with([](auto& f, auto&) { f.hessian_rounding = 0.01; }),
      with([](auto& f, auto&) { f.least_eigenvalue = 3.9; }),
      with([](auto& f, auto&) { f.leverage = 0.3; }),
      with([](auto&, auto& r) { r.range = 0.2; }),
      with([](auto&, auto& r) { r.sum_rounding = 0.01; }),
      with([](auto&, auto& r) { r.solve_residual = 0.01; }),
      with([](auto&, auto& r) { r.solution_decrement = 0.13; }),
      with([](auto&, auto& r) { r.dropped = 0.01; }),
  };
  for (std::size_t i = 0; i < larger.size(); ++i) {
    EXPECT_GE(larger[i].newton, plain.newton) << i;
    EXPECT_GE(larger[i].corrected, plain.corrected) << i;
    EXPECT_GE(larger[i].strong_convexity, plain.strong_convexity) << i;
    EXPECT_TRUE(larger[i].newton > plain.newton || larger[i].corrected > plain.corrected) << i;
  }
}

TEST(Bounds, OfRowsInASubspaceAreTheFormulas) {
  CurvatureFrame frame = plain_frame();
  const DistanceBound all = bound_from_residual(frame, plain_residual());
  frame.span_eigenvalue = 400;
  frame.off_span_curvature = 1e-10;
  const DistanceBound bound = bound_from_residual(frame, plain_residual());
  EXPECT_EQ(bound.eta, all.eta);
  const double out = 1e-5, h = 0.25 * bound.eta;
  const double grown = out * std::exp(0.125) * (std::exp(h) - 1) / h * bound.eta;
  const double pull = 0.5 * 0.0625 + out * 0.125 + grown;
  EXPECT_NEAR(bound.newton, std::hypot(bound.eta / 20, pull / 0.5), 1e-9);
  const double factor = std::max(std::exp(0.125) * (std::exp(h) - 1) / h - 1,
                                 1 - std::exp(-0.125) * (1 - std::exp(-h)) / h);
  EXPECT_NEAR(bound.corrected,
              0.0625 + std::hypot(factor * bound.eta / 20, (out * 0.125 + grown) / 0.5), 1e-9);
  EXPECT_EQ(bound.strong_convexity, all.strong_convexity);
  const DistanceBound step =
      bound_from_step(frame, {.range = 0.125, .step_norm = 3, .linear_residual = 0.01});
  const double off = 0.01 + out * (std::exp(0.125) + 1) * 3;
  const double k = 0.25 * step.eta, own = out * std::exp(0.125) * (std::exp(k) - 1) / k * step.eta;
  EXPECT_NEAR(step.newton, std::hypot(step.eta / 20, (off + own) / 0.5), 1e-9);

  // More curvature outside makes them larger, at most as large as without a subspace; a subspace
  // that is no better than everything is not used, and none of it is ever NaN.
  double last = 0;
  for (const double curvature : {0.0, 1e-10, 1e-6, 1e-2, 1e2, 1e300, kInf, kNaN}) {
    frame.off_span_curvature = curvature;
    const DistanceBound found = bound_from_residual(frame, plain_residual());
    EXPECT_GE(found.newton, last) << curvature;
    EXPECT_LE(found.newton, all.newton) << curvature;
    EXPECT_LE(found.corrected, all.corrected) << curvature;
    last = found.newton;
  }
  EXPECT_EQ(last, all.newton);
  for (const double span : {0.0, -1.0, 4.0, kNaN}) {
    frame.span_eigenvalue = span;
    EXPECT_EQ(bound_from_residual(frame, plain_residual()).value, all.value) << span;
  }
}

TEST(Bounds, OfAnExpansionHaveItsRemainder) {
  const CurvatureFrame frame = plain_frame();
  ResidualMeasure residual = plain_residual();
  residual.step_norm = 3;
  const DistanceBound bound = bound_from_residual(frame, residual);
  const double kappa = (std::exp(0.125) - 1.125 - 0.125 * 0.125 / 2) / 0.125;
  EXPECT_NEAR(bound.kappa, kappa, 1e-15);
  EXPECT_NEAR(bound.residual, 0.125 + 3 * kappa, 1e-13);
  const double eta = -std::log(1 - 0.25 * std::exp(0.125) * bound.residual) / 0.25, h = 0.25 * eta;
  EXPECT_NEAR(bound.newton, eta / 2, 1e-9);
  const double factor = std::max(std::exp(0.125) * (std::exp(h) - 1) / h - 1,
                                 1 - std::exp(-0.125) * (1 - std::exp(-h)) / h);
  EXPECT_NEAR(bound.corrected, 0.0625 + 3 * kappa / 2 + factor * eta / 2, 1e-9);
  EXPECT_EQ(bound.strong_convexity, kInf);  // the residual itself is not known
}

TEST(Bounds, OfAResidualCarriedFromAPassHaveTheCurvatureOfTheWay) {
  const CurvatureFrame frame = plain_frame();
  ResidualMeasure residual = plain_residual();
  residual.start_range = 0.25;
  residual.way_range = 0.5;
  residual.way_norm = 0.75;
  const DistanceBound bound = bound_from_residual(frame, residual);
  const double factor = std::max(std::exp(0.25) * (std::exp(0.5) - 1) / 0.5 - 1,
                                 1 - std::exp(-0.25) * (1 - std::exp(-0.5)) / 0.5);
  EXPECT_NEAR(bound.way_factor, factor, 1e-13);
  EXPECT_NEAR(bound.residual, 0.125 + 0.75 * factor, 1e-13);
  EXPECT_NEAR(bound.solution, 0.0625 + 0.75 * factor / 2, 1e-13);
  EXPECT_EQ(bound.kappa, 0);
  EXPECT_EQ(bound.strong_convexity, kInf);  // the residual itself is not known
  residual.way_range = kInf;
  EXPECT_EQ(bound_from_residual(frame, residual).value, kInf);
  residual.way_range = kNaN;
  EXPECT_EQ(bound_from_residual(frame, residual).value, kInf);
}

TEST(Bounds, RoundedScoresCostLessAlongTheRows) {
  const CurvatureFrame frame = plain_frame();
  ResidualMeasure residual = plain_residual();
  residual.sum_rounding = 0.001;
  residual.score_rounding = 0.01;
  residual.score_rounding_dual = 1e-4;
  const DistanceBound bound = bound_from_residual(frame, residual);
  EXPECT_NEAR(bound.rounding, 0.001 / 2 + 1e-4, 1e-15);
  residual.score_rounding_dual = kInf;
  EXPECT_NEAR(bound_from_residual(frame, residual).rounding, 0.011 / 2, 1e-15);
}

TEST(Bounds, WithoutSelfConcordanceAreTheResidual) {
  CurvatureFrame frame{.l2 = 0.5, .least_eigenvalue = 4};
  const DistanceBound exact = bound_from_step(frame, {.step_norm = 1e3, .linear_rounding = 1e-12});
  EXPECT_EQ(exact.kappa, 0);
  EXPECT_NEAR(exact.value, 1e-12 / 4, 1e-20);
  EXPECT_GE(exact.value, 1e-12 / 4);
  EXPECT_EQ(exact.eta, exact.residual);
}

TEST(Bounds, OfAGradientAloneAreStatementFour) {
  const GradientMeasure gradient{.norm = 3, .sum_rounding = 0.25, .score_rounding = 0.5};
  const DistanceBound bound = bound_from_gradient(0.5, gradient);
  EXPECT_EQ(bound.statement, BoundStatement::kStrongConvexity);
  EXPECT_GE(bound.value, 7.5);
  EXPECT_NEAR(bound.value, 7.5, 1e-7);
  EXPECT_EQ(bound.value, bound.strong_convexity);
  EXPECT_EQ(bound.residual, kInf);
  // The same as where much more was measured, and nothing else did better.
  const DistanceBound measured = bound_from_residual(
      {.l2 = 0.5}, {.residual_norm = 3, .sum_rounding = 0.25, .score_rounding = 0.5});
  EXPECT_EQ(measured.value, bound.value);
  EXPECT_GT(bound_from_gradient(0.5, {}).value, 0) << "nothing is ever claimed to be exact";
  for (const double odd : {kNaN, kInf}) {
    const DistanceBound unknown = bound_from_gradient(0.5, {.norm = odd});
    EXPECT_EQ(unknown.value, kInf);
    EXPECT_EQ(unknown.statement, BoundStatement::kNone);
  }
}

TEST(Bounds, AreInfiniteWhereNothingIsKnownAndNeverNaN) {
  CurvatureFrame frame = plain_frame();
  const auto at = [&](double decrement, double range = 0) {
    return bound_from_residual(
        frame,
        {.range = range, .residual_norm = 3, .solution_norm = 1, .solution_decrement = decrement});
  };
  frame.leverage = 1;
  EXPECT_LT(at(0.999).newton, kInf);
  for (const double q : {1.0, 1.5, 1e300, kInf, kNaN}) {
    const DistanceBound far = at(q);
    EXPECT_EQ(far.newton, kInf) << q;
    EXPECT_EQ(far.corrected, kInf) << q;
    EXPECT_EQ(far.statement, BoundStatement::kStrongConvexity) << q;
    EXPECT_NEAR(far.value, 6, 1e-7);
  }
  // Just below 1 there is an answer, either a large one or none.
  const DistanceBound edge = at(1 - 1e-16);
  EXPECT_GE(edge.newton, 15);
  EXPECT_GE(at(1e-320).newton, 5e-321);
  EXPECT_GT(at(0).newton, 0);
  EXPECT_GT(at(1e-16, 1e-16).corrected, 0);
  EXPECT_EQ(at(0.1, 1e4).newton, kInf);
  EXPECT_EQ(at(0.0, 1e4).newton, kInf);

  for (double CurvatureFrame::*field :
       {&CurvatureFrame::below, &CurvatureFrame::above, &CurvatureFrame::hessian_rounding,
        &CurvatureFrame::least_eigenvalue, &CurvatureFrame::leverage}) {
    for (const double value : {kNaN, kInf, -kInf, -1.0, 0.0, 1e308}) {
      frame = plain_frame();
      frame.*field = value;
      const DistanceBound odd = at(0.1, 0.1), step = bound_from_step(frame, {.step_norm = 1});
      for (const double found : {odd.value, odd.newton, odd.corrected, step.value, odd.eta,
                                 odd.residual, step.residual}) {
        EXPECT_FALSE(std::isnan(found)) << value;
      }
    }
  }
  frame = plain_frame();
  frame.below = 1;
  EXPECT_EQ(at(0.1).newton, kInf);
  frame = plain_frame();
  frame.least_eigenvalue = 0;
  EXPECT_EQ(at(0.1).statement, BoundStatement::kStrongConvexity);
  EXPECT_EQ(bound_from_step(frame, {.step_norm = 1}).statement, BoundStatement::kNone);
  EXPECT_EQ(bound_from_step(frame, {.step_norm = 1}).value, kInf);
}

TEST(Bounds, StatementsHaveNames) {
  EXPECT_EQ(name(BoundStatement::kNone), "none");
  EXPECT_EQ(name(BoundStatement::kNewton), "newton");
  EXPECT_EQ(name(BoundStatement::kCorrected), "corrected");
  EXPECT_EQ(name(BoundStatement::kStrongConvexity), "strong_convexity");
}

}  // namespace
}  // namespace recant::test

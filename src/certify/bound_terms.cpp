// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/bound_terms.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace recant {
namespace {

class TermList {
 public:
  void add(const char* name, double value) {
    if (std::isfinite(value) && value >= 0) terms_.push_back({name, value});
  }
  std::vector<BoundTerm> take() { return std::move(terms_); }

 private:
  std::vector<BoundTerm> terms_;
};

void add_frame(const CurvatureFrame& frame, TermList& terms) {
  terms.add("lambda", frame.l2);
  terms.add("g", frame.shrinkage);
  terms.add("below", frame.below);
  terms.add("above", frame.above);
  terms.add("hessian_rounding", frame.hessian_rounding);
  terms.add("least_eigenvalue", frame.least_eigenvalue);
  terms.add("span_eigenvalue", std::max(frame.span_eigenvalue, 0.0));  // below 0: no such space
  terms.add("tau", frame.off_span_curvature);
}

void add_solution(double norm, double h_norm, double residual, TermList& terms) {
  terms.add("computed_s_norm", norm);
  terms.add("computed_s_h_norm", h_norm);
  terms.add("solve_residual", residual);
}

void add_measure(const StepMeasure& step, TermList& terms) {
  terms.add("v_h_norm", step.step_norm);
  terms.add("z_norm", step.linear_residual);
  terms.add("z_rounding", step.linear_rounding);
  add_solution(step.solution_norm, step.solution_decrement, step.solve_residual, terms);
  terms.add("dropped", step.dropped);
}

void add_measure(const ResidualMeasure& residual, TermList& terms) {
  terms.add("v_h_norm", residual.step_norm);
  terms.add("r_norm", residual.residual_norm);
  terms.add("r_sum_rounding", residual.sum_rounding);
  terms.add("r_score_rounding", residual.score_rounding);
  terms.add("r_score_rounding_dual", residual.score_rounding_dual);
  add_solution(residual.solution_norm, residual.solution_decrement, residual.solve_residual, terms);
  terms.add("computed_rho_s", residual.solution_range);
  terms.add("dropped", residual.dropped);
  if (residual.way_norm != 0) {
    terms.add("way_h_norm", residual.way_norm);
    terms.add("way_rho", residual.way_range);
    terms.add("start_rho", residual.start_range);
  }
  if (!residual.second) return;
  const SecondLook& look = *residual.second;
  terms.add("second_residual", look.residual);
  terms.add("product_rounding", look.product_rounding);
  terms.add("change_h_norm", look.change_decrement);
  terms.add("second_s_norm", look.solution_norm);
  terms.add("second_s_h_norm", look.solution_decrement);
  terms.add("second_rho_s", look.solution_range);
}

/// Without what says nothing here, but with what the formula of statement 4 has.
void add_measure(const GradientMeasure& gradient, TermList& terms) {
  terms.add("v_h_norm", 0);
  terms.add("r_norm", gradient.norm);
  terms.add("r_sum_rounding", gradient.sum_rounding);
  terms.add("r_score_rounding", gradient.score_rounding);
  terms.add("dropped", 0);
}

}  // namespace

std::vector<BoundTerm> terms_of(const DistanceBound& bound) {
  if (!bound.step_measure && !bound.residual_measure && !bound.gradient_measure) {
    return {};  // nothing was looked at
  }
  TermList terms;
  switch (bound.statement) {
    case BoundStatement::kNone:
      break;
    case BoundStatement::kNewton:
      terms.add("statement", 2);
      break;
    case BoundStatement::kCorrected:
      terms.add("statement", 3);
      break;
    case BoundStatement::kStrongConvexity:
      terms.add("statement", 4);
      break;
  }
  if (bound.gradient_measure) {
    terms.add("statement_4", bound.strong_convexity);
    terms.add("lambda", bound.frame.l2);
    add_measure(*bound.gradient_measure, terms);
    return terms.take();
  }
  terms.add("statement_2", bound.newton);
  terms.add("statement_3", bound.corrected);
  terms.add("statement_4", bound.strong_convexity);

  terms.add("residual_h_inverse_norm", bound.residual);
  terms.add("rounding", bound.rounding);
  terms.add("a", bound.a);
  terms.add("b", bound.b);
  terms.add("rho", bound.range);
  terms.add("kappa", bound.kappa);
  if (bound.way_factor > 0) terms.add("E_way", bound.way_factor);
  terms.add("c", bound.leverage);
  terms.add("eta", bound.eta);
  terms.add("s_norm", bound.solution);
  terms.add("E", bound.factor);
  terms.add("statement_3_eta", bound.corrected_by_eta);
  terms.add("rho_s", bound.solution_range);
  terms.add("t", bound.ball_radius);
  terms.add("E_ball", bound.ball_factor);
  terms.add("statement_3_ball", bound.corrected_by_ball);
  terms.add("second_h_inverse_norm", bound.second_residual);
  terms.add("t_second", bound.second_radius);
  terms.add("statement_3_second", bound.corrected_by_second_look);
  terms.add("ell", bound.leak);
  terms.add("zeta", bound.growth);
  terms.add("zeta_ball", bound.ball_growth);

  add_frame(bound.frame, terms);
  if (bound.step_measure) add_measure(*bound.step_measure, terms);
  if (bound.residual_measure) add_measure(*bound.residual_measure, terms);
  return terms.take();
}

}  // namespace recant

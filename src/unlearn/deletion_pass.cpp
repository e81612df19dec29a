// SPDX-License-Identifier: Apache-2.0
// What a pass over the rows tells of a model, and what that tells of the models after it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "deletion_base.hpp"
#include "deletion_faults.hpp"
#include "deletion_parts.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/model/minimum_distance.hpp"

namespace recant {

DeletionState::Gradient DeletionState::pass_at(ConstVectorRef theta) const {
  need_factor();
  check_size("theta", theta.size(), objective_->parameters());
  const Loss& loss = objective_->loss();
  const Vector step = theta - base_->theta;
  const auto pass = objective_->residual(theta, weights_, step);
  const Vector r = contrast_.reduce(pass.gradient);

  ResidualMeasure measure;
  const double moved = pass.spread + gamma(step.size() + 8) * base_->largest_norm *
                                         loss.spread_factor() * norm_above(step);
  measure.range =
      loss.self_concordance() > 0 ? loss.self_concordance() * moved * (1 + 8 * kUnit) : 0;
  const double curvature_sum =
      std::min(1.05 * std::exp(measure.range) * (base_->data_trace + added_trace_) *
                   (1 + score_rounding(*objective_, theta, base_->largest_norm)) *
                   (1 + score_rounding(*objective_, base_->theta, base_->largest_norm)),
               loss.largest_curvature() * loss.spread_factor() *
                   (base_->squared_norms + 1.02 * added_norms_));
  GradientRounding rounding = gradient_rounding(*objective_, contrast_, theta, pass, curvature_sum);
  if (deletion_faults.rounding_forgotten) rounding = {};
  measure.sum_rounding = rounding.sums;
  measure.score_rounding = rounding.scores;
  // From the scores at theta to those at theta_0, in whose Hessian's norm it is wanted.
  measure.score_rounding_dual =
      rounding.scores_dual *
      std::sqrt(std::exp(measure.range) *
                (1 + score_rounding(*objective_, theta, base_->largest_norm)));
  measure.residual_norm = norm_above(r);
  Solution solution = solve_measured(hessian_, scale(), r);
  measure.solution_norm = solution.norm;
  measure.solution_decrement = solution.decrement;
  measure.solve_residual = solution.residual;
  measure.solution_range = range_of(solution.s);
  measure.dropped = contrast_.dropped(theta) + contrast_.rounding() * norm_above(theta);
  return {measure, r, std::move(solution.s), curvature_sum};
}

ResidualMeasure DeletionState::measure_residual(ConstVectorRef theta,
                                                const LookAgain& again) const {
  Gradient found = pass_at(theta);
  if (again && again(found.measure)) {
    found.measure.second = second_look(theta, found);
  }
  return found.measure;
}

ResidualMeasure DeletionState::measure_and_keep(ConstVectorRef theta, const LookAgain& again) {
  Gradient found = pass_at(theta);
  if (again && again(found.measure)) found.measure.second = second_look(theta, found);
  const ResidualMeasure& measure = found.measure;
  const double norm = norm_above(found.r);
  kept_ = KeptPass{.theta = theta,
                   .gradient = std::move(found.r),
                   .range = measure.range,
                   .sum_rounding = measure.sum_rounding,
                   .score_rounding = measure.score_rounding,
                   .norm = norm};
  return found.measure;
}

/// Of H_S(theta) s for s of length 1, in contrast coordinates.
double DeletionState::product_rounding(ConstVectorRef theta, double curvature_sum) const {
  const Index outputs = objective_->loss().outputs();
  // One score: every term is off by little of itself. Several: phi'' s is a difference of terms,
  // each off by little of |s| at most twice, and so is a change of scores, which has C of them.
  const double rows = outputs == 1 ? curvature_sum
                                   : 4 * static_cast<double>(outputs) *
                                         (base_->squared_norms + 1.02 * added_norms_);
  const double relative = gamma(objective_->sum_depth() + objective_->width() + outputs + 24) +
                          score_rounding(*objective_, theta, base_->largest_norm);
  return 1.02 *
         (relative * rows + (8 * kUnit + 2 * contrast_.rounding()) * (rows + objective_->l2()));
}

SecondLook DeletionState::second_look(ConstVectorRef theta, const Gradient& found) const {
  const Vector& s = found.s;
  const Vector product =
      contrast_.reduce(objective_->hessian_times(theta, weights_, contrast_.expand(s)));
  const Vector z = found.r - product;
  const Solution change = solve_measured(hessian_, scale(), z);
  const Vector sum = s + change.s;

  SecondLook look;
  // s + w is what was stored: its rounding counts as one of w.
  const double stored = 2 * kUnit * norm_above(sum);
  look.residual = change.residual + 1.02 * scale() * stored +
                  2 * kUnit * (norm_above(found.r) + norm_above(product));
  look.product_rounding = product_rounding(theta, found.curvature_sum) * norm_above(s);
  look.change_decrement = change.decrement + std::sqrt(scale()) * stored;
  if (deletion_faults.change_forgotten) look.change_decrement = 0;
  look.solution_norm = norm_above(sum);
  look.solution_decrement = norm_from(sum, hessian_.times(sum), scale());
  look.solution_range = range_of(sum);
  return look;
}

void DeletionState::take_from_kept(std::span<const Index> rows, ConstVectorRef delta) {
  if (deletion_faults.kept_pass_stale) return;
  KeptPass& kept = *kept_;
  Gathered some = gather(rows, kept.theta);
  Vector gradient = Vector::Zero(objective_->parameters());
  Eigen::Map<Matrix> sums(gradient.data(), objective_->width(), objective_->loss().outputs());
  for (Index i = 0; i < delta.size(); ++i) {
    const double norm = objective_->row_norms()(rows[static_cast<std::size_t>(i)]);
    kept.gross += std::abs(delta(i)) * some.residuals.row(i).stableNorm() * norm;
    kept.squares += std::abs(delta(i)) * norm * norm;
  }
  some.residuals.array().colwise() *= delta.array();
  add_weighted_rows(some.view(), objective_->intercept(), some.residuals, sums);
  kept.gradient += contrast_.reduce(gradient);
  kept.changes += 2 * delta.size();
}

/// rho(theta - theta_0), at most `found`, by way of where the last pass was if that is shorter.
double DeletionState::range_by_way(ConstVectorRef theta, double found) const {
  if (!kept_ || !(kept_->range < found)) return found;
  return std::min(found, (kept_->range + range(theta - kept_->theta)) * (1 + 8 * kUnit));
}

ResidualMeasure DeletionState::carried_residual(ConstVectorRef theta) const {
  need_factor();
  check_size("theta", theta.size(), objective_->parameters());
  if (!kept_) {
    throw UsageError("the state keeps no pass", "deletion", "measure one with measure_and_keep()");
  }
  const KeptPass& kept = *kept_;
  const Loss& loss = objective_->loss();
  const Vector way = theta - kept.theta;
  const Vector v = contrast_.reduce(way);
  const Vector product = hessian_.times(v);
  const Vector r = kept.gradient + product;
  const double frobenius = scale(), length = norm_above(way);
  const double stored = (2 * kUnit + contrast_.rounding()) * length;  // v' itself is rounded

  ResidualMeasure measure;
  measure.start_range = kept.range;
  measure.way_range = range(way);
  measure.range = range_by_way(theta, range(theta - base_->theta));
  measure.way_norm = norm_from(v, product, frobenius) + std::sqrt(frobenius) * stored;
  if (deletion_faults.way_forgotten) measure.start_range = measure.way_range = 0;
  measure.residual_norm = norm_above(r);
  const double scores = gamma(objective_->width() + loss.outputs() + 6) * norm_above(kept.theta) *
                        loss.largest_curvature() * loss.spread_factor() * kept.squares;
  measure.sum_rounding =
      kept.sum_rounding +
      1.02 * (product_gamma(contrast_.size()) * (frobenius * length + kept.norm + kept.gross) +
              frobenius * stored +
              gamma(kept.changes + loss.outputs() + 16) * (kept.norm + kept.gross) + scores +
              contrast_.rounding() * kept.gross);
  measure.score_rounding = kept.score_rounding;
  // It was measured in the norm of another H.
  measure.score_rounding_dual = std::numeric_limits<double>::infinity();
  Solution solution = solve_measured(hessian_, frobenius, r);
  measure.solution_norm = solution.norm;
  measure.solution_decrement = solution.decrement;
  measure.solve_residual = solution.residual;
  measure.solution_range = range_of(solution.s);
  measure.dropped = contrast_.dropped(theta) + contrast_.rounding() * norm_above(theta);
  return measure;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/model/minimum_distance.hpp"

#include <cmath>
#include <utility>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/rounding.hpp"

namespace recant {
namespace {

/// Of weights and squared features over l2. What vanishes is below 1e-307 of them, so that n rows
/// move a model by less than n 1e-107.
constexpr double kMostOverPenalty = 1e200;

/// sum_i |w_i| |x_i|^2, multiplied in the order in which nothing vanishes that counts. Throws as
/// check_distances_hold().
double checked_squared_norms(const Objective& objective, ConstVectorRef weights) {
  check_size("row weights", weights.size(), objective.rows());
  if (!(objective.l2() >= kLeastPenalty)) {
    throw DataError("is so small that squares of gradients would vanish", "l2",
                    "raise it or scale the features");
  }
  const auto sizes = weights.array().abs();
  const auto norms = objective.row_norms().array();
  const double most = kMostOverPenalty * objective.l2();
  const double sum = 1.02 * (sizes > 0).select(sizes * norms * norms, 0).sum();
  const double largest = sizes.max((sizes > 0).select(norms * norms, 0)).maxCoeff();
  if (!(sum <= most && largest <= most)) {
    throw DataError("are so large beside l2 that no distance to a minimum can be told",
                    "row weights or features", "raise l2, or scale what is large");
  }
  return sum;
}

}  // namespace

void check_distances_hold(const Objective& objective, ConstVectorRef weights) {
  static_cast<void>(checked_squared_norms(objective, weights));
}

GradientRounding gradient_rounding(const Objective& objective, const Contrast& contrast,
                                   ConstVectorRef theta, const Objective::Residual& residual,
                                   double curvature_sum) {
  const Index outputs = objective.loss().outputs();
  const double length = norm_above(theta), penalty = objective.l2() * length;
  // Each score is off by at most this times |x_i|.
  const double score = 1.02 * gamma(objective.width() + outputs + 6) * length;
  return {.sums = 1.02 * ((gamma(residual.depth + outputs + 8) + 8 * kUnit) * residual.gross +
                          3 * kUnit * penalty + contrast.rounding() * (residual.gross + penalty)),
          .scores = score * curvature_sum,
          .scores_dual = score * std::sqrt(curvature_sum)};
}

MinimumDistance minimum_distance(const Objective& objective, ConstVectorRef theta,
                                 ConstVectorRef weights) {
  const Loss& loss = objective.loss();
  // phi'' at most: between the exact and the computed scores it may be anything below.
  const double curvature_sum =
      loss.largest_curvature() * loss.spread_factor() * checked_squared_norms(objective, weights);
  auto at = objective.residual(theta, weights, Vector::Zero(theta.size()));
  const GradientRounding rounding =
      gradient_rounding(objective, Contrast(loss, objective.width()), theta, at, curvature_sum);
  MinimumDistance out{.gradient = std::move(at.gradient)};
  out.gradient_norm = out.gradient.norm();
  out.measured = {norm_above(out.gradient), rounding.sums, rounding.scores};
  const double most = out.measured.norm + (out.measured.sum_rounding + out.measured.score_rounding);
  out.bound = most / objective.l2() * (1 + 4 * kUnit) + kVanishedDistance;
  return out;
}

}  // namespace recant

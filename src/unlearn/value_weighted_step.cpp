// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/value_weighted_step.hpp"

#include <algorithm>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"

// docs/mathematics.md section 4.5.
namespace recant {

ValueWeightedStep value_weighted_step(const Objective& objective, ConstVectorRef theta,
                                      ConstVectorRef weights, const ValueWeights& values) {
  Stopwatch watch;
  check_size("row weights", weights.size(), objective.rows());
  check_size("delta", values.target.delta.size(), objective.rows());
  check_size("p", values.p.size(), objective.rows());
  const Vector total = weights + values.target.delta;
  ValueWeightedStep out{.update = {.theta = theta}};
  if (const auto hessian = factor_hessian(objective, theta, total)) {
    out.update.theta -= hessian->solve(objective.evaluate(theta, total).gradient);
    if ((values.p.array() != 0).any()) {
      const Vector p = objective.weighted_gradients(theta, values.p);
      const Vector moved = hessian->solve(p);
      out.p_norm = p.norm();
      out.p_inverse_norm = std::sqrt(std::max(0.0, p.dot(moved)));
      out.distance_from_uniform = moved.norm();
      out.update.theta -= moved;
    }
  } else {
    out.update.status = UpdateStatus::kNotPositiveDefinite;
  }
  const MinimumDistance left = minimum_distance(objective, out.update.theta, total);
  out.update.gradient_norm = left.gradient_norm;
  out.update.measured = left.measured;
  out.update.distance_bound = left.bound;
  out.update.negative_total_weight_rows = (total.array() < 0).count();
  out.update.seconds = watch.lap();
  return out;
}

}  // namespace recant

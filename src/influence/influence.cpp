// SPDX-License-Identifier: Apache-2.0
#include "recant/influence/influence.hpp"

#include "recant/core/check.hpp"

namespace recant {

std::optional<Cholesky> factor_hessian(const Objective& objective, ConstVectorRef theta,
                                       ConstVectorRef weights) {
  return Cholesky::factor(objective.hessian(theta, weights));
}

Matrix influences(const Objective& objective, ConstVectorRef theta, const Cholesky& hessian,
                  ConstMatrixRef gradients) {
  return objective.row_gradient_products(theta, hessian.solve_columns(gradients));
}

InfluenceSummary summarize(ConstVectorRef influence) {
  check_at_least("influences", influence.size(), 1);
  InfluenceSummary summary{
      .count = influence.size(), .sum = influence.sum(), .norm2 = influence.norm()};
  summary.min = influence.minCoeff(&summary.argmin);
  summary.max = influence.maxCoeff(&summary.argmax);
  return summary;
}

}  // namespace recant

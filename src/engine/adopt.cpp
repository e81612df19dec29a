// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/adopt.hpp"

#include <algorithm>

#include "recant/core/error.hpp"

namespace recant {

std::pair<FittedModel, AdoptionReport> adopt(Dataset rows, Vector theta, const FitRequest& request,
                                             const ProgressCallback& progress) {
  if (!theta.allFinite()) throw UsageError("coefficients must be finite", "theta");
  AdoptionReport report;
  auto [fitted, fit] = fit_rows(std::move(rows), request, progress, theta);
  const Objective::Evaluation given = fitted.objective().evaluate(theta, fitted.rows.weights);
  report.gradient_norm = given.gradient.norm();
  report.gradient_tolerance = request.trainer.tolerance * std::max(1.0, given.gross);
  report.distance_bound = report.gradient_norm / fitted.l2;
  report.distance = (theta - fitted.model.theta).norm();
  const double size = fitted.model.theta.norm();
  report.relative_distance = size > 0 ? report.distance / size : 0;
  report.excess_loss = given.value - fit.training.value;
  report.fit = std::move(fit);
  return {std::move(fitted), std::move(report)};
}

}  // namespace recant

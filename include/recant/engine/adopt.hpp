// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "recant/engine/fit.hpp"

namespace recant {

/// How far parameters that came from elsewhere were from the optimum here.
struct AdoptionReport {
  FitReport fit;                  ///< from the given parameters on
  double gradient_norm = 0;       ///< |grad F| at the given parameters
  double gradient_tolerance = 0;  ///< what a fit would have been content with there
  double distance_bound = 0;      ///< gradient_norm / l2 >= |theta - argmin F| but for rounding
  double distance = 0;            ///< |given - polished|
  double relative_distance = 0;   ///< the same / |polished|; 0 where that is 0
  double excess_loss = 0;         ///< F(given) - F(polished)
};

/// Takes over a model that something else trained on `rows`: measures the gradient of F at its
/// parameters and polishes them, as every later step assumes the optimum of F.
///
/// Shapes: `theta` as in LinearModel. What the other program minimised may differ from F (it may
/// not penalise the intercept): then distance is how much that matters, not an error of either.
/// Failure outcome: as train(), report.fit.training.converged.
/// @throws UsageError for a theta of another length or that is not finite, and as fit_rows().
[[nodiscard]] std::pair<FittedModel, AdoptionReport> adopt(Dataset rows, Vector theta,
                                                           const FitRequest& request,
                                                           const ProgressCallback& progress = {});

}  // namespace recant

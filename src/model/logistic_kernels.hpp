// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// The logistic loss of many rows at once, compiled for several instruction sets and chosen at run
/// time. Within 4 units in the last place of the exact values; a score that is NaN gives NaN.
namespace recant::simd {

/// values[i] = log(1 + e^-m), residuals[i] = -s/(1 + e^m) with s = 1 where targets[i] > 0.5, else
/// -1, and the margin m = s scores[i]. Without `values` (null) only the residuals.
void logistic_loss(std::size_t count, const double* scores, const double* targets, double* values,
                   double* residuals);

/// residuals[i] as above and slopes[i] = p(1-p), from one exponential and one division.
void logistic_slopes(std::size_t count, const double* scores, const double* targets,
                     double* residuals, double* slopes);

/// out[i] = p(1-p) of the score, from e^-|t| alone, so that it keeps its digits where p is near 0
/// or 1.
void logistic_curvature(std::size_t count, const double* scores, double* out);

/// out[i] = p(1-p) directions[i]; `out` may be `directions`.
void logistic_curvature_product(std::size_t count, const double* scores, const double* directions,
                                double* out);

/// out[i] = 1/(1 + e^-t).
void logistic_probability(std::size_t count, const double* scores, double* out);

}  // namespace recant::simd

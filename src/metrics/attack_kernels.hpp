// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// What an attack does to many rows at once, compiled for several instruction sets and chosen at
/// run time. Without branches: rows on either side of the border come in no order.
namespace recant::simd {

/// shift[i] = factor scores[i]; with `targets` (else null) only where the margin is positive,
/// scores[i] > 0 with targets[i] > 0.5 or scores[i] < 0 without, and 0 elsewhere.
void attack_shifts(std::size_t count, const double* scores, const double* targets, double factor,
                   double* shift);

/// out[i] = scores[i] + reach shift[i].
void moved_scores(std::size_t count, const double* scores, const double* shift, double reach,
                  double* out);

/// out[i] = slopes[i] times `factor` where shift[i] is not 0; slopes[i] elsewhere.
void scale_moved(std::size_t count, const double* slopes, const double* shift, double factor,
                 double* out);

}  // namespace recant::simd

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// The least and the largest eigenvalue of a symmetric matrix, with how far they may be off.
struct EigenvalueRange {
  double least = 0, largest = 0;  ///< as computed
  /// 4 p u max(|least|, |largest|): the error of a backward stable method, u = 2^-53.
  double error = 0;
  [[nodiscard]] double lower() const noexcept { return least - error; }  ///< never above the least
  [[nodiscard]] double upper() const noexcept {
    return largest + error;
  }  ///< never below the largest
};

/// All eigenvalues of A (p x p, its lower triangle is read) are found, so that neither end can be
/// missed, as an iteration on vectors could.
/// @throws DataError for an entry that is not finite.
/// Cost: 4/3 p^3 multiply-adds. Ref: LAPACK dsyevd. Source: docs/mathematics.md section 5.3.
[[nodiscard]] EigenvalueRange eigenvalue_range(Matrix a);

}  // namespace recant

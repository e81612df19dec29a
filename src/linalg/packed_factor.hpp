// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/packed_panels.hpp"
#include "recant/linalg/types.hpp"

namespace recant {

/// A lower triangular L, packed once for many right-hand sides: its panels of rows are multiplied
/// by what is solved above them by the Gram kernel, and only its diagonal blocks are left to BLAS.
class PackedFactor {
 public:
  /// Right-hand sides that stay in a cache together.
  static constexpr Index kStrip = 64;
  /// As many as repay the packing.
  static constexpr Index kFew = 48;

  /// Refers to L.
  explicit PackedFactor(const Matrix& lower);

  /// The `count` <= kStrip columns at x, one after another, become L^{-1} x. `solved` is a thread's
  /// own. Each is off by at most what it would be alone: (L + E) x = b, |E| <= gamma_(n+1) |L|.
  void half_solve(double* x, Index count, PackedPanels& solved) const;

 private:
  const Matrix& lower_;
  PackedPanels rows_;
};

}  // namespace recant

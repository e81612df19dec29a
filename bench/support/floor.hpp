// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant::bench {

/// The least seconds that parts of a job could take here. Bytes go over the rate at which these
/// rows are read from wherever they lie (memory, or a cache that holds them), operations over the
/// peak of fused multiply-adds; both are measured when it is made. An intercept is counted: p =
/// columns + 1.
class Floor {
 public:
  Floor(RowsView rows, int threads);

  /// Reading the rows once, or 2 n p operations a product where those take longer.
  [[nodiscard]] double pass(int products = 1) const noexcept;
  /// n p (p + 1) operations, or a pass where that takes longer.
  [[nodiscard]] double hessian() const noexcept;
  /// Of a fit that took so many.
  [[nodiscard]] double fit(int passes, int hessians) const noexcept;
  /// What deletions start from: two passes, a Hessian, and a triangular solve with every row, n p^2
  /// operations.
  [[nodiscard]] double deletion_base() const noexcept;
  /// Reading the p x p matrix for each, half of it forward and half back.
  [[nodiscard]] double solves(int count) const noexcept { return count * square_; }
  /// One request at tier 0: reading a p x p matrix one and a half times (a solve with the factor,
  /// forward and back; one product with the half of a Hessian), and p^2 multiply-adds a row.
  [[nodiscard]] double deletion(Index rows) const noexcept;

  [[nodiscard]] double bytes_per_second() const noexcept;
  [[nodiscard]] double flops() const noexcept { return flops_; }

 private:
  double n_, p_, pass_, square_, flops_;
};

}  // namespace recant::bench

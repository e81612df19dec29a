// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "recant/linalg/types.hpp"

/// The kernels of a pass over rows, and the only door to BLAS level 2 and 3. Each works on one
/// row block X (m x d, row-major, contiguous) in the calling thread; with `intercept` every row
/// carries a further last feature that is 1 and is not stored, so p = d + 1, else p = d.
namespace recant {

/// scores(:, c) = [X 1] coefficients(:, c).   scores is m x C, coefficients p x C.
/// Cost: m p C multiply-adds, one read of X.
void row_scores(RowsView rows, bool intercept, ConstMatrixRef coefficients,
                Eigen::Ref<Matrix> scores);

/// sums += [X 1]^T factors.   factors is m x C, sums p x C.
void add_weighted_rows(RowsView rows, bool intercept, ConstMatrixRef factors,
                       Eigen::Ref<Matrix> sums);

/// A weighted Gram matrix of one block: rows are appended scaled by the roots of their weights,
/// a few at a time while they are in cache, and multiplied at once. Reused between blocks.
class GramScratch {
 public:
  /// Forgets the rows, makes room for m of p values.
  void begin(Index m, Index p);
  /// Appends diag(weights)^(1/2) [X 1], weights >= 0.
  void append(RowsView rows, bool intercept, std::span<const double> weights);
  /// Lower triangle of gram (p x p) += sign * sum_i weight_i x_i x_i^T over the rows appended.
  /// Cost: m p^2 multiply-adds.
  void add_gram(double sign, Eigen::Ref<Matrix> gram) const;

 private:
  std::vector<double> values_;
  Index rows_ = 0, width_ = 0;
};

}  // namespace recant

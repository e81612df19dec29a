// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

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

/// Lower triangle of gram += sign * [X 1]^T diag(weights) [X 1], weights >= 0.   gram is p x p.
/// `scratch` is reused between calls. Cost: m p^2 multiply-adds.
void add_weighted_gram(RowsView rows, bool intercept, std::span<const double> weights, double sign,
                       Eigen::Ref<Matrix> gram, RowMatrix& scratch);

}  // namespace recant

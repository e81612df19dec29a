// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "recant/linalg/packed_panels.hpp"
#include "recant/linalg/types.hpp"

/// The kernels of a pass over rows. Each works on one row block X (m x d, row-major, contiguous) in
/// the calling thread; with `intercept` every row carries a further last feature that is 1 and is
/// not stored, so p = d + 1, else p = d.
namespace recant {

/// What follows scores of rows: other rows, or add_weighted_rows() of the same. It decides how the
/// rows after them are brought to the cache, and nothing in the result.
enum class AfterScores { kOtherRows, kAddSameRows };

/// scores(:, c) = [X 1] coefficients(:, c).   scores is m x C, coefficients p x C. Equal rows have
/// equal scores, to the bit.
/// Cost: m p C multiply-adds, one read of X.
void row_scores(RowsView rows, bool intercept, ConstMatrixRef coefficients,
                Eigen::Ref<Matrix> scores, AfterScores next = AfterScores::kOtherRows);

/// Values of each row that are read after the scores: asked of memory before them.
void expect(ConstVectorRef values);

/// norms_i = |[x_i 1]|, Euclidean, also where squares are too small for a double. Equal rows have
/// equal norms, to the bit.
void row_norms(RowsView rows, bool intercept, VectorRef norms);

/// sums += [X 1]^T factors.   factors is m x C, sums p x C. The m products are summed by themselves
/// first: m + 1 additions stand behind one another, whatever `sums` has seen.
void add_weighted_rows(RowsView rows, bool intercept, ConstMatrixRef factors,
                       Eigen::Ref<Matrix> sums);

/// max |values_i| over the rows of weight > 0, 0 without one; NaN if one of these is not finite.
[[nodiscard]] double largest_size(ConstVectorRef values, ConstVectorRef weights);

struct WeightedSums {
  double values = 0;  ///< sum_i weights_i values_i
  double sizes = 0;   ///< sum_i |weights_i residuals_i| norms_i
};

/// residuals_i *= weights_i, and the sums of `values`, which may have no entry, and of the sizes.
WeightedSums weigh(ConstVectorRef weights, ConstVectorRef norms, ConstVectorRef values,
                   VectorRef residuals);

/// A weighted Gram matrix: rows are appended, scaled by the roots of their weights, a few at a time
/// while they are in cache, and multiplied at once when there are kRows of them or no more.
/// Reused between uses.
class GramScratch {
 public:
  static constexpr Index kRows = 256;  ///< the most rows it holds

  /// Forgets the rows; those to come have p values, and there are `most` of them at most.
  void begin(Index p, Index most = kRows);
  /// Appends diag(weights)^(1/2) [X 1], weights >= 0.
  void append(RowsView rows, bool intercept, std::span<const double> weights);
  /// Appends the columns of U (p x k) as rows.
  void append_columns(ConstMatrixRef u);
  /// Lower triangle of gram (p x p) += sign * sum_i weight_i x_i x_i^T over the rows appended.
  /// What is above the diagonal is left alone. `next`: rows that will be appended after these;
  /// they are brought to the cache during the multiplication.
  /// Cost: m p^2 multiply-adds. Source: docs/performance.md, the Gram kernel.
  void add_gram(double sign, Eigen::Ref<Matrix> gram, RowsView next = {nullptr, 0, 0}) const;
  /// The same of a share of gram's rows, the `part`th of `parts` that cost the same. Threads may
  /// take one each: no value depends on how many there are.
  void add_gram_part(double sign, Eigen::Ref<Matrix> gram, Index part, Index parts) const;

 private:
  PackedPanels packed_;
  std::vector<double> roots_;
  Index rows_ = 0, width_ = 0;
};

}  // namespace recant

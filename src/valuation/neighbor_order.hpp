// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recant/data/dataset.hpp"

namespace recant {

/// A training row in the order of a validation row: its number, and in the highest bit whether it
/// is just as near as the one before.
using RankedRow = std::uint32_t;
inline constexpr RankedRow kTied = 0x80000000U;

[[nodiscard]] constexpr std::size_t row_of(RankedRow ranked) noexcept {
  return ranked & ~kTied;
}
[[nodiscard]] constexpr bool tied(RankedRow ranked) noexcept {
  return (ranked & kTied) != 0;
}

/// Rows whose weight is not 0. @throws UsageError for a weight that is negative or not finite, no
/// row that counts, or 2^31 rows.
[[nodiscard]] std::vector<std::uint32_t> rows_that_count(const Dataset& training);

/// How many validation rows to work on at once, n doubles each: 32 MB, but 16 rows at least and a
/// row for every thread. Decides memory and speed, no result.
[[nodiscard]] Index validation_rows_at_once(Index training_rows, Index validation_rows);

/// D = sum_j (x_j - v_j)^2, summed in a fixed order without fused operations.
[[nodiscard]] double squared_distance(const double* x, const double* v, Index d);

/// Orders training rows by their squared distance D to validation rows, equal ones by row number.
///
/// Most of the order comes from |x|^2 - 2 x^T v + |v|^2, products of matrices of centred rows.
/// Where two of those are closer than their rounding could be, D itself is computed and decides:
/// the order is that of D exactly, on every machine, for every BLAS.
class NeighborOrder {
 public:
  /// Keeps references. @throws DataError as knn_shapley()
  NeighborOrder(const FeatureMatrix& training, const std::vector<std::uint32_t>& rows,
                const FeatureMatrix& validation);

  /// How many validation rows are measured at once.
  [[nodiscard]] Index chunk_rows() const noexcept { return chunk_rows_; }

  /// Measures validation rows begin..end-1, at most chunk_rows().
  void measure(RowBlock chunk);

  struct Scratch {
    std::vector<std::uint64_t> items, spare;
    std::vector<RankedRow> ranks;
    std::vector<std::pair<double, RankedRow>> close;
  };
  /// The `nearest` nearest rows of a measured validation row, in order; valid until scratch is
  /// used again. Threads may ask for different rows at the same time.
  [[nodiscard]] std::span<const RankedRow> ranks(Index validation_row, std::size_t nearest,
                                                 Scratch& scratch) const;

  /// n doubles for what is made of a measured row once its ranks are taken.
  [[nodiscard]] std::span<double> column(Index validation_row);

 private:
  const FeatureMatrix& training_;
  const FeatureMatrix& validation_;
  const std::vector<std::uint32_t>& rows_;
  Index chunk_rows_;
  Vector center_, norms_;            // of the training rows; |x - center|^2
  RowBlock chunk_;                   // what is measured
  Matrix distances_;                 // n x chunk, rounded
  std::vector<double> chunk_norms_;  // |v - center|^2

  /// Orders rows given with their rounded distances: those no further apart than `uncertain` by D.
  void settle(Index validation_row, double uncertain,
              std::vector<std::pair<double, RankedRow>>& close) const;
};

}  // namespace recant

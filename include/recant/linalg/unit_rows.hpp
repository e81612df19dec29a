// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recant/linalg/types.hpp"

namespace recant {

/// Rows x_i as a length and a direction, x_i = |x_i| u_i, the directions in single precision: half
/// the bytes of the rows, for one question, how far a vector can move any of them. The answer is an
/// upper bound whatever is rounded, for rows and columns of a length from 1e-290 on; shorter ones
/// count as about 0.
class UnitRows {
 public:
  UnitRows() = default;
  /// `rows` rows of `width` numbers, all 0.
  UnitRows(Index rows, Index width);

  /// Row i becomes x, finite.
  void set(Index i, ConstVectorRef x);
  /// Row i becomes 0: nothing of it stays.
  void clear(Index i);

  /// At least max_i s(x_i^T V), s the absolute value for one column of V (width x C), else the
  /// largest less the smallest of the C numbers. Above it by at most 1.1 (width + 8) 2^-23, twice
  /// that for more columns than one, times max |x_i| times the longest column, for widths up to a
  /// million; NaN or infinite where V is.
  /// Cost: rows width C multiply-adds in single precision.
  [[nodiscard]] double largest_spread(ConstMatrixRef v) const;

  /// Whether max_i |x_i^T v| is certainly no more than `limit`, by what is kept of the directions
  /// in 16 bits: an answer from half the bytes. Of rows of one length it is yes where the limit is
  /// above by 2.2 (width^(1/2) + 1) 2^-15 |x_i| |v|, for widths up to a million; of others, rows
  /// beside each other count as the longest.
  [[nodiscard]] bool is_spread_at_most(ConstVectorRef v, double limit) const;

  [[nodiscard]] Index rows() const noexcept { return lengths_.size(); }
  [[nodiscard]] Index width() const noexcept { return width_; }

  /// What there is to store, and to read back into rows of the same shape.
  [[nodiscard]] const Vector& lengths() const noexcept { return lengths_; }
  [[nodiscard]] std::span<const float> directions() const noexcept { return directions_; }
  /// @return false, and nothing is taken, for what set() cannot have made.
  [[nodiscard]] bool restore(Vector lengths, std::vector<float> directions);

 private:
  Index width_ = 0;
  Vector lengths_;
  // Panels of simd::kUnitRowsPanel rows: the first number of all its rows, then the second, ...
  std::vector<float> directions_;
  // The same times 2^15 - 1, in whole numbers: of each panel the first two of all its rows, ...
  struct alignas(64) Pairs {
    std::int16_t of_rows[16][2];
  };
  std::vector<Pairs> coarse_;

  [[nodiscard]] std::size_t at(Index row, Index column) const noexcept;
  void set_coarse(Index row);
};

}  // namespace recant

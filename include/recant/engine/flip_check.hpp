// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "recant/data/dataset.hpp"

/// The experiment that value methods are judged by: wrong labels are put in, and the rows of
/// lowest value should be those. docs/mathematics.md section 7.4.
namespace recant {

/// Gives a share of the rows whose weight is not 0, chosen at random, another class: the other of
/// two, any other of more with equal chances. The same rows for the same seed.
/// @return the rows, ascending. @throws UsageError for numeric targets, a share that is not
/// between 0 and 1 or flips no row or all.
[[nodiscard]] std::vector<Index> flip_labels(Dataset& data, double share, std::uint64_t seed);

/// How well the lowest values find the flipped rows. Rows of equal value are inspected in any
/// order: every figure is the mean over those orders.
struct FlipCheck {
  Index rows = 0, flipped = 0;
  /// Of the curve of the share of flipped rows found over the share of rows inspected, lowest
  /// values first. By chance 1/2; the best is 1 - flipped / (2 rows).
  double area = 0;
  [[nodiscard]] double best_area() const noexcept {
    return 1 - static_cast<double>(flipped) / (2 * static_cast<double>(rows));
  }
  /// Share of flipped rows among as many lowest values as rows were flipped.
  double precision = 0;
  /// The same by chance: flipped / rows.
  [[nodiscard]] double chance() const noexcept {
    return static_cast<double>(flipped) / static_cast<double>(rows);
  }
};

/// `weights` says which rows count; the others are not inspected.
/// @throws UsageError for sizes that differ or rows that are not there.
[[nodiscard]] FlipCheck check_flips(const Vector& values, const Vector& weights,
                                    const std::vector<Index>& flipped);

}  // namespace recant

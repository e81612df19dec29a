// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "recant/data/encoder.hpp"
#include "row_buffer.hpp"

namespace recant {

/// Turns the cells of one row into a row of the matrix.
class RowEncoder {
 public:
  explicit RowEncoder(const Encoder& encoder);

  /// The code of a category that training has not seen.
  static constexpr double kUnseen = -1;

  [[nodiscard]] Index width() const noexcept { return static_cast<Index>(zeros_.size()); }
  /// The first matrix column of a feature.
  [[nodiscard]] std::size_t column(std::size_t feature) const { return features_[feature].column; }

  /// cells: for each feature its number, or the place of its category in the encoder.
  /// row: width() values, apart from the cells.
  void encode(const double* cells, double* row) const noexcept;

 private:
  struct Feature {
    std::size_t column;
    bool numeric;
  };
  std::vector<Feature> features_;
  Index left_out_;  // categories without a column, at the front
  const Vector& mean_;
  const Vector& scale_;
  std::vector<double> zeros_;  // a 0 of each column, standardised
  std::vector<double> ones_;   // a 1 of each column, standardised
};

/// Encodes every row of cells within the buffer, which then holds the matrix.
void encode_in_place(RowBuffer& buffer, const RowEncoder& encoder);

}  // namespace recant

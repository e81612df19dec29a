// SPDX-License-Identifier: Apache-2.0
#include "row_encoder.hpp"

#include <algorithm>

namespace recant {

RowEncoder::RowEncoder(const Encoder& encoder)
    : left_out_(encoder.options.encoding == Encoding::kReference ? 1 : 0),
      mean_(encoder.mean),
      scale_(encoder.scale) {
  for (Index j = 0; j < mean_.size(); ++j) {
    zeros_.push_back((0 - mean_[j]) / scale_[j]);
    ones_.push_back((1 - mean_[j]) / scale_[j]);
  }
  std::size_t column = 0;
  for (const FeatureColumn& feature : encoder.features) {
    const bool numeric = feature.type == ColumnType::kNumeric;
    features_.push_back({column, numeric});
    column += numeric ? 1 : feature.categories.size() - static_cast<std::size_t>(left_out_);
  }
}

void RowEncoder::encode(const double* cells, double* row) const noexcept {
  std::copy(zeros_.begin(), zeros_.end(), row);
  for (std::size_t f = 0; f < features_.size(); ++f) {
    const auto [column, numeric] = features_[f];
    if (numeric) {
      const auto j = static_cast<Index>(column);
      row[column] = (cells[f] - mean_[j]) / scale_[j];
    } else if (const auto place = static_cast<Index>(cells[f]) - left_out_; place >= 0) {
      const std::size_t j = column + static_cast<std::size_t>(place);
      row[j] = ones_[j];
    }
  }
}

void encode_in_place(RowBuffer& buffer, const RowEncoder& encoder) {
  const Index narrow = buffer.view().cols(), wide = encoder.width();
  if (wide > narrow) buffer.set_columns(wide);
  double* const data = buffer.data();
  const auto encode_rows = [&](Index begin, Index end, bool backward) {
    std::vector<double> cells(static_cast<std::size_t>(narrow));
    for (Index k = begin; k < end; ++k) {
      const Index i = backward ? end - 1 - (k - begin) : k;
      std::copy_n(data + i * narrow, narrow, cells.begin());
      encoder.encode(cells.data(), data + i * wide);
    }
  };
  if (wide <= narrow) {  // no row reaches the cells of the next
    encode_rows(0, buffer.rows(), false);
  } else {
    // From the end: rows first..end-1 go where no cells of rows before `end` are left to read, so
    // they can be written in any order, by several threads.
    for (Index end = buffer.rows(); end > 0;) {
      const Index first = (end * narrow + wide - 1) / wide;
      if (end - first < 2 * kBlockRows) {
        encode_rows(0, end, true);
        break;
      }
      for_each_block(end - first, [&](RowBlock block) {
        encode_rows(first + block.begin, first + block.end, false);
      });
      end = first;
    }
  }
  buffer.set_columns(wide);
}

}  // namespace recant

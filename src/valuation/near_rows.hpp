// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "recant/data/dataset.hpp"

namespace recant {

/// How far a row is; equal distances by row number.
struct Distance {
  double squared = 0;
  Index row = 0;
  friend auto operator<=>(const Distance&, const Distance&) = default;
};

/// Of every validation row the so-many nearest training rows in order, looked up by the training
/// row; in memory of the rows that are near, and not of all pairs.
class NearRows {
 public:
  struct Near {
    std::uint32_t validation_row, rank;
  };

  /// `rows` are those that may be near; `count` of them are, 1 to all.
  /// @throws DataError as knn_shapley() for features
  NearRows(const FeatureMatrix& training, const std::vector<std::uint32_t>& rows,
           const FeatureMatrix& validation, Index count);

  [[nodiscard]] Index count() const noexcept { return count_; }
  /// The validation rows that this one is near to.
  [[nodiscard]] std::span<const Near> of(Index row) const {
    const auto begin = begins_[static_cast<std::size_t>(row)],
               end = begins_[static_cast<std::size_t>(row) + 1];
    return {near_.data() + begin, end - begin};
  }
  /// The last of a validation row's near ones: rows beyond it are not near.
  [[nodiscard]] const Distance& last(Index validation_row) const {
    return last_[static_cast<std::size_t>(validation_row)];
  }

 private:
  Index count_;
  std::vector<std::size_t> begins_;  // n + 1
  std::vector<Near> near_;
  std::vector<Distance> last_;
};

/// How many to keep where sets take in rows one by one and ask for the `neighbors` nearest.
/// Decides memory and time, and no result.
[[nodiscard]] Index near_rows_worth_keeping(Index rows, Index columns, Index validation_rows,
                                            Index neighbors);

}  // namespace recant

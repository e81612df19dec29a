// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recant/linalg/types.hpp"

/// Scores in order. They are sorted as whole numbers, by vectors, with no comparison whose outcome
/// a processor would have to guess. No score is NaN.
namespace recant {

void sort_descending(std::vector<double>& scores);

/// The rows of two sides from the lowest score to the highest; -0 and 0 are equal. Rows of the
/// second side are numbered after those of the first.
/// Keeps a view of the scores. Cost: a sort of 8 bytes a row. Memory: 8 bytes a row.
class AscendingRows {
 public:
  AscendingRows(ConstVectorRef first, ConstVectorRef second);

  [[nodiscard]] Index size() const noexcept { return std::ssize(items_); }
  [[nodiscard]] Index row(Index place) const { return static_cast<Index>(item(place) & row_mask_); }

  /// The place behind those whose rows have the score of the row at this one.
  [[nodiscard]] Index tie_end(Index place) const {
    Index end = place + 1;
    while (end < size() && leads_alike(place, end) && score(row(place)) == score(row(end))) ++end;
    return end;
  }

 private:
  [[nodiscard]] std::uint64_t item(Index place) const {
    return items_[static_cast<std::size_t>(place)];
  }
  [[nodiscard]] double score(Index row) const {
    const auto at = static_cast<std::size_t>(row);
    return at < first_.size() ? first_[at] : second_[at - first_.size()];
  }
  [[nodiscard]] bool leads_alike(Index a, Index b) const {
    return ((item(a) ^ item(b)) & ~row_mask_) == 0;
  }

  std::span<const double> first_, second_;
  std::uint64_t row_mask_;
  std::vector<std::uint64_t> items_;  // the leading bits of a score, and the row
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "score_order.hpp"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <bit>

namespace recant {
namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

/// Of two numbers the smaller has the smaller one; -0 comes before 0.
std::uint64_t ordered_bits(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

double from_ordered_bits(std::uint64_t bits) {
  return std::bit_cast<double>((bits & kSign) != 0 ? bits ^ kSign : ~bits);
}

}  // namespace

void sort_descending(std::vector<double>& scores) {
  std::vector<std::uint64_t> items(scores.size());
  std::transform(scores.begin(), scores.end(), items.begin(), ordered_bits);
  hwy::Sorter()(items.data(), items.size(), hwy::SortDescending());
  std::transform(items.begin(), items.end(), scores.begin(), from_ordered_bits);
}

AscendingRows::AscendingRows(ConstVectorRef first, ConstVectorRef second)
    : first_(first.data(), static_cast<std::size_t>(first.size())),
      second_(second.data(), static_cast<std::size_t>(second.size())),
      row_mask_(std::bit_ceil(std::uint64_t{first_.size() + second_.size()}) - 1),
      items_(first_.size() + second_.size()) {
  std::uint64_t row = 0;
  for (const auto side : {first_, second_}) {
    for (const double score : side) {
      items_[row] = (ordered_bits(score + 0.0) & ~row_mask_) | row;  // -0 becomes 0
      ++row;
    }
  }
  hwy::Sorter()(items_.data(), items_.size(), hwy::SortAscending());
  // Where the leading bits do not tell scores apart, the scores do.
  const auto of = [this](std::uint64_t item) {
    return score(static_cast<Index>(item & row_mask_));
  };
  for (Index begin = 0, end = 0; begin < size(); begin = end) {
    for (end = begin + 1; end < size() && leads_alike(begin, end);) ++end;
    if (tie_end(begin) < end) {
      std::sort(items_.begin() + begin, items_.begin() + end,
                [&](std::uint64_t a, std::uint64_t b) { return of(a) < of(b); });
    }
  }
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "near_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "neighbor_order.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/threads.hpp"

namespace recant {

NearRows::NearRows(const FeatureMatrix& training, const std::vector<std::uint32_t>& rows,
                   const FeatureMatrix& validation, Index count)
    : count_(count),
      begins_(static_cast<std::size_t>(training.rows()) + 2),
      last_(static_cast<std::size_t>(validation.rows())) {
  const auto nearest = static_cast<std::size_t>(count);
  std::vector<std::uint32_t> ranked(last_.size() * nearest);  // one validation row after the other
  {
    NeighborOrder order(training, rows, validation);
    const auto lanes = std::min<Index>(threads(), order.chunk_rows());
    std::vector<NeighborOrder::Scratch> scratch(static_cast<std::size_t>(lanes));
    for (Index begin = 0; begin < validation.rows(); begin += order.chunk_rows()) {
      const RowBlock chunk{begin, std::min(begin + order.chunk_rows(), validation.rows())};
      order.measure(chunk);
      parallel_for(lanes, [&](Index lane) {
        for (Index v = chunk.begin + lane; v < chunk.end; v += lanes) {
          check_interrupt();
          const auto ranks = order.ranks(v, nearest, scratch[static_cast<std::size_t>(lane)]);
          std::uint32_t* to = ranked.data() + static_cast<std::size_t>(v) * nearest;
          std::transform(ranks.begin(), ranks.end(), to, [](RankedRow ranked_row) {
            return static_cast<std::uint32_t>(row_of(ranked_row));
          });
          const Index last = to[nearest - 1];
          last_[static_cast<std::size_t>(v)] = {
              squared_distance(training.row(last).data(), validation.row(v).data(),
                               training.columns()),
              last};
        }
      });
    }
  }
  // Turned round by counting: what is near to row i begins at begins_[i]. While they are filled
  // in, that place is one further on.
  for (const std::uint32_t row : ranked) ++begins_[std::size_t{row} + 2];
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  near_.resize(ranked.size());
  for (std::size_t v = 0; v < last_.size(); ++v) {
    for (std::size_t rank = 0; rank < nearest; ++rank) {
      near_[begins_[std::size_t{ranked[v * nearest + rank]} + 1]++] = {
          static_cast<std::uint32_t>(v), static_cast<std::uint32_t>(rank)};
    }
  }
  begins_.pop_back();
}

Index near_rows_worth_keeping(Index rows, Index columns, Index validation_rows, Index neighbors) {
  constexpr Index kPairs = Index{1} << 22;
  // Of each validation row, a permutation meets all its near rows once, and measures the rows that
  // join before K near ones have, rows K / near of them in the mean, at the price of near rows as
  // columns / 8 to 1: least in sum at the root.
  const double best = std::sqrt(static_cast<double>(rows) * static_cast<double>(neighbors) *
                                static_cast<double>(columns) / 8);
  const Index most = std::max<Index>(kPairs / validation_rows, 4 * neighbors);
  return std::min({std::max(static_cast<Index>(best), 4 * neighbors), most, rows});
}

}  // namespace recant

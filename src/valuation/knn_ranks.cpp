// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/knn_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "knn_game.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

/// What ranks are turned into values with: neither ids nor groups.
Dataset without_names(const Dataset& data) {
  Dataset part;
  part.features = data.features;
  part.targets = data.targets;
  part.weights = data.weights;
  part.class_names = data.class_names;
  return part;
}

KnnShapleyResult play_ranks(KnnUtility utility, const Dataset& training, const Dataset& validation,
                            const std::uint32_t* ranks, Index stride, Index left,
                            const KnnShapleyOptions& options, const ProgressCallback& progress) {
  const std::vector<std::uint32_t> rows = rows_that_count(training);
  const KnnGame game(utility, training, validation, rows, options);
  const Index chunk = validation_rows_at_once(training.rows(), validation.rows());
  const auto lanes = static_cast<std::size_t>(std::min<Index>(threads(), chunk));
  Matrix columns(training.rows(), chunk);
  const auto used =
      static_cast<std::size_t>(std::min<Index>(left, static_cast<Index>(game.nearest())));
  return play_all(
      game, training.rows(), validation.rows(), lanes,
      {.chunk_rows = chunk,
       .prepare = [](RowBlock) {},
       .ranks = [&](Index v,
                    std::size_t) { return std::span<const RankedRow>(ranks + v * stride, used); },
       .column =
           [&](Index v) {
             return std::span<double>(columns.col(v % chunk).data(),
                                      static_cast<std::size_t>(columns.rows()));
           }},
      progress);
}

}  // namespace

KnnRanks::KnnRanks(const Dataset& training, const Dataset& validation,
                   const ProgressCallback& progress)
    : training_(without_names(training)), validation_(without_names(validation)) {
  const std::vector<std::uint32_t> rows = rows_that_count(training_);
  NeighborOrder order(training_.features, rows, validation_.features);
  const Index count = validation_.rows();
  stride_ = left_ = static_cast<Index>(rows.size());
  ranks_ =
      std::make_unique_for_overwrite<std::uint32_t[]>(static_cast<std::size_t>(stride_ * count));
  const Index lanes = std::min<Index>(threads(), order.chunk_rows());
  std::vector<NeighborOrder::Scratch> scratch(static_cast<std::size_t>(lanes));
  for (Index begin = 0; begin < count; begin += order.chunk_rows()) {
    if (progress) {
      progress({"validation rows", static_cast<double>(begin), static_cast<double>(count)});
    }
    const RowBlock chunk{begin, std::min(count, begin + order.chunk_rows())};
    order.measure(chunk);
    parallel_for(lanes, [&](Index lane) {
      for (Index v = begin + lane; v < chunk.end; v += lanes) {
        const auto ranks = order.ranks(v, rows.size(), scratch[static_cast<std::size_t>(lane)]);
        std::copy(ranks.begin(), ranks.end(), ranks_.get() + v * stride_);
      }
    });
  }
}

void KnnRanks::remove(std::span<const Index> rows) {
  Vector weights = training_.weights;
  Index leaving = 0;
  for (const Index row : rows) {
    if (row < 0 || row >= training_.rows()) {
      throw UsageError(
          fmt::format("row {} is not one of the {} training rows", row, training_.rows()), "rows");
    }
    leaving += weights(row) > 0 ? 1 : 0;
    weights(row) = 0;
  }
  if (leaving == left_) throw UsageError("no row would be left", "rows");
  training_.weights = std::move(weights);
  parallel_for(validation_.rows(), [&](Index v) {
    std::uint32_t* ranks = ranks_.get() + v * stride_;
    Index kept = 0;
    RankedRow link = kTied;  // still at the distance of the last row that was kept
    for (Index i = 0; i < left_; ++i) {
      link &= ranks[i];
      const auto row = static_cast<RankedRow>(row_of(ranks[i]));
      if (training_.weights(row) == 0) continue;
      ranks[kept] = row | (kept == 0 ? 0 : link);
      ++kept;
      link = kTied;
    }
  });
  left_ -= leaving;
}

KnnShapleyResult KnnRanks::classification(const KnnShapleyOptions& options,
                                          const ProgressCallback& progress) const {
  return play_ranks(KnnUtility::kVote, training_, validation_, ranks_.get(), stride_, left_,
                    options, progress);
}

KnnShapleyResult KnnRanks::regression(const KnnShapleyOptions& options,
                                      const ProgressCallback& progress) const {
  return play_ranks(KnnUtility::kSquaredError, training_, validation_, ranks_.get(), stride_, left_,
                    options, progress);
}

}  // namespace recant

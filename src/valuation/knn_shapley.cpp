// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/knn_shapley.hpp"

#include <fmt/format.h>

#include "knn_game.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

KnnShapleyResult value_rows(KnnUtility utility, const Dataset& training, const Dataset& validation,
                            const KnnShapleyOptions& options, const ProgressCallback& progress) {
  validate(options);
  const std::vector<std::uint32_t> rows = rows_that_count(training);
  if (options.neighbors > static_cast<Index>(rows.size())) {
    throw UsageError(
        fmt::format("neighbors must be at most the {} training rows that count, but "
                    "is {}",
                    rows.size(), options.neighbors));
  }
  NeighborOrder order(training.features, rows, validation.features);
  const KnnGame game(utility, training, validation, rows, options);
  const auto lanes = static_cast<std::size_t>(std::min<Index>(threads(), order.chunk_rows()));
  std::vector<NeighborOrder::Scratch> scratch(lanes);
  return play_all(
      game, training.rows(), validation.rows(), lanes,
      {.chunk_rows = order.chunk_rows(),
       .prepare = [&](RowBlock chunk) { order.measure(chunk); },
       .ranks = [&](Index v,
                    std::size_t lane) { return order.ranks(v, game.nearest(), scratch[lane]); },
       .column = [&](Index v) { return order.column(v); }},
      progress);
}

}  // namespace

std::string_view name(TieRule rule) noexcept {
  return rule == TieRule::kShared ? "shared" : "row_number";
}

TieRule tie_rule(std::string_view text) {
  for (const TieRule rule : {TieRule::kRowNumber, TieRule::kShared}) {
    if (name(rule) == text) return rule;
  }
  throw UsageError(fmt::format("ties must be row_number or shared, but is '{}'", text));
}

KnnShapleyResult knn_shapley(const Dataset& training, const Dataset& validation,
                             const KnnShapleyOptions& options, const ProgressCallback& progress) {
  return value_rows(KnnUtility::kVote, training, validation, options, progress);
}

KnnShapleyResult knn_shapley_regression(const Dataset& training, const Dataset& validation,
                                        const KnnShapleyOptions& options,
                                        const ProgressCallback& progress) {
  return value_rows(KnnUtility::kSquaredError, training, validation, options, progress);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "neighbor_order.hpp"
#include "recant/valuation/knn_shapley.hpp"

namespace recant {

enum class KnnUtility { kVote, kSquaredError };

/// The games of all validation rows: from the ranks of the training rows to their values.
/// docs/mathematics.md section 7.3.
class KnnGame {
 public:
  /// `rows` are those that count. @throws as knn_shapley(), but for K above the rows
  KnnGame(KnnUtility utility, const Dataset& training, const Dataset& validation,
          std::span<const std::uint32_t> rows, const KnnShapleyOptions& options);

  /// How many of the nearest rows it looks at; all unless truncated.
  [[nodiscard]] std::size_t nearest() const noexcept { return nearest_; }

  struct Utilities {
    double all = 0, none = 0;
  };
  /// values(row) for all n rows, 0 for those that `ranks` has not; v(all) and v(none).
  Utilities play(Index validation_row, std::span<const RankedRow> ranks, std::span<double> values,
                 std::vector<double>& scratch) const;

  /// A result with everything but values and utilities.
  [[nodiscard]] KnnShapleyResult begin_result() const;

 private:
  KnnUtility utility_;
  Index neighbors_;
  TieRule ties_;
  std::size_t rows_, nearest_;
  bool weights_differ_ = false;
  double baseline_ = 0;
  std::vector<std::int32_t> classes_, validation_classes_;  // of the vote
  Vector targets_, validation_targets_;                     // of squared error, less the baseline
  std::vector<double> reach_;                               // [i] = 1 / max(i, K), i = 0..nearest

  void vote(std::int32_t wanted, std::span<const RankedRow> ranks, std::span<double> values) const;
  void vote_shared(std::int32_t wanted, std::span<const RankedRow> ranks,
                   std::span<double> values) const;
  void squared_error(double wanted, std::span<const RankedRow> ranks, std::span<double> values,
                     std::vector<double>& scratch) const;
};

/// Plays every game and averages: the values of validation rows are added one after the other, so
/// that the sum depends on neither threads nor how many were done at once.
/// `source` prepares a chunk of at most `chunk_rows` and yields its ranks; see the two callers.
struct RankSource {
  Index chunk_rows = 1;
  std::function<void(RowBlock)> prepare;
  /// The ranks of a row of the chunk, taken on thread `lane`, and n doubles for its values.
  std::function<std::span<const RankedRow>(Index validation_row, std::size_t lane)> ranks;
  std::function<std::span<double>(Index validation_row)> column;
};
[[nodiscard]] KnnShapleyResult play_all(const KnnGame& game, Index training_rows,
                                        Index validation_rows, std::size_t lanes,
                                        const RankSource& source, const ProgressCallback& progress);

}  // namespace recant

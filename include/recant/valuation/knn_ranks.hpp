// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "recant/valuation/knn_shapley.hpp"

namespace recant {

/// The order of the training rows seen from every validation row, kept so that rows can leave and
/// K can change without distances or sorting.
///
/// Values are to the last bit those of knn_shapley() on the rows that are left, at their places.
/// Rows that leave get the value 0. Unlike there, K may exceed the rows that are left, as rows
/// leave; at least one stays.
/// Memory: bytes(n, V) = 4 n V, and for the time of a call O(n) a thread.
/// Cost: construction as knn_shapley() without its recursion; remove() and values one pass over
/// 4 n V bytes each. Source: docs/mathematics.md section 7.3.
class KnnRanks {
 public:
  /// @throws as knn_shapley(), but for options and classes.
  KnnRanks(const Dataset& training, const Dataset& validation,
           const ProgressCallback& progress = {});

  [[nodiscard]] static std::int64_t bytes(Index rows, Index validation_rows) noexcept {
    return 4 * rows * validation_rows;
  }
  /// Rows that still count.
  [[nodiscard]] Index rows_left() const noexcept { return left_; }

  /// Lets rows leave; those that have left already are passed over.
  /// @throws UsageError for a row that is not there, or if none would be left.
  void remove(std::span<const Index> rows);

  /// @throws as knn_shapley() for options and classes.
  [[nodiscard]] KnnShapleyResult classification(const KnnShapleyOptions& options = {},
                                                const ProgressCallback& progress = {}) const;
  /// @throws as knn_shapley_regression() for options.
  [[nodiscard]] KnnShapleyResult regression(const KnnShapleyOptions& options = {},
                                            const ProgressCallback& progress = {}) const;

 private:
  Dataset training_, validation_;  // shares the features
  Index stride_ = 0, left_ = 0;    // entries kept, and used, of each validation row
  std::unique_ptr<std::uint32_t[]> ranks_;
};

}  // namespace recant

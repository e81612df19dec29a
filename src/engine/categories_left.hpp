// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "recant/engine/fitted_model.hpp"

namespace recant {

/// How many rows that were not erased hold each category, so that its name goes with the last of
/// them. Rows of weight 0 hold theirs too. Read off the encoded features, where a 1 and a 0 differ
/// by more than 1: exact.
/// Cost: a pass over the rows once, then O(rows that leave * d).
class CategoriesLeft {
 public:
  using Counts = std::vector<Index>;  ///< of categories, feature after feature

  CategoriesLeft(const Encoder& encoder, const Dataset& data);

  /// How many of these rows hold each category: while they have their features.
  [[nodiscard]] Counts held_by(std::span<const Index> rows) const;
  /// The categories of `encoder` that have a name still, but no row when these have left.
  [[nodiscard]] std::vector<CategoryPlace> emptied_by(const Counts& leaving,
                                                      const Encoder& encoder) const;
  void leave(const Counts& leaving);

 private:
  struct Feature {
    std::size_t first = 0;       // of its counts
    std::size_t categories = 0;  // none: numeric
    Index column = 0;            // of the matrix, of the first category that has one
  };
  FeatureMatrix features_;
  std::vector<Feature> places_;
  std::vector<double> halves_;  // what a half of each matrix column is encoded as
  std::size_t without_column_;  // categories at the front that have none
  Counts counts_;

  void add(const double* row, Counts& counts) const;
};

/// Of a model in memory: forgets the names of categories that no row holds which is left.
void erase_unheld_names(FittedModel& model);
/// Its encoder and columns without these names.
void erase_names(FittedModel& model, std::span<const CategoryPlace> places);

}  // namespace recant

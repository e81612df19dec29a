// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recant/core/blocks.hpp"
#include "recant/data/dataset.hpp"

namespace recant {

/// Which rows may still leave a model: it needs a row, and one of every class and group that it has
/// had. Rows of weight 0 do not count, but for a class or a group that only such rows have: its
/// name would stay behind. Cost: O(n) once, then O(rows that leave).
class RowsLeft {
 public:
  /// Keeps a reference.
  explicit RowsLeft(const Dataset& data);

  /// Why these may not leave too: every_row, last_of_class, last_of_group. Empty: they may, and are
  /// counted as gone.
  [[nodiscard]] std::string_view take(const std::vector<Index>& rows);

 private:
  struct Kinds {
    std::vector<Index> classes;              // empty for numbers
    std::vector<std::vector<Index>> groups;  // by sensitive column
  };
  const Dataset& data_;
  Index rows_ = 0;  // with weight
  Kinds weighted_, all_;

  [[nodiscard]] bool counts(Index row) const { return data_.weights[row] > 0; }
  void add(Index row, Index times);
  void add(Index row, Index times, Kinds& kinds) const;
  [[nodiscard]] std::string_view emptied_by(const std::vector<Index>& rows) const;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "rows_left.hpp"

namespace recant {

RowsLeft::RowsLeft(const Dataset& data) : data_(data), classes_(data.class_names.size()) {
  for (const SensitiveColumn& column : data.sensitive) groups_.emplace_back(column.groups.size());
  for (Index row = 0; row < data.rows(); ++row) add(row, 1);
}

void RowsLeft::add(Index row, Index times) {
  if (!counts(row)) return;
  rows_ += times;
  if (!classes_.empty()) classes_[static_cast<std::size_t>(data_.targets[row])] += times;
  for (std::size_t c = 0; c < groups_.size(); ++c) {
    const auto code = data_.sensitive[c].codes[static_cast<std::size_t>(row)];
    groups_[c][static_cast<std::size_t>(code)] += times;
  }
}

/// What is empty now and was not before these rows left.
std::string_view RowsLeft::emptied_by(const std::vector<Index>& rows) const {
  if (rows_ == 0) return "every_row";
  const auto emptied = [](const std::vector<Index>& kinds, auto kind) {
    return kinds[static_cast<std::size_t>(kind)] == 0;
  };
  for (const Index row : rows) {
    if (counts(row) && !classes_.empty() && emptied(classes_, data_.targets[row])) {
      return "last_of_class";
    }
  }
  for (const Index row : rows) {
    for (std::size_t c = 0; c < groups_.size(); ++c) {
      const auto code = data_.sensitive[c].codes[static_cast<std::size_t>(row)];
      if (counts(row) && emptied(groups_[c], code)) return "last_of_group";
    }
  }
  return {};
}

std::string_view RowsLeft::take(const std::vector<Index>& rows) {
  for (const Index row : rows) add(row, -1);
  const std::string_view reason = emptied_by(rows);
  if (!reason.empty()) {
    for (const Index row : rows) add(row, 1);
  }
  return reason;
}

}  // namespace recant

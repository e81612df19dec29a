// SPDX-License-Identifier: Apache-2.0
#include "rows_left.hpp"

#include "recant/engine/fitted_model.hpp"

namespace recant {

RowsLeft::RowsLeft(const Dataset& data) : data_(data) {
  weighted_.classes.resize(data.class_names.size());
  for (const SensitiveColumn& column : data.sensitive) {
    weighted_.groups.emplace_back(column.groups.size());
  }
  all_ = weighted_;
  for (Index row = 0; row < data.rows(); ++row) {
    if (!is_erased(data.ids, row)) add(row, 1);
  }
}

void RowsLeft::add(Index row, Index times) {
  add(row, times, all_);
  if (!counts(row)) return;
  rows_ += times;
  add(row, times, weighted_);
}

void RowsLeft::add(Index row, Index times, Kinds& kinds) const {
  if (!kinds.classes.empty()) kinds.classes[static_cast<std::size_t>(data_.targets[row])] += times;
  for (std::size_t c = 0; c < kinds.groups.size(); ++c) {
    const auto code = data_.sensitive[c].codes[static_cast<std::size_t>(row)];
    kinds.groups[c][static_cast<std::size_t>(code)] += times;
  }
}

/// What is empty now and was not before these rows left.
std::string_view RowsLeft::emptied_by(const std::vector<Index>& rows) const {
  if (rows_ == 0) return "every_row";
  const auto kinds_of = [&](Index row) -> const Kinds& { return counts(row) ? weighted_ : all_; };
  for (const Index row : rows) {
    const Kinds& kinds = kinds_of(row);
    if (!kinds.classes.empty() && kinds.classes[static_cast<std::size_t>(data_.targets[row])] == 0)
      return "last_of_class";
  }
  for (const Index row : rows) {
    const Kinds& kinds = kinds_of(row);
    for (std::size_t c = 0; c < kinds.groups.size(); ++c) {
      const auto code = data_.sensitive[c].codes[static_cast<std::size_t>(row)];
      if (kinds.groups[c][static_cast<std::size_t>(code)] == 0) return "last_of_group";
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

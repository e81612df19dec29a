// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/fitted_model.hpp"

#include <utility>
#include <vector>

#include "categories_left.hpp"

namespace recant {

bool is_erased(const RowIds& ids, Index row) noexcept {
  const auto at = static_cast<std::size_t>(row);
  return ids.texts.empty() ? ids.numbers[at] == 0 : ids.texts[at].empty();
}

void mark_erased(Dataset& data, std::span<const Index> rows) {
  for (const Index row : rows) {
    const auto at = static_cast<std::size_t>(row);
    data.targets[row] = 0;
    data.weights[row] = 0;
    if (data.ids.texts.empty()) {
      data.ids.numbers[at] = 0;
    } else {
      data.ids.texts[at].clear();
    }
    for (SensitiveColumn& column : data.sensitive) column.codes[at] = 0;
  }
}

FeatureMatrix features_without_erased(const Dataset& data) {
  bool all = data.features.whole();
  for (Index row = 0; row < data.rows() && all; ++row) all = !is_erased(data.ids, row);
  if (all) return data.features;
  RowMatrix zeroed = RowMatrix::Zero(data.rows(), data.features.columns());
  for (Index row = 0; row < data.rows(); ++row) {
    if (!is_erased(data.ids, row)) zeroed.row(row) = data.features.row(row);
  }
  return FeatureMatrix(std::move(zeroed));
}

FittedModel without_erased_rows(const FittedModel& model) {
  const Dataset& all = model.rows;
  std::vector<Index> rows;
  for (Index row = 0; row < all.rows(); ++row) {
    if (!is_erased(all.ids, row)) rows.push_back(row);
  }
  FittedModel left = model;
  const auto count = static_cast<Index>(rows.size());
  if (count == all.rows()) return left;
  left.rows.targets.resize(count);
  left.rows.weights.resize(count);
  if (model.trained_weights) left.trained_weights = (*model.trained_weights)(rows);
  left.rows.ids = {};
  for (SensitiveColumn& column : left.rows.sensitive) column.codes.clear();
  for (Index i = 0; i < count; ++i) {
    const Index row = rows[static_cast<std::size_t>(i)];
    const auto at = static_cast<std::size_t>(row);
    left.rows.targets[i] = all.targets[row];
    left.rows.weights[i] = all.weights[row];
    if (all.ids.texts.empty()) {
      left.rows.ids.numbers.push_back(all.ids.numbers[at]);
    } else {
      left.rows.ids.texts.push_back(all.ids.texts[at]);
    }
    for (std::size_t c = 0; c < all.sensitive.size(); ++c) {
      left.rows.sensitive[c].codes.push_back(all.sensitive[c].codes[at]);
    }
  }
  left.rows.features = all.features.only(std::move(rows));
  erase_unheld_names(left);  // a folder that an older recant deleted from may have some
  return left;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/data/dataset.hpp"

namespace recant {

FeatureMatrix::FeatureMatrix(RowMatrix values) : rows_(values.rows()), columns_(values.cols()) {
  auto owner = std::make_shared<const RowMatrix>(std::move(values));
  values_ = owner->data();
  owner_ = std::move(owner);
}

FeatureMatrix::FeatureMatrix(const double* values, Index rows, Index columns,
                             std::shared_ptr<const void> owner)
    : values_(values), rows_(rows), columns_(columns), owner_(std::move(owner)) {}

Index RowIds::size() const noexcept {
  return static_cast<Index>(texts.empty() ? numbers.size() : texts.size());
}

std::string RowIds::text(Index row) const {
  const auto i = static_cast<std::size_t>(row);
  return texts.empty() ? std::to_string(numbers.at(i)) : texts.at(i);
}

Dataset slice(const Dataset& data, RowBlock rows) {
  const auto cut = [&](const auto& values) {
    std::remove_cvref_t<decltype(values)> part;
    if (!values.empty()) part.assign(values.begin() + rows.begin, values.begin() + rows.end);
    return part;
  };
  Dataset part = data;
  const RowsView view = data.features.block(rows);
  part.features = FeatureMatrix(view.data(), view.rows(), view.cols(),
                                std::make_shared<FeatureMatrix>(data.features));
  part.targets = data.targets.segment(rows.begin, rows.size());
  part.weights = data.weights.segment(rows.begin, rows.size());
  for (std::size_t s = 0; s < data.sensitive.size(); ++s) {
    part.sensitive[s].codes = cut(data.sensitive[s].codes);
  }
  part.ids = {cut(data.ids.numbers), cut(data.ids.texts)};
  return part;
}

}  // namespace recant

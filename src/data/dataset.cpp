// SPDX-License-Identifier: Apache-2.0
#include "recant/data/dataset.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/error.hpp"

namespace recant {

FeatureMatrix::FeatureMatrix(RowMatrix values) : rows_(values.rows()), columns_(values.cols()) {
  auto owner = std::make_shared<const RowMatrix>(std::move(values));
  values_ = owner->data();
  owner_ = std::move(owner);
}

FeatureMatrix::FeatureMatrix(const double* values, Index rows, Index columns,
                             std::shared_ptr<const void> owner)
    : values_(values), rows_(rows), columns_(columns), owner_(std::move(owner)) {}

RowsView FeatureMatrix::view() const {
  if (kept_ != nullptr) throw InternalError("rows are left out of these features");
  return stored({0, rows_});
}

FeatureRows FeatureMatrix::kept_block(RowBlock block) const {
  if (block.size() == 0) return stored({0, 0});
  const Index first = (*kept_)[static_cast<std::size_t>(block.begin)];
  const Index last = (*kept_)[static_cast<std::size_t>(block.end - 1)];
  if (last - first == block.size() - 1) return stored({first, last + 1});
  RowMatrix copy(block.size(), columns_);
  for (Index i = 0; i < copy.rows(); ++i) copy.row(i) = row(block.begin + i);
  return FeatureRows(std::move(copy));
}

FeatureMatrix FeatureMatrix::slice(RowBlock rows) const {
  FeatureMatrix part = *this;
  part.rows_ = rows.size();
  if (kept_ == nullptr) {
    part.values_ += rows.begin * columns_;
  } else {
    part.kept_ = std::make_shared<const std::vector<Index>>(kept_->begin() + rows.begin,
                                                            kept_->begin() + rows.end);
  }
  return part;
}

FeatureMatrix FeatureMatrix::only(std::vector<Index> rows) const {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= rows_ || (i > 0 && rows[i] <= rows[i - 1])) {
      throw InternalError("rows of features must ascend");
    }
  }
  if (kept_ != nullptr) {
    for (Index& row : rows) row = (*kept_)[static_cast<std::size_t>(row)];
  }
  FeatureMatrix some = *this;
  some.rows_ = static_cast<Index>(rows.size());
  some.kept_ = std::make_shared<const std::vector<Index>>(std::move(rows));
  return some;
}

Index RowIds::size() const noexcept {
  return static_cast<Index>(texts.empty() ? numbers.size() : texts.size());
}

std::string RowIds::text(Index row) const {
  const auto i = static_cast<std::size_t>(row);
  return texts.empty() ? std::to_string(numbers.at(i)) : texts.at(i);
}

void require_sound(const Dataset& data) {
  const Index n = data.rows();
  const auto require_size = [n](Index size, const std::string& where) {
    if (size == n) return;
    throw DataError(fmt::format("has {} values, but there are {} rows", size, n), where);
  };
  if (n == 0) throw DataError("has no rows", "features");
  if (data.features.columns() == 0) throw DataError("has no columns", "features");
  if (!data.columns.empty() && std::ssize(data.columns) != data.features.columns()) {
    throw DataError("name another number of columns than there are", "columns");
  }
  require_size(data.targets.size(), "targets");
  require_size(data.weights.size(), "weights");
  require_size(data.ids.size(), "ids");
  const auto classes = static_cast<double>(data.class_names.size());
  for (const double target : data.targets) {
    if (!std::isfinite(target)) throw DataError("are not all finite", "targets");
    if (classes > 0 && !(target >= 0 && target < classes && target == std::floor(target))) {
      throw DataError("are not all numbers of classes", "targets");
    }
  }
  for (const double weight : data.weights) {
    if (!(weight >= 0 && std::isfinite(weight))) {
      throw DataError("are not all finite and >= 0", "weights");
    }
  }
  if (!(data.weights.maxCoeff() > 0)) throw DataError("are zero in every row", "weights");
  for (const SensitiveColumn& column : data.sensitive) {
    require_size(std::ssize(column.codes), "sensitive");
    for (const std::int32_t code : column.codes) {
      if (code < 0 || code >= std::ssize(column.groups)) {
        throw DataError("are not all numbers of groups", "sensitive");
      }
    }
  }
}

Dataset slice(const Dataset& data, RowBlock rows) {
  const auto cut = [&](const auto& values) {
    std::remove_cvref_t<decltype(values)> part;
    if (!values.empty()) part.assign(values.begin() + rows.begin, values.begin() + rows.end);
    return part;
  };
  Dataset part = data;
  part.features = data.features.slice(rows);
  part.targets = data.targets.segment(rows.begin, rows.size());
  part.weights = data.weights.segment(rows.begin, rows.size());
  for (std::size_t s = 0; s < data.sensitive.size(); ++s) {
    part.sensitive[s].codes = cut(data.sensitive[s].codes);
  }
  part.ids = {cut(data.ids.numbers), cut(data.ids.texts)};
  return part;
}

Dataset pick_rows(const Dataset& data, std::span<const Index> rows) {
  const auto count = static_cast<Index>(rows.size());
  RowMatrix features(count, data.features.columns());
  Dataset picked{.targets = Vector(count), .class_names = data.class_names};
  picked.weights = Vector::Ones(count);
  for (Index i = 0; i < count; ++i) {
    const Index row = rows[static_cast<std::size_t>(i)];
    features.row(i) = data.features.row(row);
    picked.targets[i] = data.targets[row];
  }
  picked.features = FeatureMatrix(std::move(features));
  return picked;
}

}  // namespace recant

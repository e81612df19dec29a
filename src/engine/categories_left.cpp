// SPDX-License-Identifier: Apache-2.0
#include "categories_left.hpp"

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr Index kGroups = 16;  // accumulators; a number a category each

}  // namespace

CategoriesLeft::CategoriesLeft(const Encoder& encoder, const Dataset& data)
    : features_(data.features),
      without_column_(encoder.options.encoding == Encoding::kReference ? 1 : 0) {
  std::size_t count = 0;
  Index column = 0;
  for (const FeatureColumn& feature : encoder.features) {
    const std::size_t categories = feature.categories.size();
    places_.push_back({count, categories, column});
    count += categories;
    column += categories == 0 ? 1 : static_cast<Index>(categories - without_column_);
  }
  for (Index j = 0; j < encoder.width(); ++j) {
    halves_.push_back((0.5 - encoder.mean[j]) / encoder.scale[j]);
  }
  counts_ = reduce_rows(
      data.rows(), kGroups, Counts(count),
      [&](Counts& counts, RowBlock block) {
        for (Index row = block.begin; row < block.end; ++row) {
          if (!is_erased(data.ids, row)) add(features_.row(row).data(), counts);
        }
      },
      [](Counts& into, const Counts& from) {
        for (std::size_t k = 0; k < into.size(); ++k) into[k] += from[k];
      });
}

void CategoriesLeft::add(const double* row, Counts& counts) const {
  for (const Feature& feature : places_) {
    if (feature.categories == 0) continue;
    const auto column = static_cast<std::size_t>(feature.column);
    const std::size_t columns = feature.categories - without_column_;
    Index ones = 0;
    for (std::size_t k = 0; k < columns; ++k) {
      const Index one = row[column + k] > halves_[column + k] ? 1 : 0;
      counts[feature.first + without_column_ + k] += one;
      ones += one;
    }
    if (without_column_ > 0) counts[feature.first] += 1 - ones;
  }
}

CategoriesLeft::Counts CategoriesLeft::held_by(std::span<const Index> rows) const {
  Counts counts(counts_.size());
  for (const Index row : rows) add(features_.row(row).data(), counts);
  return counts;
}

std::vector<CategoryPlace> CategoriesLeft::emptied_by(const Counts& leaving,
                                                      const Encoder& encoder) const {
  std::vector<CategoryPlace> emptied;
  for (std::size_t f = 0; f < places_.size(); ++f) {
    for (std::size_t k = 0; k < places_[f].categories; ++k) {
      const std::size_t at = places_[f].first + k;
      if (counts_[at] == leaving[at] && encoder.features[f].categories[k]) {
        emptied.push_back({f, k});
      }
    }
  }
  return emptied;
}

void CategoriesLeft::leave(const Counts& leaving) {
  for (std::size_t k = 0; k < counts_.size(); ++k) counts_[k] -= leaving[k];
}

void erase_names(FittedModel& model, std::span<const CategoryPlace> places) {
  if (places.empty()) return;
  if (!model.encoder) throw UsageError("names categories of rows that have none");
  model.encoder->erase_names(places);
  model.rows.columns = model.encoder->column_names();
}

void erase_unheld_names(FittedModel& model) {
  if (!model.encoder) return;
  const CategoriesLeft left(*model.encoder, model.rows);
  erase_names(model, left.emptied_by(left.held_by({}), *model.encoder));
}

}  // namespace recant

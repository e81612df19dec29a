// SPDX-License-Identifier: Apache-2.0
#include "role_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "class_order.hpp"
#include "number.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

Vector to_vector(const std::vector<double>& values) {
  return Vector::Map(values.data(), static_cast<Index>(values.size()));
}

/// Adds the text of a cell; a text that is new must be UTF-8.
std::int32_t add_text(TextTable& table, const TableRows& rows, std::size_t column) {
  const std::size_t before = table.size();
  const std::int32_t code = table.add(rows.cell(column));
  if (table.size() != before) rows.require_utf8(column);
  return code;
}

}  // namespace

RoleColumns::RoleColumns(const Layout& layout, const TableOptions& options, const Encoder* known)
    : layout_(layout), options_(options), training_(known == nullptr) {
  groups_.resize(layout.sensitive.size());
  if (training_) return;
  classes_ = TextTable(known->class_names);
  for (std::size_t s = 0; s < groups_.size(); ++s) {
    groups_[s].names = TextTable(known->groups[s]);
    groups_[s].known = known->groups[s].size();
  }
}

void RoleColumns::add(const TableRows& rows) {
  add_target(rows);
  for (std::size_t s = 0; s < groups_.size(); ++s) {
    groups_[s].codes.push_back(add_text(groups_[s].names, rows, layout_.sensitive[s]));
  }
  if (layout_.weight) add_weight(rows);
  add_id(rows);
}

void RoleColumns::add_target(const TableRows& rows) {
  double target = 0;
  if (options_.target_kind == TargetKind::kNumeric) {
    if (!parse_number(rows.cell(layout_.target), target)) rows.fail_not_a_number(layout_.target);
  } else if (training_) {
    target = add_text(classes_, rows, layout_.target);
  } else if (const auto code = classes_.find(rows.cell(layout_.target))) {
    target = *code;
  } else {
    rows.fail(layout_.target, "holds a class that the training data had not");
  }
  targets_.push_back(target);
}

void RoleColumns::add_weight(const TableRows& rows) {
  double weight = 0;
  if (!parse_number(rows.cell(*layout_.weight), weight)) rows.fail_not_a_number(*layout_.weight);
  if (!(weight >= 0)) rows.fail(*layout_.weight, "holds a negative weight");
  weights_.push_back(weight);
}

void RoleColumns::add_id(const TableRows& rows) {
  if (!layout_.id) {
    ids_.numbers.push_back(rows.number());
    return;
  }
  rows.require_utf8(*layout_.id);
  ids_.texts.emplace_back(rows.cell(*layout_.id));
  if (training_) id_lines_.push_back(rows.line());
}

void RoleColumns::finish(const TableRows& rows, Dataset& data, Encoder& encoder) && {
  const auto where = [&](std::size_t column) {
    return fmt::format("{}, column '{}'", rows.file(), rows.names()[column]);
  };
  finish_target(where(layout_.target), data, encoder);
  finish_weights(layout_.weight ? where(*layout_.weight) : rows.file(), data);
  finish_groups(rows, data, encoder);
  if (training_ && layout_.id) require_distinct_ids(rows);
  data.ids = std::move(ids_);
}

void RoleColumns::finish_target(const std::string& where, Dataset& data, Encoder& encoder) {
  data.targets = to_vector(targets_);
  if (options_.target_kind == TargetKind::kNumeric) {
    if (training_ && !((data.targets.array() != data.targets[0]).any())) {
      throw DataError("has the same value in every row that is kept, so there is nothing to learn",
                      where);
    }
    return;
  }
  if (training_) {
    SortedTexts classes =
        order_classes(classes_.texts(), options_.target_kind, options_.positive, where);
    if (options_.target_kind == TargetKind::kClasses) {
      require_repeated_classes(classes.texts.size(), data.targets.size(), where);
    }
    for (double& target : data.targets) target = classes.rank[static_cast<std::size_t>(target)];
    encoder.class_names = std::move(classes.texts);
  }
  data.class_names = encoder.class_names;
}

void RoleColumns::finish_weights(const std::string& where, Dataset& data) const {
  if (!layout_.weight) {
    data.weights = Vector::Ones(data.targets.size());
    return;
  }
  data.weights = to_vector(weights_);
  if (!(data.weights.maxCoeff() > 0)) throw DataError("is 0 in every row that is kept", where);
}

void RoleColumns::finish_groups(const TableRows& rows, Dataset& data, Encoder& encoder) {
  for (std::size_t s = 0; s < groups_.size(); ++s) {
    SortedTexts sorted = sort_texts(groups_[s].names.texts(), groups_[s].known);
    for (std::int32_t& code : groups_[s].codes) {
      code = sorted.rank[static_cast<std::size_t>(code)];
    }
    if (training_) encoder.groups.push_back(sorted.texts);
    data.sensitive.push_back(
        {rows.names()[layout_.sensitive[s]], std::move(sorted.texts), std::move(groups_[s].codes)});
  }
}

void RoleColumns::require_distinct_ids(const TableRows& rows) const {
  using Entry = std::pair<std::size_t, std::size_t>;  // hash, row
  std::vector<Entry> entries;
  entries.reserve(ids_.texts.size());
  for (std::size_t i = 0; i < ids_.texts.size(); ++i) {
    entries.emplace_back(std::hash<std::string>{}(ids_.texts[i]), i);
  }
  std::sort(entries.begin(), entries.end());
  // Rows of one hash stand together. They are nearly always one row, or rows of one id.
  std::size_t first = ids_.texts.size(), second = first;
  for (std::size_t begin = 0; begin < entries.size(); ++begin) {
    for (std::size_t i = begin + 1; i < entries.size() && entries[i].first == entries[begin].first;
         ++i) {
      if (ids_.texts[entries[i].second] == ids_.texts[entries[begin].second]) {
        if (entries[i].second < second) {
          first = entries[begin].second;
          second = entries[i].second;
        }
        break;  // later rows of this id give later pairs
      }
    }
  }
  if (second < ids_.texts.size()) {
    throw DataError(fmt::format("column '{}' has the same id in lines {} and {}",
                                rows.names()[*layout_.id], id_lines_[first], id_lines_[second]),
                    rows.file(), "give every row its own");
  }
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "recant/core/error.hpp"
#include "recant/core/utf8.hpp"
#include "text_table.hpp"

namespace recant {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<std::size_t> place_of(const Names& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

/// "'a', 'b' and 7 more"
std::string list_of(const Names& names) {
  constexpr std::size_t kMost = 20;
  const std::size_t shown = std::min(kMost, names.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("{}'{}'", i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

std::size_t required_place(const Names& names, const std::string& name, std::string_view role,
                           const std::string& file) {
  if (const auto place = place_of(names, name)) return *place;
  throw UsageError(fmt::format("has no column '{}', which is named as {}", name, role), file,
                   "its columns are " + list_of(names));
}

}  // namespace

std::vector<std::size_t> Layout::used() const {
  std::set<std::size_t> cells(features.begin(), features.end());
  cells.insert(sensitive.begin(), sensitive.end());
  cells.insert(target);
  if (id) cells.insert(*id);
  if (weight) cells.insert(*weight);
  return {cells.begin(), cells.end()};
}

void check_options(const TableOptions& options) {
  if (options.target.empty()) throw UsageError("no target column is named");
  if (options.positive && options.target_kind != TargetKind::kBinary) {
    throw UsageError("a positive value is given, but the target is not binary");
  }
  std::map<std::string, std::string_view> roles;
  const auto take = [&](const std::string& column, std::string_view role) {
    const auto [at, is_new] = roles.emplace(column, role);
    if (is_new) return;
    const std::string roles_of_it = at->second == role
                                        ? fmt::format("twice as {}", role)
                                        : fmt::format("as {} and as {}", at->second, role);
    throw UsageError(fmt::format("column '{}' is named {}", column, roles_of_it), "",
                     "name it once");
  };
  take(options.target, "target");
  if (options.id) take(*options.id, "id");
  if (options.weight) take(*options.weight, "weight");
  for (const std::string& column : options.sensitive) take(column, "sensitive");
  if (contains(options.drop, options.target)) {
    throw UsageError(fmt::format("column '{}' is the target, but is dropped", options.target));
  }
  for (const std::string& text : options.missing_values) {
    if (!is_utf8(text)) throw UsageError("a missing value is not UTF-8");
  }
}

Layout training_layout(const Names& names, const TableOptions& options, const std::string& file) {
  Layout layout;
  layout.target = required_place(names, options.target, "target", file);
  for (const std::string& column : options.sensitive) {
    layout.sensitive.push_back(required_place(names, column, "sensitive", file));
  }
  if (options.id) layout.id = required_place(names, *options.id, "id", file);
  if (options.weight) layout.weight = required_place(names, *options.weight, "weight", file);
  for (const std::string& column : options.drop) {
    static_cast<void>(required_place(names, column, "dropped", file));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != layout.target && i != layout.id && i != layout.weight &&
        !contains(options.drop, names[i])) {
      layout.features.push_back(i);
    }
  }
  if (layout.features.empty()) {
    throw DataError("has no feature columns left", file, "drop fewer columns");
  }
  return layout;
}

Layout encoder_layout(const Names& names, const Encoder& encoder, const std::string& file) {
  const TableOptions& options = encoder.options;
  Names missing;
  const auto place = [&](const std::string& column) {
    const auto found = place_of(names, column);
    if (!found && !contains(missing, column)) missing.push_back(column);
    return found.value_or(0);
  };
  Layout layout;
  for (const FeatureColumn& feature : encoder.features) {
    layout.features.push_back(place(feature.name));
  }
  layout.target = place(options.target);
  for (const std::string& column : options.sensitive) layout.sensitive.push_back(place(column));
  if (!missing.empty()) {
    throw DataError("lacks columns of the training data: " + list_of(missing), file);
  }
  if (options.id) layout.id = place_of(names, *options.id);
  if (options.weight) layout.weight = place_of(names, *options.weight);

  const std::vector<std::size_t> used = layout.used();
  Names unknown;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!std::binary_search(used.begin(), used.end(), i) && !contains(options.drop, names[i])) {
      unknown.push_back(names[i]);
    }
  }
  if (!unknown.empty()) {
    throw DataError("has columns that the training data had not: " + list_of(unknown), file);
  }
  return layout;
}

std::vector<ColumnType> schema_types(const Names& names, const Layout& layout, const Schema& schema,
                                     const std::string& file) {
  std::map<std::string, ColumnType> types;
  Names absent;
  for (const Schema::Column& column : schema.columns) {
    types.emplace(column.name, column.type);
    if (!contains(names, column.name)) absent.push_back(column.name);
  }
  if (!absent.empty()) throw DataError("lacks columns of the schema: " + list_of(absent), file);
  std::vector<ColumnType> found;
  Names unknown;
  for (const std::size_t feature : layout.features) {
    const auto at = types.find(names[feature]);
    if (at == types.end()) {
      unknown.push_back(names[feature]);
    } else {
      found.push_back(at->second);
    }
  }
  if (!unknown.empty()) {
    throw DataError("has columns that the schema does not name: " + list_of(unknown), file,
                    "add them to the schema or drop them");
  }
  return found;
}

}  // namespace recant

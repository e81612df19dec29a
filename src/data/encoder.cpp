// SPDX-License-Identifier: Apache-2.0
#include "recant/data/encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>

#include "json_text.hpp"
#include "layout.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

using Json = nlohmann::json;
using Categories = std::vector<std::optional<std::string>>;
constexpr const char* kSchemaName = "recant.encoder/1";
constexpr const char* kSchemaWithErasedNames = "recant.encoder/2";

constexpr std::array kTypes = {ColumnType::kNumeric, ColumnType::kCategorical};
constexpr std::array kPolicies = {MissingPolicy::kDrop, MissingPolicy::kError};
constexpr std::array kEncodings = {Encoding::kFull, Encoding::kReference};
constexpr std::array kKinds = {TargetKind::kBinary, TargetKind::kClasses, TargetKind::kNumeric};

void require(bool condition, const char* message, std::string_view where) {
  if (!condition) throw DamagedError(message, std::string(where));
}

template <class Values>
auto value_named(const Values& values, const Json& text, std::string_view where) {
  const auto wanted = text.get<std::string>();
  const auto found =
      std::find_if(values.begin(), values.end(), [&](auto value) { return name(value) == wanted; });
  require(found != values.end(), "has an unknown option value", where);
  return *found;
}

nlohmann::ordered_json text_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return *text;
}

std::optional<std::string> read_text_or_null(const Json& text) {
  if (text.is_null()) return std::nullopt;
  return text.get<std::string>();
}

bool strictly_ascending(const std::vector<std::string>& texts) {
  return std::adjacent_find(texts.begin(), texts.end(), std::greater_equal<>()) == texts.end();
}

bool all_distinct(const std::vector<std::string>& texts) {
  return std::set(texts.begin(), texts.end()).size() == texts.size();
}

std::vector<std::string> names_of(const Categories& categories) {
  std::vector<std::string> names;
  for (const auto& category : categories) {
    if (category) names.push_back(*category);
  }
  return names;
}

bool has_erased_names(const std::vector<FeatureColumn>& features) {
  return std::any_of(features.begin(), features.end(), [](const FeatureColumn& feature) {
    return std::find(feature.categories.begin(), feature.categories.end(), std::nullopt) !=
           feature.categories.end();
  });
}

Categories read_categories(const Json& texts) {
  Categories categories;
  for (const Json& text : texts.get<std::vector<Json>>()) {
    categories.push_back(read_text_or_null(text));
  }
  return categories;
}

Vector read_vector(const Json& values) {
  const auto numbers = values.get<std::vector<double>>();
  return Vector::Map(numbers.data(), static_cast<Index>(numbers.size()));
}

TableOptions read_options(const Json& object, std::string_view where) {
  TableOptions options;
  options.target = object.at("target").get<std::string>();
  options.positive = read_text_or_null(object.at("positive"));
  options.sensitive = object.at("sensitive").get<std::vector<std::string>>();
  options.id = read_text_or_null(object.at("id"));
  options.weight = read_text_or_null(object.at("weight"));
  options.drop = object.at("drop").get<std::vector<std::string>>();
  options.missing_values = object.at("missing_values").get<std::vector<std::string>>();
  options.missing = value_named(kPolicies, object.at("missing"), where);
  options.header = object.at("header").get<bool>();
  options.encoding = value_named(kEncodings, object.at("encoding"), where);
  options.target_kind = value_named(kKinds, object.at("target_kind"), where);
  return options;
}

/// What a program that reads these values relies on.
void check(const Encoder& encoder, std::string_view where) {
  try {
    check_options(encoder.options);
  } catch (const UsageError& error) {
    throw DamagedError(error.what(), std::string(where));
  }
  std::vector<std::string> names;
  for (const FeatureColumn& feature : encoder.features) {
    names.push_back(feature.name);
    const bool numeric = feature.type == ColumnType::kNumeric;
    require(numeric == feature.categories.empty(), "has a column with wrong categories", where);
    require(strictly_ascending(names_of(feature.categories)), "has categories that are not sorted",
            where);
  }
  require(all_distinct(names), "has two columns of one name", where);
  require(encoder.width() > 0, "has no columns", where);
  require(encoder.mean.size() == encoder.width() && encoder.scale.size() == encoder.width(),
          "has another number of means or scales than columns", where);
  require(
      encoder.mean.allFinite() && encoder.scale.allFinite() && (encoder.scale.array() > 0).all(),
      "has a mean or scale out of range", where);
  const std::size_t classes = encoder.class_names.size();
  const TargetKind kind = encoder.options.target_kind;
  require(kind == TargetKind::kBinary    ? classes == 2
          : kind == TargetKind::kClasses ? classes >= 2
                                         : classes == 0,
          "has a wrong number of classes", where);
  require(all_distinct(encoder.class_names), "has two classes of one name", where);
  require(encoder.groups.size() == encoder.options.sensitive.size(),
          "has another number of group lists than sensitive columns", where);
  for (const auto& groups : encoder.groups) {
    require(!groups.empty() && strictly_ascending(groups), "has groups that are not sorted", where);
  }
}

}  // namespace

std::string_view name(MissingPolicy policy) noexcept {
  return policy == MissingPolicy::kDrop ? "drop" : "error";
}

std::string_view name(Encoding encoding) noexcept {
  return encoding == Encoding::kFull ? "full" : "reference";
}

std::string_view name(TargetKind kind) noexcept {
  switch (kind) {
    case TargetKind::kBinary:
      return "binary";
    case TargetKind::kClasses:
      return "classes";
    case TargetKind::kNumeric:
      return "numeric";
  }
  return "numeric";
}

Index Encoder::width() const noexcept {
  const Index left_out = options.encoding == Encoding::kReference ? 1 : 0;
  Index width = 0;
  for (const FeatureColumn& feature : features) {
    width += feature.type == ColumnType::kNumeric
                 ? 1
                 : static_cast<Index>(feature.categories.size()) - left_out;
  }
  return width;
}

std::vector<std::string> Encoder::column_names() const {
  const std::size_t first = options.encoding == Encoding::kReference ? 1 : 0;
  std::vector<std::string> names;
  for (const FeatureColumn& feature : features) {
    if (feature.type == ColumnType::kNumeric) names.push_back(feature.name);
    for (std::size_t k = first; k < feature.categories.size(); ++k) {
      const auto& category = feature.categories[k];
      names.push_back(category ? feature.name + "=" + *category
                               : fmt::format("{}=(erased {})", feature.name, k + 1));
    }
  }
  return names;
}

void Encoder::erase_names(std::span<const CategoryPlace> places) {
  for (const auto [feature, category] : places) {
    if (feature >= features.size() || category >= features[feature].categories.size()) {
      throw UsageError("names a category that the encoder does not have");
    }
    features[feature].categories[category].reset();
  }
}

std::string Encoder::to_json() const {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const FeatureColumn& feature : features) {
    nlohmann::ordered_json categories = nlohmann::ordered_json::array();
    for (const auto& category : feature.categories) categories.push_back(text_or_null(category));
    columns.push_back({{"name", feature.name},
                       {"type", name(feature.type)},
                       {"categories", std::move(categories)}});
  }
  const char* const schema = has_erased_names(features) ? kSchemaWithErasedNames : kSchemaName;
  const nlohmann::ordered_json object = {{"schema", schema},
                                         {"options",
                                          {{"target", options.target},
                                           {"positive", text_or_null(options.positive)},
                                           {"sensitive", options.sensitive},
                                           {"id", text_or_null(options.id)},
                                           {"weight", text_or_null(options.weight)},
                                           {"drop", options.drop},
                                           {"missing_values", options.missing_values},
                                           {"missing", name(options.missing)},
                                           {"header", options.header},
                                           {"encoding", name(options.encoding)},
                                           {"target_kind", name(options.target_kind)}}},
                                         {"features", columns},
                                         {"mean", std::vector(mean.begin(), mean.end())},
                                         {"scale", std::vector(scale.begin(), scale.end())},
                                         {"class_names", class_names},
                                         {"groups", groups}};
  return object.dump(1);
}

Encoder Encoder::from_json(std::string_view json, std::string_view where) {
  return read_json<DamagedError>(json, where, [&](const Json& object) {
    const auto schema = object.at("schema").get<std::string>();
    require(schema == kSchemaName || schema == kSchemaWithErasedNames,
            "is not an encoder of a version that is known here", where);
    Encoder encoder;
    encoder.options = read_options(object.at("options"), where);
    for (const Json& column : object.at("features").get<std::vector<Json>>()) {
      encoder.features.push_back({column.at("name").get<std::string>(),
                                  value_named(kTypes, column.at("type"), where),
                                  read_categories(column.at("categories"))});
    }
    require(has_erased_names(encoder.features) == (schema == kSchemaWithErasedNames),
            "has a version that does not fit its categories", where);
    encoder.mean = read_vector(object.at("mean"));
    encoder.scale = read_vector(object.at("scale"));
    encoder.class_names = object.at("class_names").get<std::vector<std::string>>();
    encoder.groups = object.at("groups").get<std::vector<std::vector<std::string>>>();
    check(encoder, where);
    return encoder;
  });
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/data/schema.hpp"

#include <fmt/format.h>

#include <set>

#include "input_file.hpp"
#include "json_text.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

using Json = nlohmann::json;

ColumnType parse_type(const std::string& text, std::string_view where) {
  for (const ColumnType type : {ColumnType::kNumeric, ColumnType::kCategorical}) {
    if (text == name(type)) return type;
  }
  throw DataError("has a column type that is neither 'numeric' nor 'categorical'",
                  std::string(where));
}

std::optional<std::string> optional_text(const Json& object, const char* member,
                                         const char* inner) {
  if (!object.contains(member) || !object.at(member).contains(inner)) return std::nullopt;
  return object.at(member).at(inner).get<std::string>();
}

}  // namespace

std::string_view name(ColumnType type) noexcept {
  return type == ColumnType::kNumeric ? "numeric" : "categorical";
}

Schema parse_schema(std::string_view json, std::string_view where) {
  return read_json<DataError>(json, where, [&](const Json& object) {
    Schema schema;
    std::set<std::string> names;
    for (const Json& column : object.at("columns").get<std::vector<Json>>()) {
      schema.columns.push_back({column.at("name").get<std::string>(),
                                parse_type(column.at("type").get<std::string>(), where)});
      if (!names.insert(schema.columns.back().name).second) {
        throw DataError(fmt::format("names column '{}' twice", schema.columns.back().name),
                        std::string(where));
      }
    }
    schema.target = optional_text(object, "target", "column");
    schema.positive = optional_text(object, "target", "positive");
    schema.sensitive = optional_text(object, "sensitive", "column");
    schema.privileged = optional_text(object, "sensitive", "privileged");
    if (object.contains("missing")) {
      const Json& missing = object.at("missing");
      schema.missing_values = missing.is_string() ? std::vector{missing.get<std::string>()}
                                                  : missing.get<std::vector<std::string>>();
    }
    return schema;
  });
}

Schema read_schema(const std::filesystem::path& path) {
  InputFile file(path, false);
  std::string text;
  constexpr std::size_t kStep = std::size_t{1} << 16, kLimit = std::size_t{1} << 26;
  std::size_t size = 0, got = 0;
  do {
    size += got;
    if (size > kLimit) throw DataError("is too large for a schema", file.name());
    text.resize(size + kStep);
    got = file.read(text.data() + size, kStep);
  } while (got > 0);
  text.resize(size);
  return parse_schema(text, file.name());
}

}  // namespace recant

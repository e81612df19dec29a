// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace recant {

/// What the cells of a feature column are.
enum class ColumnType {
  kNumeric,      ///< one number, one matrix column
  kCategorical,  ///< one of several texts, one 0/1 matrix column each
};

/// "numeric", "categorical".
[[nodiscard]] std::string_view name(ColumnType type) noexcept;

/// The types of the feature columns of a file, and defaults for what else is in it.
///
///     {"columns": [{"name": "age", "type": "numeric"}, {"name": "sex", "type": "categorical"}],
///      "target": {"column": "income", "positive": ">50K"},
///      "sensitive": {"column": "sex", "privileged": "Male"}, "missing": "?"}
///
/// Only "columns" is needed; "missing" is a text or a list of texts; other members are ignored.
struct Schema {
  struct Column {
    std::string name;
    ColumnType type = ColumnType::kNumeric;
  };
  std::vector<Column> columns;
  std::optional<std::string> target, positive;
  std::optional<std::string> sensitive, privileged;
  std::optional<std::vector<std::string>> missing_values;
};

/// @throws DataError naming `where` if the text is not JSON of the form above.
[[nodiscard]] Schema parse_schema(std::string_view json, std::string_view where = "schema");

/// @throws NotFoundError, DataError
[[nodiscard]] Schema read_schema(const std::filesystem::path& path);

}  // namespace recant

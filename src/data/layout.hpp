// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "recant/data/encoder.hpp"

namespace recant {

/// Which cell of a record means what.
struct Layout {
  std::vector<std::size_t> features;  ///< in the order of Encoder::features
  std::size_t target = 0;
  std::vector<std::size_t> sensitive;
  std::optional<std::size_t> id, weight;

  /// All cells above, ascending, each once.
  [[nodiscard]] std::vector<std::size_t> used() const;
};

/// @throws UsageError if the options contradict each other.
void check_options(const TableOptions& options);

/// Features in the order of the file. @throws UsageError for a column that the file has not.
[[nodiscard]] Layout training_layout(const std::vector<std::string>& names,
                                     const TableOptions& options, const std::string& file);

/// Features in the order of the encoder.
/// @throws DataError for columns that are missing or that the encoder does not know.
[[nodiscard]] Layout encoder_layout(const std::vector<std::string>& names, const Encoder& encoder,
                                    const std::string& file);

/// Types of the features by the schema. @throws DataError if schema and file do not match.
[[nodiscard]] std::vector<ColumnType> schema_types(const std::vector<std::string>& names,
                                                   const Layout& layout, const Schema& schema,
                                                   const std::string& file);

}  // namespace recant

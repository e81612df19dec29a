// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/data/table_options.hpp"

namespace recant {

/// A feature column of the training file.
struct FeatureColumn {
  std::string name;
  ColumnType type = ColumnType::kNumeric;
  /// All in the kept rows, in order of their bytes; none: its name was erased with the last row
  /// that had it.
  std::vector<std::optional<std::string>> categories;
};

/// Where a category stands: which of Encoder::features, and which of its categories.
struct CategoryPlace {
  std::size_t feature = 0, category = 0;
  [[nodiscard]] friend bool operator==(const CategoryPlace&, const CategoryPlace&) = default;
};

/// How a CSV file becomes a matrix: fitted on the training rows, applied to all others.
///
/// A numeric column gives one matrix column "name"; a categorical one gives a 0/1 column
/// "name=category" for each category in order of its bytes (under Encoding::kReference without
/// the first). A category that training has not seen gives zeros, and so does one whose name was
/// erased: its column stays, "name=(erased K)" for the K-th category, and is 0 in new rows. Then
/// every matrix column, the 0/1 ones too, becomes (x - mean) / scale with the mean and the
/// population standard deviation (divided by n) of the kept training rows; scale is 1 for a column
/// that is constant there.
struct Encoder {
  TableOptions options;                          ///< as given for training, without the schema
  std::vector<FeatureColumn> features;           ///< in the order of the training file
  Vector mean, scale;                            ///< d
  std::vector<std::string> class_names;          ///< as in Dataset
  std::vector<std::vector<std::string>> groups;  ///< of each of options.sensitive, by their bytes

  /// d, the number of matrix columns.
  [[nodiscard]] Index width() const noexcept;
  /// Names of the matrix columns.
  [[nodiscard]] std::vector<std::string> column_names() const;

  /// Forgets the names of these, not their columns. @throws UsageError for a place that is none.
  void erase_names(std::span<const CategoryPlace> places);

  /// A JSON object with everything above; doubles survive to the last bit.
  [[nodiscard]] std::string to_json() const;
  /// @throws DamagedError naming `where` if this is not an encoder that to_json() wrote.
  [[nodiscard]] static Encoder from_json(std::string_view json, std::string_view where = "encoder");
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/data/dataset.hpp"
#include "recant/data/schema.hpp"

namespace recant {

/// What happens to a row with a missing cell in a column that is used.
enum class MissingPolicy {
  kDrop,   ///< the row is left out and counted
  kError,  ///< a DataError with its line
};

/// Which categories of a column get a 0/1 column of the matrix.
enum class Encoding {
  kFull,       ///< all of them
  kReference,  ///< all but the first, which keeps the Hessian better conditioned
};

/// "drop", "error"; "full", "reference"; "binary", "classes", "numeric".
[[nodiscard]] std::string_view name(MissingPolicy policy) noexcept;
[[nodiscard]] std::string_view name(Encoding encoding) noexcept;
[[nodiscard]] std::string_view name(TargetKind kind) noexcept;

/// Which column of a CSV file means what. Columns are called by their name in the header or,
/// without one, "1", "2", ....
///
/// Every column is a feature but the target, the id, the weight and the dropped ones. Sensitive
/// columns are features too, unless they are also dropped: then they only tell the groups.
struct TableOptions {
  std::string target;
  std::optional<std::string> positive;  ///< value of a binary target that counts as 1
  std::vector<std::string> sensitive;
  std::optional<std::string> id;      ///< names the rows; row numbers of the file without it
  std::optional<std::string> weight;  ///< a weight >= 0 for every row; ones without it
  std::vector<std::string> drop;
  std::vector<std::string> missing_values = {"?", "", "NA"};  ///< whole cells
  MissingPolicy missing = MissingPolicy::kDrop;
  bool header = true;  ///< the first record names the columns
  Encoding encoding = Encoding::kFull;
  TargetKind target_kind = TargetKind::kBinary;
  std::optional<Schema> schema;  ///< column types; found by inspection without it
};

}  // namespace recant

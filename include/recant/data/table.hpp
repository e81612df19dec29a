// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "recant/data/dataset.hpp"
#include "recant/data/encoder.hpp"

namespace recant {

/// How often a column held a category that training has not seen.
struct UnseenCategories {
  std::string column;
  Index rows = 0;
};

/// The rows of a CSV file, encoded, and what became of the file on the way.
struct LoadedTable {
  Dataset data;
  Encoder encoder;
  Index rows_read = 0;                   ///< records after the header
  Index rows_dropped = 0;                ///< those of them with a missing cell
  std::vector<UnseenCategories> unseen;  ///< columns where it happened; never in training
};

/// Reads training rows, finds out how to encode them, and encodes them. "-" is standard input.
///
/// Without a schema a feature column is numeric if every cell of the kept rows is wholly a finite
/// number ("1", "+.5", "1e3"; not "nan" or "inf"), otherwise categorical. Row ids are the values
/// of the id column, or numbers that count the records of the file from 1, dropped ones included.
/// Targets: the positive value is 1 and the one other value 0 (of "0" and "1", "1" is positive
/// unless said otherwise); classes are ordered by their bytes, or by value if all are integers.
///
/// Memory: the matrix, a few values per row, the distinct texts. One pass over the file, and a
/// second if a column that began with numbers turns out to be categorical.
/// @throws UsageError for a column that is not in the file, for columns given two meanings, for a
///   positive value that is missing or never occurs;
///   DataError, with line and column, for whatever is wrong with the file: see CsvReader; names
///   that are missing or used twice, text that is not UTF-8, cells of a numeric column (of the
///   schema, the weights or a numeric target) that are no finite number, a negative weight, two
///   rows of one id; no rows left, no features, a constant target, weights that are all zero;
///   NotFoundError.
[[nodiscard]] LoadedTable read_training_csv(const std::filesystem::path& path,
                                            const TableOptions& options);

/// Reads validation or test rows with the encoder of the training rows.
///
/// The file has the columns of the training file in any order; id, weight and dropped columns may
/// be absent. Rows with a missing cell are dropped as in training. Groups that training has not
/// seen follow after those it has.
/// @throws as above; also DataError for columns that are missing or unknown to the encoder, and,
///   with its line, for a target that is none of the classes.
[[nodiscard]] LoadedTable read_csv(const std::filesystem::path& path, const Encoder& encoder);

}  // namespace recant

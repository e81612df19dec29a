// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "recant/data/dataset.hpp"

namespace recant {

/// A data set as NPY files, used as they are: nothing is encoded or standardised.
struct ArrayFiles {
  std::filesystem::path features;               ///< n x d numbers; float64 is mapped, not copied
  std::filesystem::path targets;                ///< n numbers
  std::optional<std::filesystem::path> groups;  ///< n or n x k integers
  std::optional<std::filesystem::path> row_weights;  ///< n numbers >= 0, not all zero
};

struct ArrayOptions {
  TargetKind target_kind = TargetKind::kBinary;
  std::optional<double> positive;  ///< value of a binary target that counts as 1; 1 without it

  /// Learns classes and groups; false takes those below, which are the training data's.
  bool training = true;
  std::vector<std::string> class_names;
  std::vector<std::vector<std::string>> groups;
};

/// Reads a data set from NPY files.
///
/// Binary targets have two values, 0 and 1 unless `positive` says otherwise; classes are integers
/// in order of value; group names are the integers as text, in order of their bytes, those that
/// training had not last. One group column has an empty name, several are called "1", "2", ....
/// Row ids are row numbers from 1.
/// @throws NotFoundError; DataError naming file, row and column (from 1) for whatever is wrong
///   with a file (see npy.hpp), NaN and infinity, different numbers of rows, groups or classes
///   that are no integers, wrong targets or weights as for CSV; UsageError for `positive`.
[[nodiscard]] Dataset read_arrays(const ArrayFiles& files, const ArrayOptions& options = {});

}  // namespace recant

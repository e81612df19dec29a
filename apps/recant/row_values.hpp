// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "recant/data/dataset.hpp"

namespace recant::app {

/// Before any work: @throws UsageError unless `path` ends in .npy or .csv and is a file, if
/// anything.
void check_row_values_output(const std::filesystem::path& path);

/// Writes a value for every training row: NPY for a name that ends in .npy, CSV with the columns
/// row (from 0), id and `title` for one that ends in .csv, and standard_error if there are any.
void write_row_values(const std::filesystem::path& path, const std::string& title,
                      const Vector& values, const RowIds& ids, const Vector& standard_errors = {});

}  // namespace recant::app

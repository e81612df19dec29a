// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "recant/data/dataset.hpp"

namespace recant::app {

/// Writes a value for every training row: NPY for a name that ends in .npy, else CSV with the
/// columns row (from 0), id and `title`.
void write_row_values(const std::filesystem::path& path, const std::string& title,
                      const Vector& values, const RowIds& ids);

}  // namespace recant::app

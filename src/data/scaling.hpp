// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "recant/data/encoder.hpp"

namespace recant {

/// Sets the encoder's mean and scale.
///
/// cells: n x features, of which only those of numeric features are looked at.
/// counts: for each categorical feature, how many rows have each of its categories.
/// The mean of a 0/1 column is c/n and its deviation sqrt(c (n - c))/n; that of numbers comes from
/// two passes in extended precision, whose last bit does not depend on the number of threads.
/// @throws DataError for a column whose range no double can hold
void fit_scaling(const RowsView& cells, const std::vector<std::vector<Index>>& counts,
                 const std::string& file, Encoder& encoder);

}  // namespace recant

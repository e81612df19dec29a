// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recant/data/dataset.hpp"
#include "text_table.hpp"

namespace recant {

/// The distinct values of a target as classes: {negative, positive}, or K classes by value if all
/// are integers, otherwise by their bytes. `where` names file and column.
/// @throws DataError for a wrong number of classes, UsageError for `positive`
[[nodiscard]] SortedTexts order_classes(const std::vector<std::string>& values, TargetKind kind,
                                        const std::optional<std::string>& positive,
                                        const std::string& where);

/// A class for every row is a number or an id taken for a class. @throws DataError
void require_repeated_classes(std::size_t classes, Index rows, const std::string& where);

}  // namespace recant

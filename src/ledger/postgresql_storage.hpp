// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "storage.hpp"

namespace recant {

/// `url` is postgresql://.. as libpq has it; the tables are in the first schema of its search path.
/// @throws UsageError for a url that is not one or holds a password, DataError
[[nodiscard]] std::unique_ptr<Storage> open_postgresql(const std::string& url, StorageMode mode);

}  // namespace recant

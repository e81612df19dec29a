// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "storage.hpp"

namespace recant {

/// @throws UsageError for an address that is none, or that holds a password.
void check_postgresql_address(const std::string& url);

/// `url` is postgresql://.. as libpq has it; the tables are in the first schema of its search path.
/// @throws UsageError for a url that is not one or holds a password, DataError
[[nodiscard]] std::unique_ptr<Storage> open_postgresql(const std::string& url, StorageMode mode);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "storage.hpp"

namespace recant {

/// @throws NotFoundError, UsageError (kCreate: exists), DamagedError, DataError
[[nodiscard]] std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path,
                                                   StorageMode mode);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace recant {

/// The bytes of a small file of a vault.
/// @throws DamagedError if it is missing, cannot be read or is no regular file.
[[nodiscard]] std::string read_vault_file(const std::filesystem::path& path);

}  // namespace recant

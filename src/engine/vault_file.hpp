// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace recant {

/// The bytes of a small file of a vault.
/// @throws DamagedError if it is missing or no regular file; what cannot_read() throws.
[[nodiscard]] std::string read_vault_file(const std::filesystem::path& path);

/// For a file that could not be read: @throws DataError where this user may not read it, else
/// DamagedError.
[[noreturn]] void cannot_read(const std::filesystem::path& path);

}  // namespace recant

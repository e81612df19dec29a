// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace recant {

/// BLAKE2b-256 of a file's bytes in hexadecimal. @throws DamagedError if it cannot be read.
[[nodiscard]] std::string file_hash(const std::filesystem::path& path);

/// The same of a text.
[[nodiscard]] std::string text_hash(const std::string& text);

}  // namespace recant

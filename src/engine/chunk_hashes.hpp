// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/digest.hpp"

namespace recant {

/// Files of rows are hashed piece by piece, so that erasing a row means hashing the pieces it lies
/// in and not the file.
inline constexpr std::int64_t kChunkBytes = std::int64_t{256} * 1024;

/// A file as it should be: its size, and BLAKE2b-256 of every piece of kChunkBytes.
struct FileHashes {
  std::int64_t bytes = 0;
  std::vector<Digest> chunks;
};
/// By name in the vault.
using HashesByFile = std::map<std::string, FileHashes>;

/// @throws DamagedError if the file cannot be read.
[[nodiscard]] FileHashes hash_file(const std::filesystem::path& path);
[[nodiscard]] Digest hash_bytes(std::string_view bytes);

/// Of one piece, of a file that should have so many bytes. @throws DamagedError
[[nodiscard]] Digest hash_chunk(const std::filesystem::path& path, std::int64_t chunk,
                                std::int64_t bytes);

/// @throws DamagedError naming the file unless it has `expected` bytes, piece by piece.
void check_file(const std::filesystem::path& path, const FileHashes& expected);
/// @throws the DamagedError of the two above for a file that has other bytes.
[[noreturn]] void other_bytes(const std::filesystem::path& path);

[[nodiscard]] std::string hexadecimal_of(std::span<const std::uint8_t> bytes);
/// @throws DamagedError naming `where` unless these are 2 * out.size() hexadecimal digits.
void read_hexadecimal(std::string_view text, std::span<std::uint8_t> out, const std::string& where);

}  // namespace recant

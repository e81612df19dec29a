// SPDX-License-Identifier: Apache-2.0
#include "chunk_hashes.hpp"

#include <sodium.h>

#include <algorithm>
#include <fstream>

#include "recant/core/blocks.hpp"
#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"
#include "vault_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// The pieces that a thread hashes at a time.
constexpr std::int64_t kPiecesOfATask = 16;

std::int64_t size_of(const fs::path& path) {
  std::error_code code;
  const std::uintmax_t size = fs::file_size(path, code);
  if (code) cannot_read(path);
  return static_cast<std::int64_t>(size);
}

/// The hash of every piece of the first `bytes` bytes.
std::vector<Digest> hash_chunks(const fs::path& path, std::int64_t bytes) {
  const std::int64_t chunks = (bytes + kChunkBytes - 1) / kChunkBytes;
  std::vector<Digest> hashes(static_cast<std::size_t>(chunks));
  parallel_for((chunks + kPiecesOfATask - 1) / kPiecesOfATask, [&](Index task) {
    const std::int64_t first = task * kPiecesOfATask;
    std::ifstream in(path, std::ios::binary);
    in.seekg(first * kChunkBytes);
    std::vector<char> buffer(static_cast<std::size_t>(kChunkBytes));
    for (std::int64_t chunk = first; chunk < std::min(first + kPiecesOfATask, chunks); ++chunk) {
      const std::int64_t wanted = std::min(kChunkBytes, bytes - chunk * kChunkBytes);
      if (!in.read(buffer.data(), wanted)) {
        cannot_read(path);
      }
      hashes[static_cast<std::size_t>(chunk)] =
          hash_bytes({buffer.data(), static_cast<std::size_t>(wanted)});
    }
  });
  return hashes;
}

}  // namespace

void other_bytes(const fs::path& path) {
  throw DamagedError("does not have the bytes that were written", path.string(),
                     "restore it from a backup");
}

Digest hash_bytes(std::string_view bytes) {
  start_sodium();
  Digest digest;
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr,
                     0);
  return digest;
}

FileHashes hash_file(const fs::path& path) {
  const std::int64_t bytes = size_of(path);
  return {bytes, hash_chunks(path, bytes)};
}

Digest hash_chunk(const fs::path& path, std::int64_t chunk, std::int64_t bytes) {
  std::ifstream in(path, std::ios::binary);
  in.seekg(chunk * kChunkBytes);
  std::string buffer(static_cast<std::size_t>(std::min(kChunkBytes, bytes - chunk * kChunkBytes)),
                     '\0');
  if (!in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()))) {
    cannot_read(path);
  }
  return hash_bytes(buffer);
}

void check_file(const fs::path& path, const FileHashes& expected) {
  if (size_of(path) != expected.bytes) other_bytes(path);
  if (hash_chunks(path, expected.bytes) != expected.chunks) other_bytes(path);
}

std::string hexadecimal_of(std::span<const std::uint8_t> bytes) {
  std::string text(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

void read_hexadecimal(std::string_view text, std::span<std::uint8_t> out,
                      const std::string& where) {
  std::size_t count = 0;
  const char* end = nullptr;
  if (text.size() != 2 * out.size() ||
      sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &count, &end) !=
          0 ||
      count != out.size() || end != text.data() + text.size()) {
    throw DamagedError("holds something else where a hash should be", where);
  }
}

}  // namespace recant

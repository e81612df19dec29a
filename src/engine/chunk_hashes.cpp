// SPDX-License-Identifier: Apache-2.0
#include "chunk_hashes.hpp"

#include <sodium.h>

#include <algorithm>
#include <fstream>

#include "recant/core/blocks.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// The pieces that a thread hashes at a time.
constexpr std::int64_t kPiecesOfATask = 16;

std::int64_t size_of(const fs::path& path) {
  std::error_code code;
  const std::uintmax_t size = fs::file_size(path, code);
  if (code) throw DamagedError("is missing or cannot be read", path.string());
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
        throw DamagedError("is missing or cannot be read", path.string());
      }
      hashes[static_cast<std::size_t>(chunk)] =
          hash_bytes({buffer.data(), static_cast<std::size_t>(wanted)});
    }
  });
  return hashes;
}

[[noreturn]] void fail(const fs::path& path) {
  throw DamagedError("does not have the bytes that were written", path.string(),
                     "restore it from a backup");
}

}  // namespace

Digest hash_bytes(std::string_view bytes) {
  if (sodium_init() < 0) throw InternalError("libsodium cannot be initialised");
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

void check_file(const fs::path& path, const FileHashes& expected,
                const std::map<std::int64_t, Digest>& also) {
  if (size_of(path) != expected.bytes) fail(path);
  const std::vector<Digest> found = hash_chunks(path, expected.bytes);
  if (found.size() != expected.chunks.size()) fail(path);
  for (std::size_t at = 0; at < found.size(); ++at) {
    if (found[at] == expected.chunks[at]) continue;
    const auto other = also.find(static_cast<std::int64_t>(at));
    if (other == also.end()) fail(path);
    if (found[at] == other->second) continue;
    throw BusyError("rows are being erased here, or that was interrupted", path.string(),
                    "try again; recant forget finishes what was interrupted");
  }
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

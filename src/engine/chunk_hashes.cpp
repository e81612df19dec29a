// SPDX-License-Identifier: Apache-2.0
#include "chunk_hashes.hpp"

#include <sodium.h>

#include <fstream>

#include "recant/core/error.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// Calls visit(chunk, bytes) for every piece of a file, in order.
template <class Visit>
std::int64_t for_each_chunk(const fs::path& path, Visit visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path)) {
    throw DamagedError("is missing or cannot be read", path.string());
  }
  std::vector<char> buffer(static_cast<std::size_t>(kChunkBytes));
  std::int64_t total = 0;
  for (std::int64_t chunk = 0; in; ++chunk) {
    in.read(buffer.data(), kChunkBytes);
    const auto count = static_cast<std::size_t>(in.gcount());
    if (count == 0) break;
    visit(chunk, std::string_view(buffer.data(), count));
    total += in.gcount();
  }
  if (in.bad()) throw DamagedError("cannot be read", path.string());
  return total;
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
  FileHashes hashes;
  hashes.bytes = for_each_chunk(path, [&](std::int64_t, std::string_view bytes) {
    hashes.chunks.push_back(hash_bytes(bytes));
  });
  return hashes;
}

void check_file(const fs::path& path, const FileHashes& expected,
                const std::map<std::int64_t, Digest>& also) {
  std::error_code code;
  if (fs::file_size(path, code) != static_cast<std::uintmax_t>(expected.bytes) || code) {
    if (code) throw DamagedError("is missing or cannot be read", path.string());
    fail(path);
  }
  const std::int64_t total = for_each_chunk(path, [&](std::int64_t chunk, std::string_view bytes) {
    const auto at = static_cast<std::size_t>(chunk);
    if (at >= expected.chunks.size()) fail(path);
    const Digest found = hash_bytes(bytes);
    if (found == expected.chunks[at]) return;
    const auto other = also.find(chunk);
    if (other == also.end()) fail(path);
    if (found == other->second) return;
    throw BusyError("rows are being erased here, or that was interrupted", path.string(),
                    "try again; recant forget finishes what was interrupted");
  });
  if (total != expected.bytes) fail(path);
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

// SPDX-License-Identifier: Apache-2.0
#include "file_hash.hpp"

#include <sodium.h>

#include <array>
#include <fstream>
#include <vector>

#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"
#include "vault_file.hpp"

namespace recant {
namespace {

class Hash {
 public:
  Hash() {
    start_sodium();
    crypto_generichash_init(&state_, nullptr, 0, kBytes);
  }
  void add(const char* bytes, std::size_t count) {
    crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes), count);
  }
  std::string hexadecimal() {
    std::array<unsigned char, kBytes> digest;
    crypto_generichash_final(&state_, digest.data(), digest.size());
    std::string text(2 * kBytes + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
    text.pop_back();
    return text;
  }

 private:
  static constexpr std::size_t kBytes = 32;
  crypto_generichash_state state_;
};

}  // namespace

std::string file_hash(const std::filesystem::path& path) {
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) cannot_read(path);
  Hash hash;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw DamagedError("cannot be read", path.string());
  return hash.hexadecimal();
}

std::string text_hash(const std::string& text) {
  Hash hash;
  hash.add(text.data(), text.size());
  return hash.hexadecimal();
}

}  // namespace recant

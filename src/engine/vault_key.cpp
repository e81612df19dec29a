// SPDX-License-Identifier: Apache-2.0
#include "vault_key.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "chunk_hashes.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "recant.vault_key/1";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct WipedText {
  std::string text;
  ~WipedText() { sodium_memzero(text.data(), text.size()); }
};

}  // namespace

struct VaultKey::Secret {
  Digest key{};
  Secret() { static_cast<void>(sodium_mlock(this, sizeof *this)); }  // may be refused: still wiped
  ~Secret() { sodium_munlock(this, sizeof *this); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
};

VaultKey::VaultKey(std::shared_ptr<const Secret> secret) : secret_(std::move(secret)) {}

VaultKey VaultKey::generate() {
  start_sodium();
  auto secret = std::make_shared<Secret>();
  secret->key = draw_salt();
  return VaultKey(std::move(secret));
}

VaultKey VaultKey::load(const fs::path& path) {
  start_sodium();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw DamagedError("is missing", path.string());
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw DataError("holds a secret key and others may read or write it", path.string(),
                    "chmod 600");
  }
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  const WipedText file{std::string(std::istreambuf_iterator<char>(in), {})};
  auto secret = std::make_shared<Secret>();
  try {
    const auto object = nlohmann::json::parse(file.text);
    const WipedText digits{object.at("key").get<std::string>()};
    read_hexadecimal(digits.text, secret->key, path.string());
  } catch (const nlohmann::json::exception&) {
    throw DamagedError("is not a vault's key", path.string());
  }
  const VaultKey key(std::move(secret));
  // A key with another bit would be a key as well, under which nothing is found again.
  if (file.text != key.text()) {
    throw DamagedError("is not a vault's key as it was written", path.string(),
                       "restore it from a backup");
  }
  return key;
}

std::string VaultKey::text() const {
  const WipedText digits{hexadecimal_of(secret_->key)};
  const Digest check = keyed_hash("recant.vault_key.check/1", "");
  return std::string("{\"schema\":\"") + kSchema + "\",\"key\":\"" + digits.text +
         "\",\"check\":\"" + hexadecimal_of(check).substr(0, 16) + "\"}\n";
}

void VaultKey::save(const fs::path& path) const {
  const WipedText file{text()};
  write_file(path, file.text, FileReaders::kOwner);
}

Digest VaultKey::keyed_hash(std::string_view domain, std::string_view text) const {
  const unsigned char zero = 0;
  Digest digest;
  crypto_generichash_state state;
  crypto_generichash_init(&state, secret_->key.data(), secret_->key.size(), digest.size());
  crypto_generichash_update(&state, bytes_of(domain), domain.size());
  crypto_generichash_update(&state, &zero, 1);
  crypto_generichash_update(&state, bytes_of(text), text.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  sodium_memzero(&state, sizeof state);
  return digest;
}

std::string VaultKey::seal(std::string_view domain, std::string_view bytes) const {
  static_assert(crypto_secretbox_KEYBYTES == sizeof(Digest));
  Digest key = keyed_hash("recant.vault.seal/1", domain);
  std::string sealed(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + bytes.size(), '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  const Digest nonce = draw_salt();
  std::copy_n(nonce.begin(), crypto_secretbox_NONCEBYTES, out);
  crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, bytes_of(bytes), bytes.size(), out,
                        key.data());
  sodium_memzero(key.data(), key.size());
  return sealed;
}

std::string VaultKey::unseal(std::string_view domain, std::string_view sealed,
                             const std::string& where) const {
  constexpr std::size_t kOverhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  Digest key = keyed_hash("recant.vault.seal/1", domain);
  const bool whole = sealed.size() >= kOverhead;
  std::string bytes(whole ? sealed.size() - kOverhead : 0, '\0');
  const bool opened =
      whole && crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(bytes.data()),
                                          bytes_of(sealed) + crypto_secretbox_NONCEBYTES,
                                          sealed.size() - crypto_secretbox_NONCEBYTES,
                                          bytes_of(sealed), key.data()) == 0;
  sodium_memzero(key.data(), key.size());
  if (!opened) throw DamagedError("was not sealed under the key of this vault", where);
  return bytes;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/signing_key.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "canonical_text.hpp"
#include "domain_hash.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"

namespace recant {
namespace {

constexpr std::string_view kSchema = "recant.secret_key/1";

std::string with_domain(std::string_view domain, std::string_view message) {
  std::string bytes(domain);
  bytes += '\0';
  bytes += message;
  return bytes;
}

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct WipedText {
  std::string text;
  ~WipedText() { sodium_memzero(text.data(), text.size()); }
};

}  // namespace

Digest domain_hash(std::string_view domain, std::string_view message) {
  start_sodium();
  const unsigned char zero = 0;
  crypto_generichash_state state;
  Digest digest;
  crypto_generichash_init(&state, nullptr, 0, digest.size());
  crypto_generichash_update(&state, unsigned_bytes(domain), domain.size());
  crypto_generichash_update(&state, &zero, 1);
  crypto_generichash_update(&state, unsigned_bytes(message), message.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  return digest;
}

struct SigningKey::Secret {
  Digest seed, public_key;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> key;

  Secret() { static_cast<void>(sodium_mlock(this, sizeof *this)); }  // may be refused: still wiped
  ~Secret() { sodium_munlock(this, sizeof *this); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
};

SigningKey::SigningKey(const Digest& seed) {
  start_sodium();
  auto secret = std::make_shared<Secret>();
  secret->seed = seed;
  crypto_sign_seed_keypair(secret->public_key.data(), secret->key.data(), seed.data());
  const std::string_view public_key(reinterpret_cast<const char*>(secret->public_key.data()),
                                    secret->public_key.size());
  id_ = hexadecimal(domain_hash("recant.key/1", public_key)).substr(0, 32);
  secret_ = std::move(secret);
}

SigningKey SigningKey::generate() {
  Digest seed;
  draw_entropy(seed);
  SigningKey key(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

SigningKey SigningKey::from_seed(const Digest& seed) {
  return SigningKey(seed);
}

SigningKey SigningKey::load(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw NotFoundError("does not exist", path.string());
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw DataError("holds a secret key and others may read or write it", path.string(),
                    "chmod 600, and think about a new key");
  }
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError("cannot be read", path.string());
  const WipedText file{std::string(std::istreambuf_iterator<char>(in), {})};
  CanonicalReader reader(file.text, path.string());
  reader.constant("schema", kSchema);
  Digest seed;
  reader.bytes("seed", seed);
  reader.finish();
  SigningKey key(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

void SigningKey::save(const std::filesystem::path& path) const {
  if (std::filesystem::exists(path)) {
    throw UsageError("exists already", path.string(), "a key that is overwritten is lost");
  }
  CanonicalWriter writer;
  writer.constant("schema", kSchema);
  writer.bytes("seed", secret_->seed);
  const WipedText file{writer.finish()};
  write_file(path, file.text, FileReaders::kOwner);
}

std::string SigningKey::public_key_text() const {
  CanonicalWriter writer;
  writer.constant("schema", "recant.public_key/1");
  writer.text("key_id", id_);
  writer.bytes("public_key", secret_->public_key);
  return writer.finish();
}

Signature SigningKey::sign(std::string_view domain, std::string_view message) const {
  const std::string bytes = with_domain(domain, message);
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, unsigned_bytes(bytes), bytes.size(),
                       secret_->key.data());
  return signature;
}

Digest request_digest(const Digest& model_key, std::string_view request) {
  if (request.empty()) throw UsageError("a request must not be empty");
  start_sodium();
  const std::string bytes = with_domain("recant.request/1", request);
  Digest digest;
  crypto_auth_hmacsha256(digest.data(), unsigned_bytes(bytes), bytes.size(), model_key.data());
  return digest;
}

Digest draw_salt() {
  Digest salt;
  draw_entropy(salt);
  return salt;
}

}  // namespace recant

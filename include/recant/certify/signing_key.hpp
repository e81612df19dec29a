// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "recant/core/digest.hpp"

namespace recant {

using Signature = std::array<std::uint8_t, 64>;

/// An Ed25519 key that signs certificates ([Bernstein2012], by libsodium). Who holds the file can
/// issue certificates in the owner's name. docs/formats/certificate.md gives both files.
///
/// The secret lies in locked memory that is wiped at the end; copies share it.
class SigningKey {
 public:
  /// A new one, from the system's random bytes. @throws DataError when it gives none.
  [[nodiscard]] static SigningKey generate();
  /// For examples that must be repeatable: the key is as secret as the seed.
  [[nodiscard]] static SigningKey from_seed(const Digest& seed);
  /// @throws NotFoundError; DamagedError if it is not a key; DataError if others may read the file.
  [[nodiscard]] static SigningKey load(const std::filesystem::path& path);

  /// Writes the secret file; mode 0600 from its first byte on. @throws UsageError if it exists: a
  /// key that is overwritten is lost; DataError if it cannot be written.
  void save(const std::filesystem::path& path) const;
  /// The bytes of the file that is given to everyone.
  [[nodiscard]] std::string public_key_text() const;

  /// 32 hexadecimal digits: the first half of BLAKE2b-256("recant.key/1", 0, public key).
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// Signs domain, a zero byte, message.
  [[nodiscard]] Signature sign(std::string_view domain, std::string_view message) const;

 private:
  struct Secret;
  explicit SigningKey(const Digest& seed);

  std::shared_ptr<const Secret> secret_;
  std::string id_;
};

/// HMAC-SHA-256 of a deletion request under a key of the model, for the annex: whoever has both
/// finds the request again, and without the key nobody can try requests out.
/// @throws UsageError for an empty request.
[[nodiscard]] Digest request_digest(const Digest& model_key, std::string_view request);

/// 32 bytes from the system: salts, keys for request_digest. @throws DataError when it gives none.
[[nodiscard]] Digest draw_salt();

}  // namespace recant

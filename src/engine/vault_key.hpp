// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "recant/core/digest.hpp"

namespace recant {

/// The secret of a vault: what turns identities into hashes, and seals what a batch needs to be
/// finished. Destroying its file makes both meaningless. It lies in locked memory, wiped at the
/// end; copies share it.
class VaultKey {
 public:
  [[nodiscard]] static VaultKey generate();
  /// @throws DamagedError if there is none, or it is not as it was written; DataError if others may
  /// read it.
  [[nodiscard]] static VaultKey load(const std::filesystem::path& path);
  /// Mode 0600 from the first byte on.
  void save(const std::filesystem::path& path) const;

  /// BLAKE2b-256 of domain, a zero byte and text, keyed: nobody without the key can try texts out.
  [[nodiscard]] Digest keyed_hash(std::string_view domain, std::string_view text) const;

  /// Encrypts and authenticates (XSalsa20-Poly1305) under a key of its own for each domain.
  [[nodiscard]] std::string seal(std::string_view domain, std::string_view bytes) const;
  /// @throws DamagedError naming `where` if they are not what seal() gave.
  [[nodiscard]] std::string unseal(std::string_view domain, std::string_view sealed,
                                   const std::string& where) const;

 private:
  [[nodiscard]] std::string text() const;  ///< of its file
  struct Secret;
  explicit VaultKey(std::shared_ptr<const Secret> secret);
  std::shared_ptr<const Secret> secret_;
};

}  // namespace recant

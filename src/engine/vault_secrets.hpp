// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium.h>

#include <array>
#include <filesystem>

#include "recant/certify/signing_key.hpp"
#include "vault_key.hpp"

namespace recant {

/// The secrets of a vault, in its folder secret/.
struct VaultSecrets {
  VaultKey key;
  SigningKey signing;

  /// Draws both and writes them, and the public key, into the folder.
  static VaultSecrets create(const std::filesystem::path& vault);
  /// @throws DamagedError naming the file that is missing or not as it was written: the signing key
  /// must be the one whose public part is in public-key.json.
  [[nodiscard]] static VaultSecrets load(const std::filesystem::path& vault);
  [[nodiscard]] static bool exist(const std::filesystem::path& vault);
};

using PublicKey = std::array<unsigned char, crypto_sign_PUBLICKEYBYTES>;

/// The vault's public key. Its file knows the hash of the key, so that damage to it is told from
/// damage to what it signed. @throws DamagedError
[[nodiscard]] PublicKey read_public_key(const std::filesystem::path& vault);

}  // namespace recant

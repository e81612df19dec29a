// SPDX-License-Identifier: Apache-2.0
#include "vault_secrets.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chunk_hashes.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "vault_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

}  // namespace

VaultSecrets VaultSecrets::create(const fs::path& vault) {
  VaultSecrets secrets{VaultKey::generate(), SigningKey::generate()};
  const fs::path folder = vault / "secret";
  if (!fs::exists(folder)) {
    std::error_code code;
    fs::create_directory(folder, code);
    if (code) throw DataError("cannot be created: " + code.message(), folder.string());
    fs::permissions(folder, fs::perms::owner_all);
  }
  // The signing key first: the vault's key is what says that both are there.
  std::error_code ignored;
  fs::remove(folder / "signing.key", ignored);
  secrets.signing.save(folder / "signing.key");
  write_file(vault / "public-key.json", secrets.signing.public_key_text());
  secrets.key.save(folder / "vault.key");
  return secrets;
}

VaultSecrets VaultSecrets::load(const fs::path& vault) {
  static_cast<void>(read_public_key(vault));
  const fs::path signing = vault / "secret/signing.key";
  try {
    VaultSecrets secrets{VaultKey::load(vault / "secret/vault.key"), SigningKey::load(signing)};
    if (secrets.signing.public_key_text() != read_vault_file(vault / "public-key.json")) {
      throw DamagedError("is not the key whose public part is in public-key.json", signing.string(),
                         "restore it from a backup");
    }
    return secrets;
  } catch (const NotFoundError& error) {
    throw DamagedError("is missing", error.where());
  }
}

bool VaultSecrets::exist(const fs::path& vault) {
  return fs::exists(vault / "secret/vault.key");
}

PublicKey read_public_key(const fs::path& vault) {
  const fs::path file = vault / "public-key.json";
  const std::string text = read_vault_file(file);
  PublicKey key;
  try {
    const auto object = nlohmann::json::parse(text);
    read_hexadecimal(object.at("public_key").get<std::string>(), key, file.string());
  } catch (const nlohmann::json::exception&) {
    throw DamagedError("is not a public key", file.string());
  }
  std::string hashed("recant.key/1");
  hashed += '\0';
  hashed.append(key.begin(), key.end());
  const std::string id = hexadecimal_of(hash_bytes(hashed)).substr(0, 32);
  if (text != fmt::format("{{\"schema\":\"recant.public_key/1\",\"key_id\":\"{}\","
                          "\"public_key\":\"{}\"}}\n",
                          id, hexadecimal_of(key))) {
    other_bytes(file);
  }
  return key;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_signature.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "chunk_hashes.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

static_assert(std::tuple_size_v<PublicKey> == crypto_sign_PUBLICKEYBYTES);

}  // namespace

PublicKey read_public_key(const fs::path& vault) {
  const fs::path file = vault / "public-key.json";
  std::ifstream in(file, std::ios::binary);
  if (!in) throw DamagedError("is missing or cannot be read", file.string());
  const std::string text(std::istreambuf_iterator<char>(in), {});
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
    throw DamagedError("does not have the bytes that were written", file.string(),
                       "restore it from a backup");
  }
  return key;
}

CheckpointVerifier verifier_of(const fs::path& vault) {
  return [key = read_public_key(vault)](std::string_view statement,
                                        const std::vector<std::uint8_t>& signature) {
    if (signature.size() != crypto_sign_BYTES) return false;
    std::string bytes("recant.checkpoint/1");
    bytes += '\0';
    bytes += statement;
    return crypto_sign_verify_detached(signature.data(),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       bytes.size(), key.data()) == 0;
  };
}

Checkpoint read_kept_checkpoint(const fs::path& file, const fs::path& vault) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw NotFoundError("does not exist", file.string());
  Checkpoint checkpoint;
  try {
    checkpoint = read_checkpoint(std::string(std::istreambuf_iterator<char>(in), {}));
  } catch (const DamagedError& error) {
    throw DamagedError(error.message(), file.string());
  }
  if (!verifier_of(vault)(checkpoint_statement(checkpoint), checkpoint.signature)) {
    throw DamagedError("the checkpoint is not signed by the key of this model", file.string(),
                       "it is another model's, or was changed");
  }
  return checkpoint;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "checkpoint_signature.hpp"

#include <sodium.h>

#include <fstream>
#include <iterator>
#include <string>

#include "recant/core/error.hpp"
#include "vault_secrets.hpp"

namespace recant {

namespace fs = std::filesystem;

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

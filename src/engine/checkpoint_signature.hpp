// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>

#include "recant/ledger/checkpoint.hpp"

/// Who signed a checkpoint: the vault's own key did, or it says nothing about this model.
namespace recant {

using PublicKey = std::array<unsigned char, 32>;

/// The vault's public key. Its file knows the hash of the key, so that damage to it is told from
/// damage to what it signed. @throws DamagedError
[[nodiscard]] PublicKey read_public_key(const std::filesystem::path& vault);

/// Signatures of checkpoints, by the vault's own public key.
[[nodiscard]] CheckpointVerifier verifier_of(const std::filesystem::path& vault);

/// A checkpoint that somebody kept. @throws NotFoundError; DamagedError if it is none, or is not
/// signed by the vault's key.
[[nodiscard]] Checkpoint read_kept_checkpoint(const std::filesystem::path& file,
                                              const std::filesystem::path& vault);

}  // namespace recant

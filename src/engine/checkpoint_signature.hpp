// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "recant/ledger/checkpoint.hpp"

/// Who signed a checkpoint: the vault's own key did, or it says nothing about this model.
namespace recant {

/// Signatures of checkpoints, by the vault's own public key.
[[nodiscard]] CheckpointVerifier verifier_of(const std::filesystem::path& vault);

/// A checkpoint that somebody kept. @throws NotFoundError; DamagedError if it is none, or is not
/// signed by the vault's key.
[[nodiscard]] Checkpoint read_kept_checkpoint(const std::filesystem::path& file,
                                              const std::filesystem::path& vault);

}  // namespace recant

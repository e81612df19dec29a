// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "chunk_hashes.hpp"
#include "recant/linalg/types.hpp"
#include "vault_key.hpp"

/// What a batch of deletions leaves in state/GEN, and how it goes.
namespace recant {

/// Writes state/GEN, whole or not at all: theta.npy, trained_weights.npy if there are any, and
/// sealed under the vault's key which rows are to be erased, so that this can be finished whatever
/// happens. Hashes by name below the vault.
HashesByFile write_generation(const std::filesystem::path& vault, std::int64_t generation,
                              ConstVectorRef theta, std::span<const Index> rows,
                              const VaultKey& key,
                              const std::optional<Vector>& trained_weights = {});

/// The rows that write_generation() sealed. @throws DamagedError
[[nodiscard]] std::vector<Index> rows_to_erase(const std::filesystem::path& vault,
                                               std::int64_t generation, const VaultKey& key);

/// Overwrites every generation but `kept`, and which rows it erased, with zeros, and removes them.
/// What a file system copies elsewhere when it is overwritten (snapshots, wear levelling) is beyond
/// reach from here.
void destroy_other_generations(const std::filesystem::path& vault, std::int64_t kept);

/// fsync of a folder: the names in it survive a loss of power. @throws DataError
void sync_folder(const std::filesystem::path& path);

/// Removes what writers that died left half-written.
void remove_partial_files(const std::filesystem::path& vault);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "model_folder.hpp"

/// Reading a vault without a lock, also beside its writer, or after one that died
/// (docs/formats/vault.md, "Reading").
namespace recant {

/// The model of one moment: as the last batch that was decided leaves it, wholly, wherever its
/// writer stands. A row, once zeroed, stays so, and a writer zeroes no row before the ledger says
/// which batch does: so what was read and hashed at any time is sound but for rows that are gone by
/// now, and those are told by their ids, or by the batch that is under way.
/// @throws NotFoundError; DamagedError for what does not fit while nobody changed it.
/// `rows_were_read` is called once they were: what a test does there comes between for sure.
[[nodiscard]] FittedModel read_beside_writer(const std::filesystem::path& path,
                                             const std::function<void()>& rows_were_read = {});

/// Whether published/ is what the last certificate is about. While a batch is under way, and where
/// it goes on meanwhile, there is nothing to be said. @throws DamagedError
void check_published_beside_writer(const ModelFolder& folder, const Ledger& ledger);

/// The same at one moment. @throws DamagedError, maybe because a writer went on.
void check_published(const ModelFolder& folder, const Ledger& ledger, const VaultMoment& moment);

}  // namespace recant

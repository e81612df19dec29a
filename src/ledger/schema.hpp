// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "storage.hpp"

namespace recant {

/// The bytes of schema.sql.
extern const std::string_view kSchemaSql;

/// Step i brings a ledger of format version i to i + 1; step 0 is schema.sql, which makes one.
/// A step that is empty changed no table.
[[nodiscard]] std::span<const std::string_view> schema_steps();

/// The format version that this program writes.
[[nodiscard]] std::int64_t format_version();

/// Takes the steps that are missing, within the transaction that is open. @throws DamagedError if
/// there are fewer steps than the ledger has taken.
void migrate(Storage& storage, std::span<const std::string_view> steps);

}  // namespace recant

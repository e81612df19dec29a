// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "recant/linalg/types.hpp"

namespace recant {

/// Everything that sampling has found out so far.
struct SamplingState {
  std::int64_t samples = 0, truncated = 0, evaluations = 0;
  Matrix sums;  ///< n x k, what a kind of value accumulates for each row
};

/// docs/formats/sampling-state.md. @throws DataError if the file cannot be written.
void save_state(const std::filesystem::path& path, std::uint64_t fingerprint,
                const SamplingState& state);

/// Nothing if there is no such file.
/// @throws DamagedError if it is not a whole state file, or not that of `fingerprint`, or its sums
/// are not rows x columns.
[[nodiscard]] std::optional<SamplingState> load_state(const std::filesystem::path& path,
                                                      std::uint64_t fingerprint, Index rows,
                                                      Index columns);

}  // namespace recant

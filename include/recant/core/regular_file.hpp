// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace recant {

/// Before a file is read that this program wrote: what has its name now must not be a pipe or a
/// device, which a reader could wait on for ever. Nothing of that name is for the reader to find.
/// @throws DamagedError
void require_regular_file(const std::filesystem::path& path);

}  // namespace recant

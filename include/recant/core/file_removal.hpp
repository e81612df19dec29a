// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace recant {

/// Removes a file or folder after zeros were written over every file in it, on disk: rows and keys
/// are not to be found in free blocks. Only removed are files that somebody has open or mapped,
/// this process included, who would read zeros, and those with another name elsewhere, which is a
/// copy of somebody's. Links are removed and not followed. @throws DataError for a file that cannot
/// be overwritten, and fs::filesystem_error: what is left then is there for the next to remove.
void remove_overwritten(const std::filesystem::path& path);

}  // namespace recant

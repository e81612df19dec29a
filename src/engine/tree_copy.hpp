// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace recant {

/// Copies a file, or a folder with all that is in it, with who may read them. Looks for an
/// interrupt after every piece, which is on the disk by then: so neither the copy nor a sync of it
/// takes long after that. `to` must not be there. @throws std::filesystem::filesystem_error
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace recant {

/// Before something is written to `path`: a model folder is nobody else's. Whatever came into one
/// would replace its files, or stay when its rows go. Seen through links and .., by what a model
/// folder has: its manifest and rows, its rows and state, or its keys. A folder that is a model
/// itself is not inside one.
/// @throws UsageError
void check_outside_models(const std::filesystem::path& path);

}  // namespace recant

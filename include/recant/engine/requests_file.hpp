// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "recant/engine/forget.hpp"

namespace recant {

/// Deletion requests from a CSV file with the header key,row (positions from 0) or key,id: one for
/// every key, in the order in which keys come first; all else as in `settings`. "-" is standard
/// input. A row that is no number rejects its request alone, when it is carried out.
/// @throws NotFoundError; DataError for another header or a line without a key, naming the line;
/// UsageError for a file that names no row.
[[nodiscard]] std::vector<ForgetRequest> read_requests(const std::filesystem::path& file,
                                                       const ForgetRequest& settings);

}  // namespace recant

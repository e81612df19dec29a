// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

/// What a disk can do at best, and how often it was asked.
namespace recant::bench {

/// Seconds to write 4 KB more at the end of a file there and sync them: the median of 50. The floor
/// of what must be durable is this for each of its syncs.
[[nodiscard]] double sync_seconds(const std::filesystem::path& folder);

/// Syncs this process has asked for so far, libraries included.
[[nodiscard]] long syncs();

}  // namespace recant::bench

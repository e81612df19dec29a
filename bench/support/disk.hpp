// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

/// What a disk can do at best, and how often it was asked.
namespace recant::bench {

/// Seconds to write 4 KB more at the end of a file there and sync them: the median of 50. The floor
/// of what must be durable is this for each of its syncs.
[[nodiscard]] double sync_seconds(const std::filesystem::path& folder);

/// Counts the syncs that this process asks for from here on, libraries included.
class Syncs {
 public:
  explicit Syncs(const std::filesystem::path& folder);

  [[nodiscard]] long asked() const;
  /// What that many take there at least.
  [[nodiscard]] double floor_seconds() const;

 private:
  double seconds_;
  long before_;
};

}  // namespace recant::bench

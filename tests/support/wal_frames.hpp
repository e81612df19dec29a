// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// A -wal in a test's hands: sqlite.org/fileformat2.html, section 4.
namespace recant::test {

inline constexpr std::size_t kWalHeader = 32, kWalFrameHeader = 24;
inline constexpr std::size_t kWalFrame = kWalFrameHeader + 4096;

[[nodiscard]] inline std::size_t wal_frames(const std::string& wal) {
  return wal.size() < kWalHeader ? 0 : (wal.size() - kWalHeader) / kWalFrame;
}
/// Where frame `number`, from 1, begins.
[[nodiscard]] constexpr std::size_t wal_frame(std::size_t number) {
  return kWalHeader + (number - 1) * kWalFrame;
}
/// The frames that end a transaction.
[[nodiscard]] inline std::vector<std::size_t> wal_commits(const std::string& wal) {
  std::vector<std::size_t> commits;
  for (std::size_t frame = 1; frame <= wal_frames(wal); ++frame) {
    if (wal.compare(wal_frame(frame) + 4, 4, std::string(4, '\0')) != 0) commits.push_back(frame);
  }
  return commits;
}

}  // namespace recant::test

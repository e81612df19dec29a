// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/seeded_random.hpp"

/// What a disk may hold when power fails: of every file what was there at its last sync, and of the
/// changes since then any subset, in any order, the last one torn within a sector's border.
namespace recant::test {

class UnsyncedWrites {
 public:
  static constexpr std::size_t kSector = 512;

  void write(const std::string& path, std::size_t offset, std::string_view bytes) {
    pending_[path].push_back({Change::kWrite, offset, std::string(bytes)});
  }
  void truncate(const std::string& path, std::size_t size) {
    pending_[path].push_back({Change::kTruncate, size, {}});
  }
  void remove(const std::string& path) { pending_[path].push_back({Change::kRemove, 0, {}}); }
  void sync(const std::string& path) {
    for (const Change& change : pending_[path]) apply(durable_, path, change, change.bytes.size());
    pending_[path].clear();
  }
  /// A file as it is on disk already.
  void holds(const std::string& path, std::string bytes) { durable_[path] = std::move(bytes); }

  /// Writes one of the possible disks into `folder`, each file under its own last name.
  void crash(const std::filesystem::path& folder, SeededRandom& random) const {
    std::map<std::string, std::string> disk = durable_;
    for (const auto& [path, changes] : pending_) {
      std::vector<Change> kept;
      for (const Change& change : changes) {
        if (random.below(2) == 0) kept.push_back(change);
      }
      if (random.below(2) == 0) random.shuffle(std::span(kept));
      for (const Change& change : kept) {
        const std::size_t sectors = change.bytes.size() / kSector;
        const bool torn = random.below(4) == 0;
        apply(disk, path, change, torn ? random.below(sectors + 1) * kSector : change.bytes.size());
      }
    }
    for (const auto& [path, bytes] : disk) {
      std::ofstream(folder / std::filesystem::path(path).filename(), std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
  }

 private:
  struct Change {
    enum Kind { kWrite, kTruncate, kRemove } kind;
    std::size_t at;
    std::string bytes;
  };

  static void apply(std::map<std::string, std::string>& disk, const std::string& path,
                    const Change& change, std::size_t size) {
    if (change.kind == Change::kRemove) {
      disk.erase(path);
      return;
    }
    std::string& file = disk[path];
    if (change.kind == Change::kTruncate) {
      file.resize(std::min(file.size(), change.at));
      return;
    }
    file.resize(std::max(file.size(), change.at + size));
    std::copy_n(change.bytes.begin(), size, file.begin() + static_cast<std::ptrdiff_t>(change.at));
  }

  std::map<std::string, std::string> durable_;
  std::map<std::string, std::vector<Change>> pending_;
};

}  // namespace recant::test

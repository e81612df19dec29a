// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "chunk_hashes.hpp"
#include "recant/core/blocks.hpp"
#include "recant/ledger/batch.hpp"

namespace recant {

/// Zeroes rows in the NPY files of a vault, where they lie: a zero row adds nothing to any
/// gradient, indices stay, content is gone. Erasing twice is erasing once.
///
/// Through pwrite and fdatasync, not through a writable mapping: a disk that is full or broken is
/// then an error and not a signal. Mappings of the file see the zeros at once.
class RowEraser {
 public:
  /// `files`: names below `folder`, in the order in which they are erased. @throws DamagedError for
  /// a file that is no NPY array of `rows` rows.
  RowEraser(std::filesystem::path folder, const std::vector<std::string>& files, Index rows);

  /// The hashes that the pieces touched will have. @throws DamagedError if they cannot be read.
  [[nodiscard]] std::vector<ChunkHash> hashes_after(std::span<const Index> rows) const;

  /// When it returns, nothing of the rows is on disk. @throws DataError when writing fails; some
  /// rows may be zero then and it can be called again.
  void erase(std::span<const Index> rows) const;

 private:
  struct File {
    std::string name;
    std::int64_t values_at = 0, row_bytes = 0, bytes = 0;
  };
  std::filesystem::path folder_;
  std::vector<File> files_;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "recant/data/npy.hpp"

namespace recant {

static_assert(std::endian::native == std::endian::little, "NPY files are mapped as they are");

/// A whole file, mapped for reading.
class MappedFile {
 public:
  /// @throws NotFoundError, DataError
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_, size_}; }

 private:
  const std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

/// An NPY file whose header has been read and fits its size.
struct NpyFile {
  explicit NpyFile(const std::filesystem::path& path);

  /// @throws DataError unless the array has this many dimensions.
  void require_dimensions(std::size_t dimensions) const;

  std::string name;
  std::shared_ptr<const MappedFile> file;
  NpyHeader header;
  const std::byte* data = nullptr;
  std::int64_t count = 0;  ///< values
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace recant {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : value_(other.value_) { other.value_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;

  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_ = -1;
};

/// Opens a file for reading. @throws NotFoundError; DataError for a folder or without permission
[[nodiscard]] Descriptor open_input(const std::filesystem::path& path);

/// Bytes of a file, a pipe or standard input ("-"), in order.
class InputFile {
 public:
  /// With `rewindable`, a pipe is first copied to a temporary file that has no name.
  InputFile(const std::filesystem::path& path, bool rewindable);

  /// Reads up to `size` bytes; 0 at the end. @throws DataError
  [[nodiscard]] std::size_t read(char* to, std::size_t size);
  void rewind();
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  void spool();

  std::string name_;
  Descriptor file_;
};

}  // namespace recant

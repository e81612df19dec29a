// SPDX-License-Identifier: Apache-2.0
#include "row_eraser.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "recant/core/blocks.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* what, int code) {
  throw DataError(fmt::format("{}: {}", what, std::strerror(code)), path.string(),
                  code == ENOSPC ? "free some space and run again" : "");
}

/// A file descriptor that is closed at the end.
class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags)
      : path_(path), file_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (file_ < 0) fail(path_, "cannot be opened", errno);
  }
  ~OpenFile() { ::close(file_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }
  /// Fewer bytes only at the end of the file.
  std::size_t read(std::span<char> out, std::int64_t at) const {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = ::pread(file_, out.data() + done, out.size() - done,
                                  static_cast<off_t>(at) + static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(path_, "cannot be read", errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }
  void write(std::span<const char> bytes, std::int64_t at) const {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = ::pwrite(file_, bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(at) + static_cast<off_t>(done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail(path_, "cannot be erased", errno);
      done += static_cast<std::size_t>(put);
    }
  }
  void sync() const {
    if (::fdatasync(file_) != 0) fail(path_, "cannot be written to disk", errno);
  }

 private:
  fs::path path_;
  int file_;
};

/// The rows are the model's own: whatever is wrong with their file is damage.
NpyHeader header_of(const fs::path& file) {
  try {
    return read_npy_header(file);
  } catch (const DataError& error) {
    throw DamagedError(error.message(), error.where(), "restore it from a backup");
  }
}

using Range = std::pair<std::int64_t, std::int64_t>;  // of a file: [begin, end)

/// The hash that a piece of a file will have when there are zeros in these ranges of it.
Digest hash_without(const OpenFile& file, std::int64_t first, std::int64_t bytes,
                    const std::vector<Range>& ranges) {
  std::vector<char> buffer(static_cast<std::size_t>(bytes));
  if (file.read(buffer, first) != buffer.size()) {
    throw DamagedError("is shorter than it was written", file.path().string());
  }
  for (const auto& [begin, end] : ranges) {
    std::fill(buffer.begin() + (begin - first), buffer.begin() + (end - first), '\0');
  }
  return hash_bytes({buffer.data(), buffer.size()});
}

}  // namespace

RowEraser::RowEraser(fs::path folder, const std::vector<std::string>& files, Index rows)
    : folder_(std::move(folder)) {
  for (const std::string& name : files) {
    const NpyHeader header = header_of(folder_ / name);
    if (header.shape.empty() || header.shape[0] != rows) {
      throw DamagedError("does not have the model's rows", (folder_ / name).string());
    }
    const std::int64_t columns = header.shape.size() == 2 ? header.shape[1] : 1;
    const std::int64_t row_bytes = columns * header.item_bytes;
    files_.push_back({name, header.data_offset, row_bytes, header.data_offset + rows * row_bytes});
  }
}

std::vector<ChunkHash> RowEraser::hashes_after(std::span<const Index> rows) const {
  std::vector<ChunkHash> hashes;
  for (const File& file : files_) {
    std::map<std::int64_t, std::vector<Range>> touched;
    for (const Index row : rows) {
      std::int64_t begin = file.values_at + row * file.row_bytes;
      const std::int64_t end = begin + file.row_bytes;
      while (begin < end) {
        const std::int64_t chunk = begin / kChunkBytes;
        const std::int64_t stop = std::min(end, (chunk + 1) * kChunkBytes);
        touched[chunk].emplace_back(begin, stop);
        begin = stop;
      }
    }
    const std::vector<std::pair<std::int64_t, std::vector<Range>>> pieces(touched.begin(),
                                                                          touched.end());
    std::vector<Digest> found(pieces.size());
    const OpenFile open(folder_ / file.name, O_RDONLY);
    parallel_for(static_cast<Index>(pieces.size()), [&](Index piece) {
      const auto& [chunk, ranges] = pieces[static_cast<std::size_t>(piece)];
      const std::int64_t first = chunk * kChunkBytes;
      found[static_cast<std::size_t>(piece)] =
          hash_without(open, first, std::min(kChunkBytes, file.bytes - first), ranges);
    });
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      hashes.push_back({file.name, pieces[i].first, found[i]});
    }
  }
  return hashes;
}

void RowEraser::erase(std::span<const Index> rows) const {
  for (const File& file : files_) {
    const std::vector<char> zeros(static_cast<std::size_t>(file.row_bytes), '\0');
    const OpenFile open(folder_ / file.name, O_WRONLY);
    for (const Index row : rows) open.write(zeros, file.values_at + row * file.row_bytes);
    open.sync();
  }
}

}  // namespace recant

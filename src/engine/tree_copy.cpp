// SPDX-License-Identifier: Apache-2.0
#include "tree_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "recant/core/interrupt.hpp"
#include "recant/core/regular_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// The two files of a copy.
class FileCopy {
 public:
  FileCopy(const fs::path& from, const fs::path& to) : from_(from), to_(to) {
    require_regular_file(from);
    in_ = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (in_ < 0 || ::fstat(in_, &status) != 0) fail();
    out_ = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out_ < 0 || ::fchmod(out_, status.st_mode & 07777) != 0) fail();
  }
  ~FileCopy() { close(); }
  FileCopy(const FileCopy&) = delete;
  FileCopy& operator=(const FileCopy&) = delete;

  void run() {
    std::vector<char> piece(std::size_t{1} << 20);
    constexpr std::size_t kUnsynced = std::size_t{1} << 25;
    std::size_t unsynced = 0;
    while (const std::size_t count = read(piece)) {
      write(piece.data(), count);
      unsynced += count;
      if (unsynced >= kUnsynced) {
        if (::fdatasync(out_) != 0) fail();
        unsynced = 0;
      }
      check_interrupt();
    }
  }

 private:
  [[noreturn]] void fail() {
    const std::error_code code(errno, std::generic_category());
    close();
    throw fs::filesystem_error("cannot be copied", from_, to_, code);
  }
  void close() {
    for (int* const file : {&in_, &out_}) {
      if (*file >= 0) ::close(*file);
      *file = -1;
    }
  }
  std::size_t read(std::vector<char>& piece) {
    while (true) {
      const ssize_t got = ::read(in_, piece.data(), piece.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail();
    }
  }
  void write(const char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t put = ::write(out_, bytes, count);
      if (put < 0 && errno != EINTR) fail();
      if (put < 0) continue;
      bytes += put;
      count -= static_cast<std::size_t>(put);
    }
  }

  fs::path from_, to_;
  int in_ = -1, out_ = -1;
};

}  // namespace

void copy_tree(const fs::path& from, const fs::path& to) {
  if (!fs::is_directory(from)) return FileCopy(from, to).run();
  fs::create_directory(to, from);  // with who may enter it
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    copy_tree(entry.path(), to / entry.path().filename());
  }
}

}  // namespace recant

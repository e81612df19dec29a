// SPDX-License-Identifier: Apache-2.0
#include "writer_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Whether an open file is still the one with this name: its folder may have been replaced.
bool is_at(int file, const std::filesystem::path& path) {
  struct stat held {
  }, there{};
  return ::fstat(file, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

}  // namespace

WriterLock::WriterLock(const std::filesystem::path& vault) {
  const std::filesystem::path path = vault / "lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) {
    throw DataError(fmt::format("cannot be written: {}", std::strerror(errno)), vault.string());
  }
  const int code = ::flock(file_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (code == 0 && is_at(file_, path)) return;
  ::close(file_);
  if (code == 0) throw BusyError("was just replaced", vault.string(), "try again");
  if (code == EWOULDBLOCK) {
    throw BusyError("is being written by another process", vault.string(), "try again later");
  }
  throw DataError(fmt::format("cannot be locked: {}", std::strerror(code)), vault.string());
}

WriterLock::~WriterLock() {
  ::close(file_);
}

}  // namespace recant

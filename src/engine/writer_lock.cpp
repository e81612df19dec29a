// SPDX-License-Identifier: Apache-2.0
#include "writer_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "recant/core/error.hpp"

namespace recant {

WriterLock::WriterLock(const std::filesystem::path& vault) {
  const std::filesystem::path path = vault / "lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) {
    throw DataError(fmt::format("cannot be written: {}", std::strerror(errno)), vault.string());
  }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  const int code = errno;
  ::close(file_);
  if (code == EWOULDBLOCK) {
    throw BusyError("is being written by another process", vault.string(), "try again later");
  }
  throw DataError(fmt::format("cannot be locked: {}", std::strerror(code)), vault.string());
}

WriterLock::~WriterLock() {
  ::close(file_);
}

}  // namespace recant

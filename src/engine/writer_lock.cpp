// SPDX-License-Identifier: Apache-2.0
#include "writer_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// Whether an open file is still the one with this name: its folder may have been replaced.
bool is_at(int file, const fs::path& path) {
  struct stat held {
  }, there{};
  return ::fstat(file, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/// The open and locked file; -1 if somebody else has the lock.
int try_lock(const fs::path& path, const fs::path& vault) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    throw DataError(fmt::format("cannot be written: {}", std::strerror(errno)), vault.string());
  }
  const int code = ::flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (code == 0 && is_at(file, path)) return file;
  ::close(file);
  if (code == 0 || code == EWOULDBLOCK) return -1;
  throw DataError(fmt::format("cannot be locked: {}", std::strerror(code)), vault.string());
}

/// The right to be the next writer: without it whoever comes by in the instant in which the lock is
/// free has it before those that wait. A lock on the folder itself, which leaves no file.
class Turn {
 public:
  explicit Turn(const fs::path& vault) : path_(vault) {}
  ~Turn() {
    if (folder_ >= 0) ::close(folder_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Where folders cannot be locked every turn is ours, and only luck decides.
  bool mine() {
    if (held_ && is_at(folder_, path_)) return true;
    if (folder_ >= 0) ::close(folder_);
    folder_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    held_ = folder_ >= 0 && ::flock(folder_, LOCK_EX | LOCK_NB) == 0;
    return held_ || errno != EWOULDBLOCK;
  }
  [[nodiscard]] bool held() const { return held_; }

 private:
  fs::path path_;
  int folder_ = -1;
  bool held_ = false;
};

/// What to sleep between two looks: the next in turn must not miss the instant between two writers
/// of one program, the others rather look more often the longer they have waited.
std::chrono::duration<double> pause(bool next, double waited) {
  return std::chrono::duration<double>(next ? 1e-3 : 1e-2 / (1 + waited));
}

}  // namespace

WriterLock::WriterLock(const fs::path& vault, const WriterWait& wait) {
  check_non_negative("wait", wait.seconds);
  Stopwatch watch;
  Turn turn(vault);
  double waited = 0, told = 0;
  while (true) {
    if (turn.mine()) file_ = try_lock(vault / "lock", vault);
    if (file_ >= 0) return;
    waited += watch.lap();
    if (waited >= wait.seconds) {
      throw BusyError("is being written by another process", vault.string(), "try again later");
    }
    if (wait.progress && waited >= told + 1) {
      told = waited;
      wait.progress({"waiting for another writer", waited, wait.seconds});
    }
    check_interrupt();
    std::this_thread::sleep_for(
        std::min(pause(turn.held(), waited), std::chrono::duration<double>(wait.seconds - waited)));
  }
}

WriterLock::~WriterLock() {
  ::close(file_);
}

}  // namespace recant

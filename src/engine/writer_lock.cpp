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

/// Where folders cannot be locked every turn is ours, and only luck decides.
bool is_turn(FileLock& turn) {
  return turn.held() || turn.try_to_lock(O_RDONLY | O_DIRECTORY) != EWOULDBLOCK;
}

/// Whether it was free.
bool try_to_lock(FileLock& lock, const fs::path& vault) {
  const int code = lock.try_to_lock(O_RDWR | O_CREAT);
  if (code != 0 && code != EWOULDBLOCK) {
    throw DataError(fmt::format("cannot be locked for writing: {}", std::strerror(code)),
                    vault.string());
  }
  return code == 0;
}

/// What to sleep between two looks: the next in turn must not miss the instant between two writers
/// of one program, the others rather look more often the longer they have waited.
std::chrono::duration<double> pause(bool next, double waited) {
  return std::chrono::duration<double>(next ? 1e-3 : 1e-2 / (1 + waited));
}

}  // namespace

int FileLock::try_to_lock(int flags) {
  release();
  file_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0644);
  if (file_ < 0) return errno;
  const int code = ::flock(file_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  if (code == 0 && is_at(file_, path_)) return 0;
  release();
  return code == 0 ? EWOULDBLOCK : code;
}

bool FileLock::held() const {
  return file_ >= 0 && is_at(file_, path_);
}

void FileLock::release() {
  if (file_ < 0) return;
  ::flock(file_, LOCK_UN);  // also for a child that fork() has not returned in yet
  ::close(std::exchange(file_, -1));
}

void FileLock::let_go() noexcept {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

/// `turn` is the right to be the next writer: without it whoever comes by in the instant in which
/// the lock is free has it before those that wait. On the folder itself, it leaves no file.
WriterLock::WriterLock(const fs::path& vault, const WriterWait& wait)
    : vault_(vault), lock_(vault / "lock") {
  check_non_negative("wait", wait.seconds);
  Stopwatch watch;
  FileLock turn(vault);
  double waited = 0, told = 0;
  while (!is_turn(turn) || !try_to_lock(lock_, vault)) {
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

void WriterLock::require_held() const {
  require_own();
  if (lock_.held()) return;
  throw BusyError("is not the folder any more that was opened for writing", vault_.string(),
                  "open it again");
}

}  // namespace recant

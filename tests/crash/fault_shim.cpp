// SPDX-License-Identifier: Apache-2.0
// Preloaded into the command: counts every change it makes to files (whoever makes it, SQLite
// included), and at one of them kills the process, or makes the call fail. Nothing of the product
// knows about it.
//
//   RECANT_FAULT=kill:K      SIGKILL before change K, from 1
//   RECANT_FAULT=tear:K      the same, but half of a write is made first
//   RECANT_FAULT=ENOSPC:K    change K fails so, once; ENOSPC:K+ all from K on
//   RECANT_FAULT=EIO:K       likewise
//   RECANT_FAULT=ENOMEM:K    allocation K fails likewise
//   RECANT_FAULT_COUNT=FILE  how many changes and allocations there were
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

namespace {

enum class Action { kNone, kKill, kTear, kFail };

struct Plan {
  Action action = Action::kNone;
  bool allocations = false, for_good = false;
  int code = 0;
  long at = 0;
};

std::atomic<long> changes{0}, allocations{0};

Plan read_plan() {
  Plan plan;
  const char* text = getenv("RECANT_FAULT");
  if (text == nullptr) return plan;
  const char* colon = strchr(text, ':');
  if (colon == nullptr) return plan;
  plan.at = strtol(colon + 1, nullptr, 10);
  plan.for_good = text[strlen(text) - 1] == '+';
  const auto is = [&](const char* word) { return strncmp(text, word, strlen(word)) == 0; };
  plan.action = is("kill") ? Action::kKill : is("tear") ? Action::kTear : Action::kFail;
  plan.code = is("ENOSPC") ? ENOSPC : is("ENOMEM") ? ENOMEM : EIO;
  plan.allocations = is("ENOMEM");
  return plan;
}

const Plan& plan() {
  static const Plan read = read_plan();
  return read;
}

void die() {
  kill(getpid(), SIGKILL);
  pause();
}

/// Whether this is the change, or a later one of those that fail for good.
bool hit(long number) {
  return number == plan().at || (plan().for_good && number > plan().at);
}

/// Before a change: dies, or says that it must fail (errno is set).
bool fails() {
  const long number = ++changes;
  if (plan().allocations || plan().action == Action::kNone || !hit(number)) return false;
  if (plan().action == Action::kKill || plan().action == Action::kTear) die();
  errno = plan().code;
  return true;
}

bool is_terminal_stream(int file) {
  return file == STDOUT_FILENO || file == STDERR_FILENO;
}

/// A write that is torn: its first half is made, then the process dies.
bool tears(long next) {
  return plan().action == Action::kTear && next == plan().at;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct AtExit {
  ~AtExit() {
    const char* path = getenv("RECANT_FAULT_COUNT");
    if (path == nullptr) return;
    char text[64];
    const int length = snprintf(text, sizeof text, "%ld %ld\n", changes.load(), allocations.load());
    const int file = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file >= 0) {
      syscall(SYS_write, file, text, length);
      syscall(SYS_close, file);
    }
  }
} at_exit;

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  if (is_terminal_stream(file)) return syscall(SYS_write, file, bytes, count);
  if (tears(changes + 1)) {
    syscall(SYS_write, file, bytes, count / 2);
    die();
  }
  if (fails()) return -1;
  return syscall(SYS_write, file, bytes, count);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  if (fails()) return -1;
  return syscall(SYS_writev, file, parts, count);
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  if (tears(changes + 1)) {
    syscall(SYS_pwrite64, file, bytes, count / 2, at);
    die();
  }
  if (fails()) return -1;
  return syscall(SYS_pwrite64, file, bytes, count, at);
}
ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  return pwrite64(file, bytes, count, at);
}

int fsync(int file) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_fdatasync, file));
}
int ftruncate64(int file, off64_t size) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_ftruncate, file, size));
}
int ftruncate(int file, off_t size) {
  return ftruncate64(file, size);
}
int rename(const char* from, const char* to) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) {
  return fails()
             ? -1
             : static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int unlink(const char* path) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int unlinkat(int folder, const char* path, int flags) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_unlinkat, folder, path, flags));
}
int mkdir(const char* path, mode_t mode) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

void* malloc(size_t size) {
  static auto* const next = real<void*(size_t)>("malloc");
  const long number = ++allocations;
  if (plan().allocations && hit(number)) {
    errno = ENOMEM;
    return nullptr;
  }
  return next(size);
}

}  // extern "C"

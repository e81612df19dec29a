// SPDX-License-Identifier: Apache-2.0
// Preloaded into the command: numbers every operation that changes the disk, whoever makes it,
// SQLite included, and every message to a database server; at one of them kills the process or
// makes the call fail; and keeps a log of them with their data, from which disk_model.py makes what
// a loss of power may leave. Nothing of the product knows about it.
//
//   RECANT_FAULT=kill:K      SIGKILL before operation K, from 1
//   RECANT_FAULT=tear:K      the same, but half of a write or of a message is made first
//   RECANT_FAULT=sent:K      SIGKILL right after message K
//   RECANT_FAULT=cut:K       the connection ends right after message K
//   RECANT_FAULT=terminate:K right after message K the server's process for us gets SIGTERM;
//   crash:K                  SIGKILL; stop:K the server itself SIGQUIT, its immediate shutdown
//   RECANT_FAULT=ENOSPC:K    operation K fails so, once; ENOSPC:K+ all from K on. Likewise EIO,
//   ENOMEM, EROFS RECANT_FAULT=malloc:K    allocation K of main() fails; malloc:K+ all from K on
//   RECANT_FAULT_COUNT=FILE  how many operations and allocations there were, and how many of these
//   before the first and the last operation
//   RECANT_FAULT_LOG=FILE    the operations that were made: struct Record, then its texts
//   RECANT_FORK_SERVER=1     many runs: fork_server.hpp
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "fork_server.hpp"

namespace {

enum class Action { kNone, kKill, kTear, kFail, kSent, kCut, kTerminate, kCrash, kStop };

struct Plan {
  Action action = Action::kNone;
  bool allocations = false, for_good = false;
  int code = 0;
  long at = 0;
};

std::atomic<long> operations{0}, allocations{0};
std::atomic<long> first_at_work{0},
    last_at_work{0};  // allocations, at the first and last operation
std::atomic<bool> in_main{false};

Plan read_plan() {
  Plan plan;
  const char* text = getenv("RECANT_FAULT");
  if (text == nullptr) return plan;
  const char* colon = strchr(text, ':');
  if (colon == nullptr) return plan;
  plan.at = strtol(colon + 1, nullptr, 10);
  plan.for_good = text[strlen(text) - 1] == '+';
  const auto is = [&](const char* word) { return strncmp(text, word, strlen(word)) == 0; };
  plan.action = is("kill")        ? Action::kKill
                : is("tear")      ? Action::kTear
                : is("sent")      ? Action::kSent
                : is("cut")       ? Action::kCut
                : is("terminate") ? Action::kTerminate
                : is("crash")     ? Action::kCrash
                : is("stop")      ? Action::kStop
                                  : Action::kFail;
  plan.allocations = is("malloc");
  plan.code = is("ENOSPC") ? ENOSPC : is("EROFS") ? EROFS : is("EIO") ? EIO : ENOMEM;
  return plan;
}

const Plan& plan() {
  static const Plan read = read_plan();
  return read;
}

[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  while (true) pause();
}

/// Whether this is the one, or a later one of those that fail for good.
bool hit(long number) {
  return number == plan().at || (plan().for_good && number > plan().at);
}

/// Before an operation: dies, or says that it must fail (errno is set).
bool fails() {
  const long number = ++operations;
  if (number == 1) first_at_work = allocations.load();
  last_at_work = allocations.load();
  if (plan().allocations || plan().action == Action::kNone || !hit(number)) return false;
  if (plan().action == Action::kKill || plan().action == Action::kTear) die();
  if (plan().action != Action::kFail) return false;
  errno = plan().code;
  return true;
}

/// A write that is torn: its first half is made, then the process dies.
bool tears() {
  return plan().action == Action::kTear && operations + 1 == plan().at;
}

/// The C library's dlsym(), of which there is one below.
void* next_dlsym(void* library, const char* name) {
  static auto* const next = [] {
    void* found = nullptr;
    for (const char* version : {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"}) {
      if (found == nullptr) found = dlvsym(RTLD_NEXT, "dlsym", version);
    }
    return reinterpret_cast<void* (*)(void*, const char*)>(found);
  }();
  return next(library, name);
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(next_dlsym(RTLD_NEXT, name));
}

// ---- The log.

enum Kind : uint8_t {
  kCreate = 1,
  kWrite,
  kTruncate,
  kSync,
  kRename,
  kExchange,
  kUnlink,
  kMkdir,
  kRmdir,
  kLink,
  kMap,
  kMessage
};

struct __attribute__((packed)) Record {
  uint32_t operation;
  uint8_t kind;
  uint16_t path_bytes, other_bytes;
  uint64_t at;  // of a write: the offset; of a truncation: the size
  uint32_t data_bytes;
};

int log_file() {
  static const int file = [] {
    const char* path = getenv("RECANT_FAULT_LOG");
    return path == nullptr
               ? -1
               : static_cast<int>(syscall(SYS_openat, AT_FDCWD, path,
                                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }();
  return file;
}

/// A path of its own, without the heap.
struct Path {
  char text[PATH_MAX] = "";

  Path() = default;
  explicit Path(int file) { of_file(file); }
  Path(int folder, const char* name) {
    if (name[0] != '/') {
      if (folder == AT_FDCWD) {
        syscall(SYS_getcwd, text, sizeof text);
      } else {
        of_file(folder);
      }
      strncat(text, "/", sizeof text - strlen(text) - 1);
    }
    strncat(text, name, sizeof text - strlen(text) - 1);
  }

 private:
  void of_file(int file) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const long size = syscall(SYS_readlinkat, AT_FDCWD, link, text, sizeof text - 1);
    text[size < 0 ? 0 : size] = '\0';
  }
};

void log(Kind kind, const Path& path, const Path& other = {}, uint64_t at = 0,
         const void* data = nullptr, size_t bytes = 0) {
  if (log_file() < 0) return;
  const int code = errno;
  const Record record{
      static_cast<uint32_t>(operations.load()),  kind, static_cast<uint16_t>(strlen(path.text)),
      static_cast<uint16_t>(strlen(other.text)), at,   static_cast<uint32_t>(bytes)};
  const iovec parts[] = {{const_cast<Record*>(&record), sizeof record},
                         {const_cast<char*>(path.text), record.path_bytes},
                         {const_cast<char*>(other.text), record.other_bytes},
                         {const_cast<void*>(data), bytes}};
  syscall(SYS_writev, log_file(), parts, 4);
  errno = code;
}

// ---- What is an operation.

bool changes_disk(int file) {
  struct stat status {};
  return syscall(SYS_fstat, file, &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}
bool is_special(const char* path) {
  return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0 ||
         (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0);
}
bool exists(int folder, const char* path) {
  return syscall(SYS_faccessat, folder, path, F_OK) == 0;
}

ssize_t write_at(int file, const void* bytes, size_t count, off64_t at, bool moves) {
  const auto make = [&](size_t size) {
    return moves ? syscall(SYS_write, file, bytes, size)
                 : syscall(SYS_pwrite64, file, bytes, size, at);
  };
  if (!changes_disk(file)) return make(count);
  if (tears()) {
    make(count / 2);
    die();
  }
  if (fails()) return -1;
  const ssize_t made = make(count);
  if (made > 0)
    log(kWrite, Path(file), {}, static_cast<uint64_t>(at), bytes, static_cast<size_t>(made));
  return made;
}

/// Where the next write() of a file goes.
off64_t place_in(int file) {
  const bool appends = (syscall(SYS_fcntl, file, F_GETFL) & O_APPEND) != 0;
  return syscall(SYS_lseek, file, 0, appends ? SEEK_END : SEEK_CUR);
}

/// Copies what is left of `count` bytes; a place that is null is that of the file itself, and is
/// moved on.
ssize_t copy_bytes(int from, off64_t* from_at, int to, off64_t* to_at, size_t count) {
  static thread_local char piece[1 << 14];
  size_t made = 0;
  while (made < count) {
    const size_t wanted = std::min(count - made, sizeof piece);
    const off64_t place = from_at != nullptr ? *from_at : syscall(SYS_lseek, from, 0, SEEK_CUR);
    const ssize_t got = syscall(SYS_pread64, from, piece, wanted, place);
    if (got < 0 && made == 0) return -1;
    if (got <= 0) break;
    const auto size = static_cast<size_t>(got);
    const ssize_t put = to_at != nullptr ? write_at(to, piece, size, *to_at, false)
                                         : write_at(to, piece, size, place_in(to), true);
    if (put < 0 && made == 0) return -1;
    if (put <= 0) break;
    if (to_at != nullptr) *to_at += put;
    if (from_at != nullptr) {
      *from_at = place + put;
    } else {
      syscall(SYS_lseek, from, place + put, SEEK_SET);
    }
    made += static_cast<size_t>(put);
  }
  return static_cast<ssize_t>(made);
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
  const auto make = [&] {
    return static_cast<int>(syscall(SYS_openat, folder, path, flags | O_LARGEFILE, mode));
  };
  if (!writes || is_special(path)) return make();
  if (fails()) return -1;
  const bool there = exists(folder, path);
  const int file = make();
  if (file >= 0 && !there) log(kCreate, Path(file));
  if (file >= 0 && there && (flags & O_TRUNC) != 0) log(kTruncate, Path(file));
  return file;
}

FILE* open_stream(const char* function, const char* path, const char* mode) {
  auto* const next = real<FILE*(const char*, const char*)>(function);
  const bool writes = strpbrk(mode, "wa+") != nullptr;
  if (!writes || is_special(path)) return next(path, mode);
  if (fails()) return nullptr;
  const bool there = exists(AT_FDCWD, path);
  FILE* const stream = next(path, mode);
  if (stream != nullptr && !there) log(kCreate, Path(AT_FDCWD, path));
  if (stream != nullptr && there && mode[0] == 'w') log(kTruncate, Path(AT_FDCWD, path));
  return stream;
}

int sync_file(long call, int file) {
  if (!changes_disk(file)) return static_cast<int>(syscall(call, file));
  if (fails()) return -1;
  const int code = static_cast<int>(syscall(call, file));
  if (code == 0) log(kSync, Path(file));
  return code;
}

int rename_at(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (fails()) return -1;
  const Path before(from_folder, from), after(to_folder, to);
  const int code =
      static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
  if (code == 0) log((flags & RENAME_EXCHANGE) != 0 ? kExchange : kRename, before, after);
  return code;
}

int unlink_at(int folder, const char* path, int flags) {
  if (fails()) return -1;
  const Path gone(folder, path);
  const int code = static_cast<int>(syscall(SYS_unlinkat, folder, path, flags));
  if (code == 0) log((flags & AT_REMOVEDIR) != 0 ? kRmdir : kUnlink, gone);
  return code;
}

int mkdir_at(int folder, const char* path, mode_t mode) {
  if (fails()) return -1;
  const int code = static_cast<int>(syscall(SYS_mkdirat, folder, path, mode));
  if (code == 0) log(kMkdir, Path(folder, path));
  return code;
}

// ---- Messages to a server.

pid_t process_for_us = 0;  // the server's, of the connection that was made last
void* (*connect_to_server)(const char*) = nullptr;
int (*process_of_connection)(void*) = nullptr;

void* connect_and_note_process(const char* address) {
  void* const connection = connect_to_server(address);
  process_for_us = process_of_connection(connection);
  return connection;
}

/// The process that listens at the other end of a local socket.
pid_t server_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

void signal_process(pid_t process, int signal) {
  if (process > 1) kill(process, signal);
}

void after_message(int socket) {
  switch (plan().action) {
    case Action::kSent:
      die();
    case Action::kCut:
      shutdown(socket, SHUT_RDWR);
      break;
    case Action::kTerminate:
      signal_process(process_for_us, SIGTERM);
      break;
    case Action::kCrash:
      signal_process(process_for_us, SIGKILL);
      break;
    case Action::kStop:
      signal_process(server_of(socket), SIGQUIT);
      break;
    case Action::kNone:
    case Action::kKill:
    case Action::kTear:
    case Action::kFail:
      break;
  }
}

ssize_t send_message(int socket, const void* bytes, size_t count, int flags) {
  const auto make = [&](size_t size) {
    return syscall(SYS_sendto, socket, bytes, size, flags, nullptr, 0);
  };
  if (tears()) {
    make(count / 2);
    die();
  }
  if (plan().code != EROFS && fails()) {  // a file system has no say in it
    // One that cannot be sent is the end of a connection; libpq waits for the server to say so.
    shutdown(socket, SHUT_RDWR);
    return -1;
  }
  const long number = operations;
  const ssize_t made = make(count);
  if (made > 0) log(kMessage, {}, {}, 0, bytes, static_cast<size_t>(made));
  if (made > 0 && number == plan().at) after_message(socket);
  return made;
}

/// Whether this allocation must fail.
bool out_of_memory() {
  if (!in_main) return false;
  const long number = ++allocations;
  if (!plan().allocations || !hit(number)) return false;
  errno = ENOMEM;
  return true;
}

struct AtExit {
  ~AtExit() {
    const char* path = getenv("RECANT_FAULT_COUNT");
    if (path == nullptr) return;
    char text[128];
    const int length = snprintf(text, sizeof text, "%ld %ld %ld %ld\n", operations.load(),
                                allocations.load(), first_at_work.load(), last_at_work.load());
    const int file = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file >= 0) {
      syscall(SYS_write, file, text, length);
      syscall(SYS_close, file);
    }
  }
} at_exit;

int (*real_main)(int, char**, char**) = nullptr;
int counted_main(int count, char** arguments, char** environment) {
  in_main = true;
  const int code = real_main(count, arguments, environment);
  in_main = false;
  return code;
}
int counted_or_served_main(int count, char** arguments, char** environment) {
  return recant::test::is_fork_server() ? recant::test::serve_forks(arguments[0], counted_main)
                                        : counted_main(count, arguments, environment);
}

}  // namespace

extern "C" {

// What happens before main() and after it is not the product's to answer for.
int __libc_start_main(int (*main)(int, char**, char**), int count, char** arguments, void (*init)(),
                      void (*fini)(), void (*rtld_fini)(), void* stack_end) {
  real_main = main;
  return real<decltype(__libc_start_main)>("__libc_start_main")(
      counted_or_served_main, count, arguments, init, fini, rtld_fini, stack_end);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_at(AT_FDCWD, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_at(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_at(folder, path, flags, mode);
}
int creat(const char* path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
FILE* fopen(const char* path, const char* mode) {
  return open_stream("fopen", path, mode);
}
FILE* fopen64(const char* path, const char* mode) {
  return open_stream("fopen64", path, mode);
}

ssize_t write(int file, const void* bytes, size_t count) {
  return write_at(file, bytes, count, place_in(file), true);
}
ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  return write_at(file, bytes, count, at, false);
}
ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  return write_at(file, bytes, count, at, false);
}
// In parts, as the system may do it: each is an operation of its own.
ssize_t writev(int file, const struct iovec* parts, int count) {
  ssize_t made = 0;
  for (int i = 0; i < count; ++i) {
    if (parts[i].iov_len == 0) continue;
    const ssize_t one = write(file, parts[i].iov_base, parts[i].iov_len);
    if (one < 0) return made > 0 ? made : -1;
    made += one;
    if (static_cast<size_t>(one) < parts[i].iov_len) break;
  }
  return made;
}

// What the kernel copies from file to file, as writes of pieces: a copy can so end in its middle.
ssize_t sendfile64(int to, int from, off64_t* at, size_t count) {
  return copy_bytes(from, at, to, nullptr, count);
}
ssize_t sendfile(int to, int from, off_t* at, size_t count) {
  return copy_bytes(from, at, to, nullptr, count);
}
ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t count,
                        unsigned int) {
  return copy_bytes(from, from_at, to, to_at, count);
}

ssize_t send(int socket, const void* bytes, size_t count, int flags) {
  return send_message(socket, bytes, count, flags);
}
/// The program loads libpq itself and asks for its functions here.
void* dlsym(void* library, const char* name) noexcept {
  void* const found = next_dlsym(library, name);
  if (found == nullptr || strcmp(name, "PQconnectdb") != 0) return found;
  connect_to_server = reinterpret_cast<decltype(connect_to_server)>(found);
  process_of_connection =
      reinterpret_cast<decltype(process_of_connection)>(next_dlsym(library, "PQbackendPID"));
  return reinterpret_cast<void*>(connect_and_note_process);
}

int fsync(int file) {
  return sync_file(SYS_fsync, file);
}
int fdatasync(int file) {
  return sync_file(SYS_fdatasync, file);
}
int ftruncate64(int file, off64_t size) {
  if (fails()) return -1;
  const int code = static_cast<int>(syscall(SYS_ftruncate, file, size));
  if (code == 0) log(kTruncate, Path(file), {}, static_cast<uint64_t>(size));
  return code;
}
int ftruncate(int file, off_t size) {
  return ftruncate64(file, size);
}
// Only reserves: what is read there is what a longer file reads.
int fallocate64(int file, int mode, off64_t at, off64_t size) {
  return fails() ? -1 : static_cast<int>(syscall(SYS_fallocate, file, mode, at, size));
}
int fallocate(int file, int mode, off_t at, off_t size) {
  return fallocate64(file, mode, at, size);
}
int posix_fallocate64(int file, off64_t at, off64_t size) {
  return fallocate64(file, 0, at, size) == 0 ? 0 : errno;
}
int posix_fallocate(int file, off_t at, off_t size) {
  return posix_fallocate64(file, at, size);
}

int rename(const char* from, const char* to) {
  return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return rename_at(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) {
  return rename_at(from_folder, from, to_folder, to, flags);
}
int link(const char* from, const char* to) {
  if (fails()) return -1;
  const int code = static_cast<int>(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
  if (code == 0) log(kLink, Path(AT_FDCWD, from), Path(AT_FDCWD, to));
  return code;
}
int unlink(const char* path) {
  return unlink_at(AT_FDCWD, path, 0);
}
int unlinkat(int folder, const char* path, int flags) {
  return unlink_at(folder, path, flags);
}
int rmdir(const char* path) {
  return unlink_at(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char* path) {
  struct stat status {};
  const bool folder = syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                      S_ISDIR(status.st_mode);
  return unlink_at(AT_FDCWD, path, folder ? AT_REMOVEDIR : 0);
}
int mkdir(const char* path, mode_t mode) {
  return mkdir_at(AT_FDCWD, path, mode);
}
int mkdirat(int folder, const char* path, mode_t mode) {
  return mkdir_at(folder, path, mode);
}

void* mmap64(void* wanted, size_t size, int protection, int flags, int file, off64_t at) {
  const auto make = [&] {
    return reinterpret_cast<void*>(syscall(SYS_mmap, wanted, size, protection, flags, file, at));
  };
  if ((flags & MAP_ANONYMOUS) != 0 || file < 0 || !changes_disk(file)) return make();
  const bool writes = (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0;
  // Also one that only reads can fail, but not because the file system is read-only.
  const bool may_fail = writes || plan().code != EROFS;
  if (may_fail && fails()) return MAP_FAILED;
  void* const mapped = make();
  if (mapped != MAP_FAILED && writes) log(kMap, Path(file));
  return mapped;
}
void* mmap(void* wanted, size_t size, int protection, int flags, int file, off_t at) {
  return mmap64(wanted, size, protection, flags, file, at);
}

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  return out_of_memory() ? nullptr : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  return out_of_memory() ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  return out_of_memory() ? nullptr : __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  return out_of_memory() ? nullptr : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  void* const made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *out = made;
  return 0;
}

}  // extern "C"

// SPDX-License-Identifier: Apache-2.0
// Stands between the program and the C library: every sync that anything in this process asks for,
// SQLite's too, is counted and then done. Preloaded into another program (bench/requests), it
// writes how many there were to the file that RECANT_SYNCS names when that program ends.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<long> count{0};

int counted(long call, int file) noexcept {
  ++count;
  return static_cast<int>(::syscall(call, file));
}

[[gnu::destructor]] void write_count() {
  const char* path = std::getenv("RECANT_SYNCS");
  if (path == nullptr) return;
  if (std::FILE* file = std::fopen(path, "w")) {
    std::fprintf(file, "%ld\n", count.load());
    std::fclose(file);
  }
}

}  // namespace

extern "C" {

long recant_bench_syncs() {
  return count;
}
int fsync(int file) {
  return counted(SYS_fsync, file);
}
int fdatasync(int file) {
  return counted(SYS_fdatasync, file);
}
}

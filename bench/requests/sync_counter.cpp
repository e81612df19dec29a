// SPDX-License-Identifier: Apache-2.0
// Preloaded into a command: counts the calls that wait for the disk, SQLite's included, and at its
// end writes the number into the file that SYNC_COUNT names.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<long> syncs{0};

struct Count {
  ~Count() {
    const char* const name = std::getenv("SYNC_COUNT");
    std::FILE* const file = name != nullptr ? std::fopen(name, "w") : nullptr;
    if (file == nullptr) return;
    std::fprintf(file, "%ld\n", syncs.load());
    std::fclose(file);
  }
} const count;

int counted(const char* name, int file) {
  ++syncs;
  return reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) {
  return counted("fsync", file);
}
extern "C" int fdatasync(int file) {
  return counted("fdatasync", file);
}

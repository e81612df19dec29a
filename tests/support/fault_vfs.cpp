// SPDX-License-Identifier: Apache-2.0
#include "fault_vfs.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

namespace recant::test {
namespace {

sqlite3_vfs* system_vfs = nullptr;
sqlite3_mem_methods system_memory;
FaultVfs* harness = nullptr;

/// An open file: the real one lies behind it in the same memory.
struct FaultFile {
  sqlite3_file base;
  std::string* path;
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(FaultFile) % alignof(void*) == 0);

FaultFile* of(sqlite3_file* file) {
  return reinterpret_cast<FaultFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return of(file)->real();
}

}  // namespace

/// The functions that SQLite calls.
struct VfsCalls {
  /// Whether the call has to fail; sets what the system is said to have answered.
  static std::optional<Failure> strikes(Operation operation) {
    const auto failure = harness->points.next(operation);
    if (failure) harness->error_ = *failure == Failure::kNoSpace ? ENOSPC : EIO;
    return failure;
  }
  static bool recorded(sqlite3_file* file) {
    return of(file)->path != nullptr && harness->recorded(*of(file)->path);
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    file->pMethods = nullptr;
    if (strikes(Operation::kOpen)) return SQLITE_CANTOPEN;
    const int code = system_vfs->xOpen(system_vfs, name, real(file), flags, out);
    if (code != SQLITE_OK) return code;
    file->pMethods = &methods();
    of(file)->path = name != nullptr ? new std::string(name) : nullptr;
    return SQLITE_OK;
  }
  static int close(sqlite3_file* file) {
    delete of(file)->path;
    return real(file)->pMethods->xClose(real(file));
  }
  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
    const int code = real(file)->pMethods->xRead(real(file), to, count, at);
    if (harness->at_read && of(file)->path != nullptr) {
      harness->at_read(*of(file)->path, at,
                       {static_cast<char*>(to), static_cast<std::size_t>(count)});
    }
    return code;
  }
  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
    const auto failure = strikes(Operation::kWrite);
    const int written = !failure ? count : *failure == Failure::kHalfWrite ? count / 2 : 0;
    if (written > 0) {
      if (recorded(file)) {
        harness->unsynced_.write(
            *of(file)->path, static_cast<std::size_t>(at),
            {static_cast<const char*>(from), static_cast<std::size_t>(written)});
      }
      const int code = real(file)->pMethods->xWrite(real(file), from, written, at);
      if (code != SQLITE_OK) return code;
    }
    if (!failure) return SQLITE_OK;
    return *failure == Failure::kNoSpace ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (strikes(Operation::kTruncate)) return SQLITE_IOERR_TRUNCATE;
    if (recorded(file)) {
      harness->unsynced_.truncate(*of(file)->path, static_cast<std::size_t>(size));
    }
    return real(file)->pMethods->xTruncate(real(file), size);
  }
  static int sync(sqlite3_file* file, int) {
    if (strikes(Operation::kSync)) return SQLITE_IOERR_FSYNC;
    if (recorded(file)) {
      if (harness->at_sync_) harness->at_sync_();
      harness->unsynced_.sync(*of(file)->path);
    }
    return SQLITE_OK;
  }
  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    return real(file)->pMethods->xFileSize(real(file), size);
  }
  static int lock(sqlite3_file* file, int level) {
    return real(file)->pMethods->xLock(real(file), level);
  }
  static int unlock(sqlite3_file* file, int level) {
    return real(file)->pMethods->xUnlock(real(file), level);
  }
  static int check_lock(sqlite3_file* file, int* held) {
    return real(file)->pMethods->xCheckReservedLock(real(file), held);
  }
  static int control(sqlite3_file* file, int what, void* argument) {
    return real(file)->pMethods->xFileControl(real(file), what, argument);
  }
  static int sector_size(sqlite3_file* file) {
    return real(file)->pMethods->xSectorSize(real(file));
  }
  static int characteristics(sqlite3_file* file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
  }
  static int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
    if (strikes(Operation::kMap)) return SQLITE_IOERR_SHMMAP;
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, to);
  }
  static int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
  }
  static void barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
  static int unmap_shared(sqlite3_file* file, int remove) {
    return real(file)->pMethods->xShmUnmap(real(file), remove);
  }
  static int remove(sqlite3_vfs*, const char* name, int sync_folder) {
    if (strikes(Operation::kRemove)) return SQLITE_IOERR_DELETE;
    if (harness->recorded(name)) harness->unsynced_.remove(name);
    return system_vfs->xDelete(system_vfs, name, sync_folder);
  }
  static void* allocate(int size) {
    return strikes(Operation::kAllocate) ? nullptr : system_memory.xMalloc(size);
  }
  static void* reallocate(void* memory, int size) {
    return strikes(Operation::kAllocate) ? nullptr : system_memory.xRealloc(memory, size);
  }
  static int last_error(sqlite3_vfs*, int, char*) { return harness->error_; }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods all = {
        .iVersion = 2,  // no mapped pages: they would be written behind our back
        .xClose = close,
        .xRead = read,
        .xWrite = write,
        .xTruncate = truncate,
        .xSync = sync,
        .xFileSize = file_size,
        .xLock = lock,
        .xUnlock = unlock,
        .xCheckReservedLock = check_lock,
        .xFileControl = control,
        .xSectorSize = sector_size,
        .xDeviceCharacteristics = characteristics,
        .xShmMap = map_shared,
        .xShmLock = lock_shared,
        .xShmBarrier = barrier,
        .xShmUnmap = unmap_shared,
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
    return all;
  }
};

FaultVfs& FaultVfs::install() {
  if (harness != nullptr) return *harness;
  harness = new FaultVfs;
  sqlite3_shutdown();  // memory can be changed only before it starts
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
  sqlite3_mem_methods memory = system_memory;
  memory.xMalloc = VfsCalls::allocate;
  memory.xRealloc = VfsCalls::reallocate;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
  sqlite3_initialize();
  system_vfs = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = *system_vfs;  // what is not named here goes straight to the system
  vfs.zName = "recant-faults";
  vfs.pNext = nullptr;
  vfs.szOsFile = static_cast<int>(sizeof(FaultFile)) + system_vfs->szOsFile;
  vfs.xOpen = VfsCalls::open;
  vfs.xDelete = VfsCalls::remove;
  vfs.xGetLastError = VfsCalls::last_error;
  if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) throw std::runtime_error("no fault VFS");
  return *harness;
}

void FaultVfs::record(std::string prefix, std::function<void()> at_sync) {
  unsynced_ = {};
  prefix_ = std::move(prefix);
  at_sync_ = std::move(at_sync);
  const std::filesystem::path path(prefix_);
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
    const std::string name = entry.path().string();
    if (!name.starts_with(prefix_) || name.ends_with("-shm")) continue;
    std::ifstream file(name, std::ios::binary);
    unsynced_.holds(name, {std::istreambuf_iterator<char>(file), {}});
  }
}

}  // namespace recant::test

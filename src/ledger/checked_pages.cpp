// SPDX-License-Identifier: Apache-2.0
#include "checked_pages.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <vector>

#include "chain.hpp"
#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::size_t kSummedBytes = kPageBytes - kSumBytes;
constexpr std::int64_t kPageSize = kPageBytes;
/// On its bytes lie SQLite's locks: it is never read or written (sqlite.org/fileformat2.html, 1.4).
constexpr std::int64_t kLockPage = 0x40000000 / kPageSize + 1;
/// Of the locks of a -wal, those of readers; the first means: nothing is read from the -wal
/// (sqlite.org/walformat.html, 2.3).
constexpr int kFirstReadLock = 3;

using Page = std::array<std::uint8_t, kPageBytes>;
sqlite3_vfs* system_vfs = nullptr;

/// A ledger's main file: that of the system lies behind it in the same memory.
struct CheckedFile {
  sqlite3_file base;
  bool immutable;             ///< nobody writes to it, and nothing is locked
  int read_lock;              ///< which of a reader's locks is held; -1: none
  bool index_is_own;          ///< of the -wal: that of all processes cannot be made here
  std::int64_t damaged_page;  ///< 0: none was read
  std::vector<bool> sound;    ///< which pages the sum of was right, in this transaction
  [[nodiscard]] sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(CheckedFile) % alignof(void*) == 0);

CheckedFile* of(sqlite3_file* file) {
  return reinterpret_cast<CheckedFile*>(file);
}
sqlite3_file* system(sqlite3_file* file) {
  return of(file)->system();
}

std::array<std::uint8_t, kSumBytes> sum_of(std::int64_t number, const std::uint8_t* page) {
  const Digest digest =
      DomainHash("recant.page/1").integer(number).bytes({page, kSummedBytes}).finish();
  std::array<std::uint8_t, kSumBytes> sum;
  std::copy_n(digest.begin(), kSumBytes, sum.begin());
  return sum;
}

/// Whether a page is as it was written, and the first says that there are sums.
bool is_sound(std::int64_t number, const std::uint8_t* page) {
  constexpr std::size_t kReserved = 20;
  if (number == 1 && page[kReserved] != kSumBytes) return false;
  const auto sum = sum_of(number, page);
  return std::equal(sum.begin(), sum.end(), page + kSummedBytes);
}

/// Whoever opens a file without a -wal reads the first page before it has a lock of a reader, while
/// another process may make a -wal and move it into the file. SQLite then looks at nothing but that
/// the page asks for a -wal, which it opens, and reads the page again.
bool is_read_again(const CheckedFile& file, std::int64_t number, const std::uint8_t* page) {
  constexpr std::size_t kWriteVersion = 18, kReadVersion = 19;
  constexpr std::uint8_t kWal = 2;
  return number == 1 && file.read_lock < 0 && !file.immutable && page[kWriteVersion] == kWal &&
         page[kReadVersion] == kWal;
}

/// In one transaction SQLite reads a page as often as its memory is short, and nobody may change
/// it. Without locks that is as long as the file is open.
bool is_known(const CheckedFile& file, std::int64_t number) {
  return static_cast<std::size_t>(number) < file.sound.size() &&
         file.sound[static_cast<std::size_t>(number)];
}
void remember(CheckedFile& file, std::int64_t number) {
  if (file.read_lock < 0 && !file.immutable) return;
  const auto at = static_cast<std::size_t>(number);
  try {
    if (at >= file.sound.size()) file.sound.resize(at + at / 2 + 1);
    file.sound[at] = true;
  } catch (const std::bad_alloc&) {  // then it is compared again
  }
}

int read_page(sqlite3_file* file, std::int64_t number, std::uint8_t* page) {
  const int code =
      system(file)->pMethods->xRead(system(file), page, kPageBytes, (number - 1) * kPageSize);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
  if (code == SQLITE_OK && (is_known(*of(file), number) || is_sound(number, page))) {
    remember(*of(file), number);
    return SQLITE_OK;
  }
  if (is_read_again(*of(file), number, page)) return code;
  if (of(file)->damaged_page == 0) of(file)->damaged_page = number;
  return SQLITE_IOERR_DATA;
}

/// What is cut off would stay in free blocks of the disk; `secure_delete` reaches only what stays.
int overwrite_end(sqlite3_file* file, sqlite3_int64 from) {
  sqlite3_int64 size = 0;
  if (const int code = system(file)->pMethods->xFileSize(system(file), &size); code != SQLITE_OK) {
    return code;
  }
  if (size <= from) return SQLITE_OK;
  static constexpr Page kZeros{};
  for (sqlite3_int64 at = from; at < size; at += kPageSize) {
    const int count = static_cast<int>(std::min<sqlite3_int64>(kPageSize, size - at));
    const int code = system(file)->pMethods->xWrite(system(file), kZeros.data(), count, at);
    if (code != SQLITE_OK) return code;
  }
  return system(file)->pMethods->xSync(system(file), SQLITE_SYNC_NORMAL);
}

// ---- The functions that SQLite calls.

int close(sqlite3_file* file) {
  of(file)->sound.~vector();
  return system(file)->pMethods->xClose(system(file));
}

int read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
  // By the header SQLite learns the size of a page, with which it then reads the first.
  if (at + count <= static_cast<std::int64_t>(kHeaderBytes)) {
    return system(file)->pMethods->xRead(system(file), to, count, at);
  }
  const std::int64_t number = at / kPageSize + 1, offset = at % kPageSize;
  if (offset + count > kPageSize) {  // no ledger has pages of another size
    of(file)->damaged_page = number;
    return SQLITE_IOERR_DATA;
  }
  if (count == kPageSize) return read_page(file, number, static_cast<std::uint8_t*>(to));
  Page page;
  const int code = read_page(file, number, page.data());
  if (code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ) {
    std::memcpy(to, page.data() + offset, static_cast<std::size_t>(count));
  }
  return code;
}

int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
  if (count != kPageSize || at % kPageSize != 0) return SQLITE_IOERR_WRITE;
  Page page;  // SQLite's own is not ours to change
  std::memcpy(page.data(), from, kPageBytes);
  write_page_sum(static_cast<std::uint32_t>(at / kPageSize + 1), page);
  return system(file)->pMethods->xWrite(system(file), page.data(), count, at);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = overwrite_end(file, size); code != SQLITE_OK) return code;
  return system(file)->pMethods->xTruncate(system(file), size);
}

int sync(sqlite3_file* file, int flags) {
  return system(file)->pMethods->xSync(system(file), flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return system(file)->pMethods->xFileSize(system(file), size);
}
int lock(sqlite3_file* file, int level) {
  return system(file)->pMethods->xLock(system(file), level);
}
int unlock(sqlite3_file* file, int level) {
  return system(file)->pMethods->xUnlock(system(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return system(file)->pMethods->xCheckReservedLock(system(file), held);
}
int control(sqlite3_file* file, int what, void* argument) {
  return system(file)->pMethods->xFileControl(system(file), what, argument);
}
int sector_size(sqlite3_file* file) {
  return system(file)->pMethods->xSectorSize(system(file));
}
int characteristics(sqlite3_file* file) {
  return system(file)->pMethods->xDeviceCharacteristics(system(file));
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** to) {
  const int code = system(file)->pMethods->xShmMap(system(file), page, size, extend, to);
  of(file)->index_is_own = code == SQLITE_READONLY_CANTINIT;
  return code;
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  const int code = system(file)->pMethods->xShmLock(system(file), offset, count, flags);
  if (code == SQLITE_OK && (flags & SQLITE_SHM_SHARED) != 0 && offset >= kFirstReadLock) {
    of(file)->read_lock = (flags & SQLITE_SHM_LOCK) != 0 ? offset - kFirstReadLock : -1;
    of(file)->sound.clear();
  }
  return code;
}

void barrier(sqlite3_file* file) {
  system(file)->pMethods->xShmBarrier(system(file));
}
int unmap_shared(sqlite3_file* file, int remove) {
  return system(file)->pMethods->xShmUnmap(system(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,  // no mapped pages: they would be read behind our back
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

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) {
    return system_vfs->xOpen(system_vfs, name, file, flags, out);
  }
  file->pMethods = nullptr;
  const int code = system_vfs->xOpen(system_vfs, name, system(file), flags, out);
  if (code != SQLITE_OK) return code;
  new (file) CheckedFile{.base = {&kMethods},
                         .immutable = sqlite3_uri_boolean(name, "immutable", 0) != 0,
                         .read_lock = -1,
                         .index_is_own = false,
                         .damaged_page = 0,
                         .sound = {}};
  return SQLITE_OK;
}

CheckedFile& file_of(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file == nullptr || file->pMethods != &kMethods) {
    throw InternalError("a ledger was opened without the sums of its pages");
  }
  return *of(file);
}

}  // namespace

const char* checked_pages_vfs() {
  // A process may hold this code twice, as two libraries; SQLite, which they share, knows a VFS by
  // its name, and each has functions of its own.
  // Both stay as long as the process, in which SQLite may be used after everything else ended.
  static std::array<char, 40> name{};
  static sqlite3_vfs vfs = [] {
    start_sodium();  // what is called by SQLite cannot throw
    sqlite3_initialize();
    system_vfs = sqlite3_vfs_find(nullptr);
    if (system_vfs == nullptr) throw DataError("there is not enough memory for the ledger");
    sqlite3_vfs made = *system_vfs;  // what is not named here goes straight to the system
    fmt::format_to_n(name.data(), name.size() - 1, "recant-pages-{}", fmt::ptr(&system_vfs));
    made.zName = name.data();
    made.pNext = nullptr;
    made.szOsFile = static_cast<int>(sizeof(CheckedFile)) + system_vfs->szOsFile;
    made.xOpen = open;
    return made;
  }();
  static const int code = sqlite3_vfs_register(&vfs, 0);
  if (code != SQLITE_OK) throw DataError("there is not enough memory for the ledger");
  return vfs.zName;
}

int make_checked_pages(sqlite3* connection) {
  const auto run = [&](const char* sql) {
    return sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
  };
  if (const int code = run("PRAGMA page_size = 4096"); code != SQLITE_OK) return code;
  int reserved = kSumBytes;
  const int code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
  return code != SQLITE_OK ? code : run("PRAGMA auto_vacuum = FULL");
}

void write_page_sum(std::uint32_t number, std::span<std::uint8_t, kPageBytes> page) {
  const auto sum = sum_of(number, page.data());
  std::copy(sum.begin(), sum.end(), page.begin() + kSummedBytes);
}

int read_header(sqlite3* connection, std::span<std::uint8_t, kHeaderBytes> header) {
  sqlite3_file* const file = file_of(connection).system();
  const int code = file->pMethods->xRead(file, header.data(), kHeaderBytes, 0);
  return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
}

std::int64_t damaged_page(sqlite3* connection) {
  return file_of(connection).damaged_page;
}

std::optional<std::string> fault_outside_pages(sqlite3* connection, std::int64_t pages) {
  CheckedFile& file = file_of(connection);
  // With the first of a reader's locks all is read from the file, and nobody moves a -wal into it;
  // but whoever has an index of its own reads from the -wal too.
  const bool alone = file.immutable || (file.read_lock == 0 && !file.index_is_own);
  if (!alone) return std::nullopt;
  sqlite3_int64 size = 0;
  if (file.system()->pMethods->xFileSize(file.system(), &size) != SQLITE_OK) {
    throw DataError("the size of the ledger cannot be read");
  }
  if (size != pages * kPageSize) {
    return fmt::format("has {} bytes, and its pages {}", size, pages * kPageSize);
  }
  if (pages < kLockPage) return std::nullopt;
  Page page;
  const int code = file.system()->pMethods->xRead(file.system(), page.data(), kPageBytes,
                                                  (kLockPage - 1) * kPageSize);
  if (code == SQLITE_OK && std::ranges::all_of(page, [](auto byte) { return byte == 0; })) {
    return std::nullopt;
  }
  return fmt::format("page {} is not empty", kLockPage);
}

}  // namespace recant

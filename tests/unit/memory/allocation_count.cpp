// SPDX-License-Identifier: Apache-2.0
#include "allocation_count.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <map>
#include <mutex>

// The C library's allocator under its own names: operator new and Eigen end here. What it maps
// itself does not come to mmap below.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

class Count {
 public:
  void add(std::size_t bytes) noexcept {
    const std::size_t total = now_.fetch_add(bytes) + bytes;
    std::size_t seen = peak_.load();
    while (seen < total && !peak_.compare_exchange_weak(seen, total)) {
    }
  }
  void remove(std::size_t bytes) noexcept { now_.fetch_sub(bytes); }
  void forget_peak() noexcept { peak_ = now_.load(); }
  [[nodiscard]] std::size_t now() const noexcept { return now_; }
  [[nodiscard]] std::size_t peak() const noexcept { return peak_; }

 private:
  std::atomic<std::size_t> now_{0}, peak_{0};
};

constinit Count heap, all;

void* added(void* block) noexcept {
  if (block == nullptr) return block;
  const std::size_t bytes = malloc_usable_size(block);
  heap.add(bytes);
  all.add(bytes);
  return block;
}

void removed(void* block) noexcept {
  if (block == nullptr) return;
  const std::size_t bytes = malloc_usable_size(block);
  heap.remove(bytes);
  all.remove(bytes);
}

/// Anonymous pages that can be written, by their addresses.
class Mappings {
 public:
  void add(const void* at, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    ends_[address(at)] = address(at) + bytes;
    all.add(bytes);
  }

  /// Whatever is mapped there is not any more.
  void remove(const void* at, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::uintptr_t begin = address(at), end = begin + bytes;
    auto next = ends_.upper_bound(begin);
    if (next != ends_.begin()) --next;
    while (next != ends_.end() && next->first < end) {
      const auto [first, last] = *next;
      if (last <= begin) {
        ++next;
        continue;
      }
      next = ends_.erase(next);
      if (first < begin) ends_[first] = begin;
      if (last > end) ends_[end] = last;
      all.remove(std::min(last, end) - std::max(first, begin));
    }
  }

  [[nodiscard]] bool holds(const void* at) {
    const std::lock_guard lock(mutex_);
    return ends_.contains(address(at));
  }

 private:
  static std::uintptr_t address(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

  std::mutex mutex_;
  std::map<std::uintptr_t, std::uintptr_t> ends_;
};

/// Made at the first use: libraries map memory before this program's own variables are made.
Mappings& mappings() {
  static auto* const one = new Mappings;
  return *one;
}

std::size_t whole_pages(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

void* mapped(long result) noexcept {
  return reinterpret_cast<void*>(result);
}

}  // namespace

namespace recant::test {

std::size_t allocated_bytes() noexcept {
  return all.now();
}
std::size_t allocation_peak() noexcept {
  return all.peak();
}
std::size_t heap_bytes() noexcept {
  return heap.now();
}
std::size_t heap_peak() noexcept {
  return heap.peak();
}
void forget_allocation_peaks() noexcept {
  heap.forget_peak();
  all.forget_peak();
}

}  // namespace recant::test

extern "C" {

void* malloc(std::size_t bytes) {
  return added(__libc_malloc(bytes));
}
void* calloc(std::size_t count, std::size_t bytes) {
  return added(__libc_calloc(count, bytes));
}
void* realloc(void* block, std::size_t bytes) {
  removed(block);
  void* const moved = __libc_realloc(block, bytes);
  if (moved == nullptr && bytes > 0) return added(block), nullptr;  // the old block is still there
  return added(moved);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  return added(__libc_memalign(alignment, bytes));
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return added(__libc_memalign(alignment, bytes));
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  void* const found = __libc_memalign(alignment, bytes);
  if (found == nullptr) return ENOMEM;
  *block = added(found);
  return 0;
}
void free(void* block) {
  removed(block);
  __libc_free(block);
}

void* mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
  void* const found = mapped(::syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
  if (found == MAP_FAILED) return found;
  mappings().remove(found, whole_pages(bytes));  // MAP_FIXED puts it in the place of others
  if ((flags & MAP_ANONYMOUS) != 0 && (protection & PROT_WRITE) != 0) {
    mappings().add(found, whole_pages(bytes));
  }
  return found;
}
void* mmap64(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
  return mmap(at, bytes, protection, flags, file, offset);
}
int munmap(void* at, std::size_t bytes) {
  const auto failed = static_cast<int>(::syscall(SYS_munmap, at, bytes));
  if (failed == 0) mappings().remove(at, whole_pages(bytes));
  return failed;
}
void* mremap(void* at, std::size_t bytes, std::size_t wanted, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  void* const place = (flags & MREMAP_FIXED) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  const bool counted = mappings().holds(at);
  void* const found = mapped(::syscall(SYS_mremap, at, bytes, wanted, flags, place));
  if (found == MAP_FAILED || !counted) return found;
  mappings().remove(at, whole_pages(bytes));
  mappings().add(found, whole_pages(wanted));
  return found;
}
}

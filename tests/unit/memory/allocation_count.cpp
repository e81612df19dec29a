// SPDX-License-Identifier: Apache-2.0
#include "allocation_count.hpp"

#include <malloc.h>

#include <atomic>
#include <cerrno>

// The C library's allocator under its own names: operator new, Eigen and OpenBLAS all end here.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

std::atomic<std::size_t> now{0}, peak{0};

void* added(void* block) noexcept {
  if (block == nullptr) return block;
  const std::size_t bytes = malloc_usable_size(block), total = now.fetch_add(bytes) + bytes;
  std::size_t seen = peak.load();
  while (seen < total && !peak.compare_exchange_weak(seen, total)) {
  }
  return block;
}

void removed(void* block) noexcept {
  if (block != nullptr) now.fetch_sub(malloc_usable_size(block));
}

}  // namespace

namespace recant::test {

std::size_t allocated_bytes() noexcept {
  return now;
}
std::size_t allocation_peak() noexcept {
  return peak;
}
void forget_allocation_peak() noexcept {
  peak = now.load();
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
}

// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/blas_buffers.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "blas.hpp"

// In no header of OpenBLAS.
extern "C" {
[[gnu::weak]] void* blas_memory_alloc(int place);
[[gnu::weak]] void blas_memory_free(void* buffer);
}

namespace recant {
namespace {

/// What OpenBLAS 0.3 asks for, and some pages around it.
constexpr std::size_t kBufferBytes = std::size_t{129} << 20;
/// OpenBLAS has places for as many, whatever processors it was built for.
constexpr int kMostBuffers = 50;

bool can_map(std::size_t bytes) {
  void* found = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) return false;
  ::munmap(found, bytes);
  return true;
}

}  // namespace

bool address_space_is_limited() noexcept {
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) return true;
  }
  return false;
}

int take_blas_buffers(int callers) {
  if (blas_memory_alloc == nullptr || blas_memory_free == nullptr) return callers;
  static std::mutex mutex;
  static int taken = 0;
  const std::lock_guard lock(mutex);
  if (taken > 0) return taken;  // some may be in use: then OpenBLAS would look for new ones
  std::vector<void*> buffers;
  const auto count = [&] { return std::ssize(buffers); };
  while (count() < std::min(callers, kMostBuffers) &&
         can_map(kBufferBytes * static_cast<std::size_t>(count() == 0 ? 1 : count() + 2))) {
    buffers.push_back(blas_memory_alloc(0));
  }
  for (void* buffer : buffers) blas_memory_free(buffer);
  taken = static_cast<int>(count());
  return taken;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// How the libraries behind this stage start.
#include <hwy/nanobenchmark.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "blas.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/blas_buffers.hpp"
#include "recant/linalg/blas_threads.hpp"

// In no header of OpenBLAS, which calls it itself before a fork.
extern "C" [[gnu::weak]] int blas_thread_shutdown_();

/// Beside the choice of an instruction set, which is what it is for here, Highway's library holds a
/// tool that measures functions. Whenever the library is loaded that asks the clock again and again
/// for its resolution: a third of what the shortest command took. This answer comes before the
/// library's own, and nobody here measures with that tool.
std::uint64_t hwy::platform::TimerResolution() {
  return 1;
}

#if defined(__x86_64__)
// Of an OpenBLAS that holds the kernels of several processors; others have no such thing.
extern "C" {
[[gnu::weak]] void gotoblas_dynamic_init();
[[gnu::weak]] void gotoblas_dynamic_quit();
}

namespace recant {
namespace {

/// OpenBLAS knows processors by their number. For one of Intel's that is newer than itself it falls
/// back to kernels of 2004, two to four times as slow as what the processor can do. Where it has,
/// and OPENBLAS_CORETYPE leaves the choice to us, it chooses again as if it had been told which: of
/// those with AVX2 these are the fastest at triangular solves of a hundred columns. Done when the
/// program starts, before there are other threads.
bool choose_blas_kernels() {
  constexpr std::array<std::string_view, 6> kWide = {"Haswell",  "Zen",        "Excavator",
                                                     "SkylakeX", "Cooperlake", "SapphireRapids"};
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  __builtin_cpu_init();
  const bool able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool wide =
      std::ranges::find(kWide, std::string_view(openblas_get_corename())) != kWide.end();
  const bool can_choose = gotoblas_dynamic_init != nullptr && gotoblas_dynamic_quit != nullptr;
  if (!able || wide || !can_choose || std::getenv(kVariable) != nullptr) return false;
  ::setenv(kVariable, "Haswell", 0);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  ::unsetenv(kVariable);
  return true;
}

const bool blas_kernels_chosen = choose_blas_kernels();

}  // namespace
}  // namespace recant
#endif

namespace recant {

void single_threaded_blas() {
  static const bool ready = [] {
    if (openblas_get_parallel() == 0) {
      throw InternalError("the serial build of OpenBLAS is not safe to call from several threads",
                          "OpenBLAS", "install its pthread or OpenMP build (libopenblas0-pthread)");
    }
    if (openblas_get_num_threads() != 1) openblas_set_num_threads(1);
    if (address_space_is_limited() && take_blas_buffers(1) == 0) {
      throw DataError("there is not enough memory for a buffer of OpenBLAS", {},
                      "raise the limit on address space (ulimit -v)");
    }
    return true;
  }();
  static_cast<void>(ready);
}

void stop_blas_threads() {
  constexpr int kPthreadBuild = 1;  // that with OpenMP starts its threads when they are needed
  if (blas_thread_shutdown_ == nullptr || openblas_get_parallel() != kPthreadBuild) return;
  openblas_set_num_threads(1);  // first: without its threads a later OpenBLAS would start them here
  blas_thread_shutdown_();
}

}  // namespace recant

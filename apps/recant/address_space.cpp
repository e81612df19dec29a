// SPDX-License-Identifier: Apache-2.0
#include "address_space.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "recant/core/threads.hpp"
#include "recant/linalg/blas_buffers.hpp"
#include "recant/linalg/blas_threads.hpp"

namespace recant::app {

void leave_out_blas_threads(char** argv) {
  if (!address_space_is_limited()) return stop_blas_threads();
  constexpr const char* kVariable = "OPENBLAS_NUM_THREADS";
  const char* value = std::getenv(kVariable);
  if (value != nullptr && value == std::string_view("1")) return;
  if (::getauxval(AT_BASE) == 0) return;  // started through the loader, which that would start
  if (::setenv(kVariable, "1", 1) != 0) return;
  // Under its own name, which lists of processes show. Where that fails all goes on as it was.
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) ::execv(self.c_str(), argv);
}

void use_as_many_threads_as_fit() {
  if (!address_space_is_limited()) return;
  set_threads(std::max(1, take_blas_buffers(threads())));
}

}  // namespace recant::app

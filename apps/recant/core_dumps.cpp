// SPDX-License-Identifier: Apache-2.0
#include "core_dumps.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "recant/core/error.hpp"

namespace recant::app {

void forbid_core_dumps() {
  // The limit does not hold where dumps are piped to a program; what cannot be dumped is not piped.
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    throw InternalError("core dumps cannot be forbidden", "process");
  }
}

}  // namespace recant::app

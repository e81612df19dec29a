// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/core/progress.hpp"

namespace recant {

/// What to do while another process writes to a folder: wait, so long at most. Whoever waits
/// longest looks most often, and the next in turn keeps those out that come later.
struct WriterWait {
  double seconds = 60;  ///< 0: not at all
  /// Told after a second, and every second from then on: `done` of `total` seconds of "waiting for
  /// another writer".
  ProgressCallback progress;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

namespace recant {

/// What long work tells its caller: `done` of `total` units of `phase`; total 0 is unknown.
struct Progress {
  std::string_view phase;
  double done = 0, total = 0;
};

/// Called between units of work, always from the calling thread; an exception thrown by it
/// stops the work and leaves nothing half-done.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant {

/// Threads for passes over rows; 0 (the default) is one per processor this process may use, or
/// OMP_NUM_THREADS.
/// Results are the same to the last bit for any number of threads.
void set_threads(int count);

/// How many threads a pass uses now; at least 1.
[[nodiscard]] int threads() noexcept;

}  // namespace recant

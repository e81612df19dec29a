// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant {

/// Whether the process may map so and so much (ulimit -v, ulimit -d), and no more.
[[nodiscard]] bool address_space_is_limited() noexcept;

/// OpenBLAS needs a buffer of 128 MiB, of addresses rather than of memory, for each thread that is
/// in it, and where there is none it asks for ever. It keeps what it has, so who takes buffers in
/// time does not wait for one later.
///
/// Takes them for up to `callers` threads, after the first only while as much is left for all else
/// as they take together. Returns how many there are: 0 where there is no place for one. Whoever
/// comes after one who got some gets what those are.
/// Errs: of an OpenBLAS whose buffers are larger, towards too many.
/// Cost: microseconds; nothing of a buffer is touched.
[[nodiscard]] int take_blas_buffers(int callers);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant::app {

/// Where address space is limited (ulimit -v) OpenBLAS, with a buffer of 128 MiB for each of its
/// own threads, may take all of it before main() begins, and then wait for more for ever. recant
/// has no use for these threads: the first of these starts the program again without them, the
/// second has as many of ours as there are buffers for. Elsewhere neither does anything.
void leave_out_blas_threads(char** argv);
void use_as_many_threads_as_fit();

}  // namespace recant::app

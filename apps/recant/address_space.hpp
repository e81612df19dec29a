// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant::app {

/// recant has no use for the threads that OpenBLAS starts before main() begins: the first of these
/// ends them. Where address space is limited (ulimit -v) they, with a buffer of 128 MiB each, may
/// take all of it and then wait for more for ever: there the first starts the program again without
/// them, and the second has as many of ours as there are buffers for. Elsewhere that does nothing.
void leave_out_blas_threads(char** argv);
void use_as_many_threads_as_fit();

}  // namespace recant::app

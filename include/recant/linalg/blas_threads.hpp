// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant {

/// When it is loaded OpenBLAS starts a thread for every further processor, and each looks for work
/// without a pause for a tenth of a second before it sleeps: longer than most commands take. There
/// is none for them, as BLAS runs in the thread that calls it.
///
/// Ends them. For a program that has no other thread yet and shares OpenBLAS with nobody: who is in
/// a call that uses them would wait for ever. OpenBLAS starts them again for who asks it for more
/// than one thread.
/// Cost: a wake-up for each.
void stop_blas_threads();

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cblas.h>

extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dtrsv_(const char* uplo, const char* trans, const char* diag, const int* n, const double* a,
            const int* lda, double* x, const int* incx);
}

namespace recant {

/// BLAS runs in the calling thread only: threads run over row blocks, and the result must not
/// depend on how many there are. The library may be OpenBLAS's threaded build, so say so.
inline void single_threaded_blas() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace recant

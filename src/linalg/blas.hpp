// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cblas.h>

extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dlatrd_(const char* uplo, const int* n, const int* nb, double* a, const int* lda, double* e,
             double* tau, double* w, const int* ldw);
void dsterf_(const int* n, double* d, double* e, int* info);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info);
void dsytd2_(const char* uplo, const int* n, double* a, const int* lda, double* d, double* e,
             double* tau, int* info);
void dtrsv_(const char* uplo, const char* trans, const char* diag, const int* n, const double* a,
            const int* lda, double* x, const int* incx);
}

namespace recant {

/// BLAS runs in the calling thread only: threads run over row blocks, and the result must not
/// depend on how many there are. Called before every use.
/// @throws InternalError when the OpenBLAS that was loaded is its serial build: that one shares
/// buffers between callers without a lock and gives wrong sums (docs/decisions/0001). DataError
/// where address space is limited and has no place for a buffer of it.
void single_threaded_blas();

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/eigenvalues.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "blas.hpp"
#include "recant/core/check.hpp"

namespace recant {

Eigenvalues eigenvalues(Matrix a) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  const int p = static_cast<int>(a.rows());
  if (p == 0) return {};
  for (Index j = 0; j < a.cols(); ++j) {
    if (!a.col(j).tail(a.rows() - j).allFinite()) {
      throw DataError("a matrix has an entry that is not finite");
    }
  }
  single_threaded_blas();
  Vector values(p);
  int info = 0, size = -1, integers = 1, whole = 0;
  double best = 0;
  dsyevd_("N", "L", &p, a.data(), &p, values.data(), &best, &size, &whole, &integers, &info);
  size = std::max(static_cast<int>(best), 2 * p + 1);
  std::vector<double> work(static_cast<std::size_t>(size));
  dsyevd_("N", "L", &p, a.data(), &p, values.data(), work.data(), &size, &whole, &integers, &info);
  if (info != 0) throw InternalError("the eigenvalues of a matrix did not converge", "dsyevd");
  const double least = values(0), largest = values(p - 1);  // LAPACK sorts them
  const double error = 4.0 * p * 0x1p-53 * std::max(std::abs(least), std::abs(largest));
  return {std::move(values), least, largest, error};
}

}  // namespace recant

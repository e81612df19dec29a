// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/eigenvalues.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "blas.hpp"
#include "panels.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant {
namespace {

void require(bool converged) {
  if (!converged) throw InternalError("the eigenvalues of a matrix did not converge", "LAPACK");
}

Vector values_at_once(Matrix& a) {
  const int p = static_cast<int>(a.rows());
  Vector values(p);
  int info = 0, size = -1, integers = 1, whole = 0;
  double best = 0;
  dsyevd_("N", "L", &p, a.data(), &p, values.data(), &best, &size, &whole, &integers, &info);
  size = std::max(static_cast<int>(best), 2 * p + 1);
  std::vector<double> work(static_cast<std::size_t>(size));
  dsyevd_("N", "L", &p, a.data(), &p, values.data(), work.data(), &size, &whole, &integers, &info);
  require(info == 0);
  return values;
}

/// What dsyevd does, in parts. Scaled by a power of two, so that no square is out of range.
Vector values_in_panels(Matrix& a, double largest_entry) {
  int exponent = 0, info = 0;
  std::frexp(largest_entry, &exponent);
  exponent = std::clamp(exponent, -1000, 1000);
  a *= std::ldexp(1.0, -exponent);
  Tridiagonal t = tridiagonal_in_panels(a);
  const int p = static_cast<int>(a.rows());
  dsterf_(&p, t.diagonal.data(), t.beside.data(), &info);
  require(info == 0);
  return std::ldexp(1.0, exponent) * t.diagonal;
}

}  // namespace

Eigenvalues eigenvalues(Matrix a) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  const Index p = a.rows();
  if (p == 0) return {};
  double largest_entry = 0;
  for (Index j = 0; j < p; ++j) {
    const auto column = a.col(j).tail(p - j);
    if (!column.allFinite()) throw DataError("a matrix has an entry that is not finite");
    largest_entry = std::max(largest_entry, column.lpNorm<Eigen::Infinity>());
  }
  single_threaded_blas();
  Vector values = p > kWide ? values_in_panels(a, largest_entry) : values_at_once(a);
  const double least = values(0), largest = values(p - 1);  // LAPACK sorts them
  const double error = 4.0 * static_cast<double>(p) * 0x1p-53 * values.stableNorm();
  return {std::move(values), least, largest, error};
}

double largest_eigenvalue_bound(const Matrix& a) {
  constexpr int kIterations = 16;
  constexpr double kSettled = 1.003;
  constexpr Index kFew = 8;  // of which all are found as fast
  const Index p = a.rows();
  if (p <= kFew) return eigenvalues(a).upper();
  Vector x = Vector::Ones(p);
  double guess = 0;
  for (int i = 0; i < kIterations; ++i) {
    x = symmetric_times(a, x / x.norm());
    const double before = std::exchange(guess, x.norm());
    if (!(guess > kSettled * before)) break;
  }
  for (const double above : {1.03, 1.1, 1.2, 1.3}) {
    const double t = above * guess;
    Matrix rest = -a;
    rest.diagonal().array() += t;
    if (!Cholesky::factor(std::move(rest))) continue;
    // The factor is of a matrix that is off by at most gamma_{p+2} of its trace, which is below p
    // t.
    return t * (1 + static_cast<double>(2 * p * (p + 2)) * 0x1p-53);
  }
  return eigenvalues(a).upper();
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "recant/core/threads.hpp"
#include "recant/linalg/types.hpp"

namespace recant::test {

/// Largest |entry|, 0 for nothing.
template <class A>
double largest(const Eigen::MatrixBase<A>& a) {
  return a.size() == 0 ? 0.0 : a.cwiseAbs().maxCoeff();
}

/// Expects |found - wanted| <= relative * largest |wanted| + absolute in every entry. NaN fails.
template <class A, class B>
void expect_close(const Eigen::MatrixBase<A>& found, const Eigen::MatrixBase<B>& wanted,
                  double relative, double absolute, const std::string& what) {
  ASSERT_EQ(found.rows(), wanted.rows()) << what;
  ASSERT_EQ(found.cols(), wanted.cols()) << what;
  const double allowed = relative * largest(wanted) + absolute;
  double worst = 0;
  Index row = 0, column = 0;
  for (Index j = 0; j < found.cols(); ++j) {
    for (Index i = 0; i < found.rows(); ++i) {
      const double difference = std::abs(found(i, j) - wanted(i, j));
      if (difference <= worst) continue;
      worst = std::isnan(difference) ? INFINITY : difference;
      row = i;
      column = j;
    }
  }
  EXPECT_LE(worst, allowed) << what << " at (" << row << ", " << column << ")";
}

/// Expects |found - wanted| <= relative * |wanted| + absolute.
inline void expect_close(double found, double wanted, double relative, double absolute,
                         const std::string& what) {
  EXPECT_NEAR(found, wanted, relative * std::abs(wanted) + absolute) << what;
}

/// The same bits in every entry.
template <class A>
[[nodiscard]] bool same_bytes(const Eigen::PlainObjectBase<A>& a,
                              const Eigen::PlainObjectBase<A>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(),
                                       sizeof(double) * static_cast<std::size_t>(a.size())) == 0);
}

/// Sets the number of threads until the end of the scope.
class WithThreads {
 public:
  explicit WithThreads(int count) { set_threads(count); }
  ~WithThreads() { set_threads(0); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;
};

}  // namespace recant::test

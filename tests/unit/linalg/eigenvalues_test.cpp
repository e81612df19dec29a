// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/eigenvalues.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <limits>

#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant::test {
namespace {

/// A symmetric matrix with these eigenvalues, to rounding.
Matrix with_eigenvalues(const Vector& values, std::uint64_t seed) {
  Random random(seed);
  const Index p = values.size();
  const Matrix q = Eigen::HouseholderQR<Matrix>(random.normal_matrix(p, p)).householderQ();
  const Matrix a = q * values.asDiagonal() * q.transpose();
  return (a + a.transpose()) / 2;
}

TEST(Eigenvalues, HoldsTheEnds) {
  for (const Index p : {1, 2, 3, 7, 30, 100}) {
    for (const double least : {1e-8, 1e-3, 1.0, -2.0}) {
      Vector values = Vector::LinSpaced(p, least, least + 50);
      const Eigenvalues range = eigenvalues(with_eigenvalues(values, 5));
      const double slack = 1e-13 * (std::abs(least) + 50);  // the matrix itself is rounded
      EXPECT_NEAR(range.least, values.minCoeff(), slack) << p;
      EXPECT_NEAR(range.largest, values.maxCoeff(), slack) << p;
      EXPECT_LT(range.lower(), range.least);
      EXPECT_GT(range.upper(), range.largest);
      EXPECT_GE(range.error, 4 * static_cast<double>(p) * 0x1p-53 * std::abs(range.largest));
    }
  }
}

TEST(Eigenvalues, IsNotFooledByAnEigenvalueThatAnIterationMisses) {
  // The start of an iteration, all ones, is orthogonal to the end that matters.
  const Index p = 64;
  Vector hidden = Vector::Ones(p);
  hidden.tail(p / 2).setConstant(-1);
  const Matrix a =
      Matrix::Identity(p, p) + 9 * hidden * hidden.transpose() / static_cast<double>(p);
  EXPECT_NEAR(eigenvalues(a).largest, 10, 1e-12);
  EXPECT_NEAR(eigenvalues(11 * Matrix::Identity(p, p) - a).least, 1, 1e-12);
}

TEST(LargestEigenvalue, IsBoundedFromAbove) {
  for (const Index p : {1, 2, 3, 7, 30, 100}) {
    for (const Index rank : {p, p / 2, Index{1}, 3 * p}) {
      if (rank == 0) continue;
      Random random(static_cast<std::uint64_t>(17 * p + rank));
      const Matrix u = random.normal_matrix(p, rank), a = u * u.transpose();
      const double largest = eigenvalues(a).largest, found = largest_eigenvalue_bound(a);
      EXPECT_GE(found, largest) << p << ", " << rank;
      EXPECT_LE(found, 1.11 * largest) << p << ", " << rank;
    }
    const Matrix same = 3 * Matrix::Identity(p, p);
    EXPECT_GE(largest_eigenvalue_bound(same), 3);
    EXPECT_LE(largest_eigenvalue_bound(same), 3.1);
  }
}

TEST(LargestEigenvalue, IsNotFooledByWhatAnIterationMisses) {
  const Index p = 64;
  Vector hidden = Vector::Ones(p);
  hidden.tail(p / 2).setConstant(-1);
  const Matrix a =
      Matrix::Identity(p, p) + 9 * hidden * hidden.transpose() / static_cast<double>(p);
  EXPECT_GE(largest_eigenvalue_bound(a), 10 - 1e-12);
  EXPECT_LE(largest_eigenvalue_bound(a), 11);
}

TEST(LargestEigenvalue, ReadsTheLowerTriangleAndRefusesWhatIsNotFinite) {
  Matrix a = with_eigenvalues(Vector::LinSpaced(5, 1, 9), 2);
  const double wanted = largest_eigenvalue_bound(a);
  a(0, 4) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(largest_eigenvalue_bound(a), wanted);
  a(4, 0) = std::numeric_limits<double>::quiet_NaN();
  expect_error<DataError>([&] { return largest_eigenvalue_bound(a); }, {"not finite"});
  EXPECT_EQ(largest_eigenvalue_bound(Matrix(0, 0)), 0);
  EXPECT_EQ(largest_eigenvalue_bound(Matrix::Zero(3, 3)), 0);
}

TEST(Eigenvalues, ReadsTheLowerTriangleAndRefusesWhatIsNotFinite) {
  Matrix a = with_eigenvalues(Vector::LinSpaced(5, 1, 9), 2);
  const Eigenvalues wanted = eigenvalues(a);
  a(0, 4) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(eigenvalues(a).least, wanted.least);
  a(4, 0) = std::numeric_limits<double>::infinity();
  expect_error<DataError>([&] { return eigenvalues(a); }, {"not finite"});
  expect_error<UsageError>([&] { return eigenvalues(Matrix::Ones(2, 3)); }, {"square"});
  EXPECT_EQ(eigenvalues(Matrix(0, 0)).upper(), 0);
}

}  // namespace
}  // namespace recant::test

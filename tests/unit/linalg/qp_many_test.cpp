// SPDX-License-Identifier: Apache-2.0
// Programs of many constraints, as the gaps of many groups make them: their sums are products of
// matrices.
#include <gtest/gtest.h>

#include "problems.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/qp.hpp"

namespace recant::test {
namespace {

/// Half of the constraints are met by e = 0, the others ask for something.
struct Program {
  Program(Index n, Index q) : linear(n), lower(Vector::Constant(n, -1)), upper(Vector::Ones(n)) {
    Random random(static_cast<std::uint64_t>(n + q));
    linear = random.normals(n);
    rows = random.normal_matrix(n, q);
    limits = Vector::NullaryExpr(
        q, [&](Index k) { return (k % 2 == 0 ? 0.02 : -0.02) * rows.col(k).lpNorm<1>(); });
  }
  [[nodiscard]] QpProblem problem() const {
    QpProblem out{.linear = view(linear),
                  .kappa = 0.4,
                  .lower = view(lower),
                  .upper = view(upper),
                  .constraints = {}};
    for (Index k = 0; k < rows.cols(); ++k) {
      out.constraints.push_back({.coefficients = VectorView(rows.col(k).data(), rows.rows()),
                                 .limit = limits(k),
                                 .relation = QpRelation::kAtMost});
    }
    return out;
  }
  Vector linear, lower, upper, limits;
  Matrix rows;  // n x q
};

/// Optimal by its own multipliers: a promise is kept, its price is 0 where there is room left, and
/// no other e in the box is better at these prices.
void expect_optimal(const Program& program, const QpResult& found) {
  ASSERT_EQ(found.status, QpStatus::kSolved) << found.residual.worst();
  const Vector room = program.limits - program.rows.transpose() * found.e;
  const Vector size = program.rows.colwise().norm().transpose() * found.e.norm();
  EXPECT_GE((room.array() / size.array()).minCoeff(), -1e-12);
  EXPECT_GE(found.multipliers.minCoeff(), 0);
  EXPECT_LE((found.multipliers.array() * room.array() / size.array()).maxCoeff(), 1e-11);
  EXPECT_GE((found.multipliers.array() > 0).count(), 2) << "too few promises bind";
  const Vector wanted = ((program.linear - program.rows * found.multipliers) / (2 * 0.4))
                            .cwiseMax(program.lower)
                            .cwiseMin(program.upper);
  EXPECT_LE((found.e - wanted).norm(), 1e-11 * wanted.norm());
}

TEST(QpOfManyConstraints, MeetsTheOptimalityConditions) {
  for (const int q : {8, 9, 33}) {
    for (const int n : {200, 128 * 9, 3 * 1024 + 77}) {
      const Program program(n, q);
      expect_optimal(program, solve_qp(program.problem()));
    }
  }
}

TEST(QpOfManyConstraints, TheSameBytesForAnyNumberOfThreads) {
  const Program program(200'001, 20);
  set_threads(1);
  const QpResult one = solve_qp(program.problem());
  set_threads(3);
  const QpResult many = solve_qp(program.problem());
  set_threads(0);
  EXPECT_EQ(one.e, many.e);
  EXPECT_EQ(one.multipliers, many.multipliers);
  expect_optimal(program, one);
}

}  // namespace
}  // namespace recant::test

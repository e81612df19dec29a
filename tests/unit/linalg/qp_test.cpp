// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/qp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <random>

#include "instruction_sets.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"

namespace recant {
namespace {

using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A program that owns its numbers.
struct Program {
  Vector linear, lower, upper, limits;
  double kappa = 1;
  Matrix rows;  // n x q
  std::vector<QpRelation> relations;

  [[nodiscard]] Index n() const { return linear.size(); }
  [[nodiscard]] Index q() const { return rows.cols(); }
  [[nodiscard]] QpProblem problem() const {
    QpProblem out{.linear = view(linear),
                  .kappa = kappa,
                  .lower = view(lower),
                  .upper = view(upper),
                  .constraints = {}};
    for (Index k = 0; k < q(); ++k) {
      out.constraints.push_back({.coefficients = VectorView(rows.col(k).data(), n()),
                                 .limit = limits[k],
                                 .relation = relations[static_cast<std::size_t>(k)]});
    }
    return out;
  }
  [[nodiscard]] double sign(Index k) const {
    return relations[static_cast<std::size_t>(k)] == QpRelation::kAtLeast ? -1 : 1;
  }
  [[nodiscard]] bool equality(Index k) const {
    return relations[static_cast<std::size_t>(k)] == QpRelation::kEqual;
  }
  [[nodiscard]] double objective(const Vector& e) const {
    return -linear.dot(e) + kappa * e.squaredNorm();
  }
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  double normal() { return std::normal_distribution<double>()(engine_); }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  Index integer(Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(engine_);
  }
  Vector normals(Index n) {
    return Vector::NullaryExpr(n, [this](Index) { return normal(); });
  }
  Vector integers(Index n, Index most) {
    return Vector::NullaryExpr(n, [&](Index) { return static_cast<double>(integer(-most, most)); });
  }
  QpRelation relation() { return static_cast<QpRelation>(integer(0, 2)); }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

/// Limits that some point of the box meets, at least a third of them exactly.
void make_feasible(Random& random, Program& program) {
  Vector inside(program.n());
  for (Index j = 0; j < program.n(); ++j) {
    inside[j] = random.uniform(std::max(program.lower[j], -3.0), std::min(program.upper[j], 3.0));
  }
  program.limits = program.rows.transpose() * inside;
  for (Index k = 0; k < program.q(); ++k) {
    if (!program.equality(k) && random.integer(0, 2) > 0) {
      program.limits[k] += program.sign(k) * random.uniform(0, 1);
    }
  }
}

Program random_program(Random& random, Index n, Index q) {
  Program out{.linear = random.normals(n),
              .lower = Vector::NullaryExpr(n, [&](Index) { return -random.uniform(0, 1.5); }),
              .upper = Vector::NullaryExpr(n, [&](Index) { return random.uniform(0, 1.5); }),
              .limits = Vector::Zero(q),
              .kappa = std::exp(random.uniform(-3, 3)),
              .rows = Matrix(n, q),
              .relations = {}};
  for (Index k = 0; k < q; ++k) {
    out.rows.col(k) = random.normals(n);
    out.relations.push_back(random.relation());
  }
  make_feasible(random, out);
  return out;
}

/// Every optimum minimises the objective over the face it lies on: some unknowns at a bound, some
/// constraints as equations. Tries all faces.
Vector best_of_all_faces(const Program& program) {
  const Index n = program.n(), q = program.q();
  Index faces = 1;
  for (Index j = 0; j < n; ++j) faces *= 3;
  double best = kInfinity;
  Vector answer;
  for (Index face = 0; face < faces; ++face) {
    Vector e = Vector::Zero(n);
    std::vector<Index> free;
    Index code = face;
    for (Index j = 0; j < n; ++j, code /= 3) {
      if (code % 3 == 0) e[j] = program.lower[j];
      if (code % 3 == 1) e[j] = program.upper[j];
      if (code % 3 == 2) free.push_back(j);
    }
    for (Index active = 0; active < (Index{1} << q); ++active) {
      std::vector<Index> equations;
      for (Index k = 0; k < q; ++k) {
        if (program.equality(k) || (active >> k & 1) != 0) equations.push_back(k);
      }
      const auto f = static_cast<Index>(free.size()), m = static_cast<Index>(equations.size());
      Matrix system = Matrix::Zero(f + m, f + m);
      Vector right(f + m);
      const Matrix c = program.rows(free, equations);
      system.topLeftCorner(f, f).diagonal().setConstant(2 * program.kappa);
      system.topRightCorner(f, m) = c;
      system.bottomLeftCorner(m, f) = c.transpose();
      right.head(f) = program.linear(free);
      Vector fixed = e;
      fixed(free).setZero();
      right.tail(m) = program.limits(equations) - (program.rows.transpose() * fixed)(equations);
      Vector candidate = fixed;
      if (f + m > 0) {
        candidate(free) = system.completeOrthogonalDecomposition().solve(right).head(f);
      }
      bool feasible = ((candidate - program.lower).array() >= -1e-10).all() &&
                      ((program.upper - candidate).array() >= -1e-10).all();
      for (Index k = 0; feasible && k < q; ++k) {
        const double slack =
            program.sign(k) * (program.limits[k] - program.rows.col(k).dot(candidate));
        feasible = program.equality(k) ? std::abs(slack) <= 1e-9 : slack >= -1e-9;
      }
      if (feasible && program.objective(candidate) < best) {
        best = program.objective(candidate);
        answer = candidate;
      }
    }
  }
  return answer;
}

/// Largest relative violation of the conditions of optimality, from the definitions.
double optimality_violation(const Program& program, const QpResult& result) {
  const Index n = program.n(), q = program.q();
  double worst = 0;
  double scale = program.linear.cwiseAbs().maxCoeff();
  for (Index k = 0; k < q; ++k) {
    scale += std::abs(result.multipliers[k]) * program.rows.col(k).cwiseAbs().maxCoeff();
  }
  for (Index j = 0; j < n; ++j) {
    EXPECT_GE(result.e[j], program.lower[j]);
    EXPECT_LE(result.e[j], program.upper[j]);
    long double slope = 2.0L * program.kappa * result.e[j] - program.linear[j];
    for (Index k = 0; k < q; ++k) {
      slope +=
          static_cast<long double>(program.sign(k)) * result.multipliers[k] * program.rows(j, k);
    }
    const bool low = result.e[j] == program.lower[j], high = result.e[j] == program.upper[j];
    double bad = std::abs(static_cast<double>(slope));
    if (low && slope >= 0) bad = 0;
    if (high && slope <= 0) bad = 0;
    if (low && high) bad = 0;
    if (bad > 0) worst = std::max(worst, bad / scale);
  }
  const double linear = program.linear.stableNorm();
  // Where constraints leave nothing but e = 0, e is rounding: measure it by what it would be.
  const Vector alone =
      (program.linear / (2 * program.kappa)).cwiseMax(program.lower).cwiseMin(program.upper);
  const double e_size = std::max(result.e.stableNorm(), alone.stableNorm());
  for (Index k = 0; k < q; ++k) {
    long double activity = 0;
    for (Index j = 0; j < n; ++j) {
      activity += static_cast<long double>(program.rows(j, k)) * result.e[j];
    }
    const double over = program.sign(k) * static_cast<double>(activity - program.limits[k]);
    const double row = program.rows.col(k).stableNorm();
    const double size = row * e_size + std::abs(program.limits[k]);
    if (over == 0) continue;
    if (program.equality(k) || over > 0) worst = std::max(worst, std::abs(over) / size);
    if (!program.equality(k)) {
      EXPECT_GE(result.multipliers[k], 0);
      if (result.multipliers[k] > 0) {
        const double weight = std::min(1.0, result.multipliers[k] * row / linear);
        worst = std::max(worst, weight * std::abs(over) / size);
      }
    }
  }
  return worst;
}

void expect_solved(const Program& program, const std::string& what, double tolerance = 1e-12) {
  const QpResult result = solve_qp(program.problem());
  EXPECT_EQ(result.status, QpStatus::kSolved)
      << what << ": stationarity " << result.residual.stationarity << ", feasibility "
      << result.residual.feasibility << ", complementarity " << result.residual.complementarity
      << ", iterations " << result.iterations;
  EXPECT_LE(optimality_violation(program, result), tolerance) << what;
}

TEST(Qp, EqualsTheBestOfAllFaces) {
  Random random(1);
  for (int trial = 0; trial < 600; ++trial) {
    const Program program = random_program(random, random.integer(1, 4), random.integer(0, 3));
    const Vector expected = best_of_all_faces(program);
    ASSERT_EQ(expected.size(), program.n()) << trial;
    const QpResult result = solve_qp(program.problem());
    ASSERT_EQ(result.status, QpStatus::kSolved) << trial << " " << result.residual.worst();
    EXPECT_LE((result.e - expected).lpNorm<Eigen::Infinity>(), 1e-7) << trial;
    EXPECT_NEAR(result.objective, program.objective(expected), 1e-8) << trial;
  }
}

TEST(Qp, MeetsTheOptimalityConditions) {
  Random random(2);
  for (int trial = 0; trial < 3000; ++trial) {
    const Program program = random_program(random, random.integer(1, 60), random.integer(0, 5));
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, SpansManyBlocks) {
  Random random(3);
  for (int trial = 0; trial < 20; ++trial) {
    const Program program = random_program(random, 1024 * 3 + trial, random.integer(1, 4));
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, UnboundedBoxIsAProjection) {
  Random random(4);
  for (int trial = 0; trial < 500; ++trial) {
    Program program = random_program(random, random.integer(2, 30), 2);
    program.lower.setConstant(-kInfinity);
    program.upper.setConstant(kInfinity);
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, IntegerDataWithTiesAtTheBox) {
  Random random(5);
  for (int trial = 0; trial < 3000; ++trial) {
    const Index n = random.integer(1, 40), q = random.integer(1, 3);
    Program program{.linear = random.integers(n, 3),
                    .lower = Vector::Constant(n, -1),
                    .upper = Vector::Constant(n, 1),
                    .limits = Vector::Zero(q),
                    .kappa = std::pow(2.0, static_cast<double>(random.integer(-4, 2))),
                    .rows = Matrix(n, q),
                    .relations = {}};
    for (Index k = 0; k < q; ++k) {
      program.rows.col(k) = random.integers(n, 2);
      program.relations.push_back(random.relation());
      program.limits[k] = program.rows.col(k).dot(random.integers(n, 1));
    }
    const QpResult result = solve_qp(program.problem());
    if (result.status == QpStatus::kInfeasible) continue;  // the point differs from row to row
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, TinyKappa) {
  Random random(6);
  for (int trial = 0; trial < 2000; ++trial) {
    Program program = random_program(random, random.integer(2, 50), random.integer(1, 3));
    if (trial % 2 == 0) {
      program.linear = random.integers(program.n(), 3);
      for (Index k = 0; k < program.q(); ++k) program.rows.col(k) = random.integers(program.n(), 3);
      make_feasible(random, program);
    }
    program.kappa = 1e-9;
    expect_solved(program, "trial " + std::to_string(trial));
    const QpResult result = solve_qp(program.problem());
    EXPECT_LE(result.residual.feasibility, 1e-15 * 4) << trial;
  }
}

TEST(Qp, RepeatedAndOpposedConstraintsChangeNothing) {
  Random random(7);
  for (int trial = 0; trial < 1000; ++trial) {
    const Program once = random_program(random, random.integer(2, 30), 1);
    Program program = once;
    program.rows = Matrix(once.n(), 4);
    program.rows << once.rows, once.rows, 3 * once.rows, -2 * once.rows;
    program.limits = Vector(4);
    program.limits << once.limits[0], once.limits[0], 3 * once.limits[0], -2 * once.limits[0];
    const QpRelation relation = once.relations[0];
    const QpRelation turned = relation == QpRelation::kAtMost    ? QpRelation::kAtLeast
                              : relation == QpRelation::kAtLeast ? QpRelation::kAtMost
                                                                 : QpRelation::kEqual;
    program.relations = {relation, relation, relation, turned};
    expect_solved(program, "trial " + std::to_string(trial));
    EXPECT_LE((solve_qp(program.problem()).e - solve_qp(once.problem()).e).norm(), 1e-10) << trial;
  }
}

TEST(Qp, NearlyParallelConstraints) {
  Random random(8);
  int solved = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    Program program = random_program(random, random.integer(3, 30), 2);
    const double angle = trial % 2 == 0 ? 1e-9 : 1e-6;
    const double sign = random.integer(0, 1) == 0 ? 1 : -1;
    program.rows.col(1) = sign * program.rows.col(0) + angle * random.normals(program.n());
    program.relations = {QpRelation::kAtMost, QpRelation::kAtMost};
    make_feasible(random, program);
    // What the two differ in is known to 1e-16 / angle: the residual says so.
    const QpResult result = solve_qp(program.problem());
    EXPECT_LE(result.residual.worst(), 1e-9) << trial;
    EXPECT_LE(optimality_violation(program, result), 1e-9) << trial;
    solved += result.status == QpStatus::kSolved;
  }
  EXPECT_GE(solved, 990);
}

TEST(Qp, ScalesFarApart) {
  Random random(9);
  for (int trial = 0; trial < 1000; ++trial) {
    Program program = random_program(random, random.integer(2, 30), random.integer(1, 3));
    for (Index k = 0; k < program.q(); ++k) {
      const double factor = std::pow(10.0, random.uniform(-150, 150));
      program.rows.col(k) *= factor;
      program.limits[k] *= factor;
    }
    const double factor = std::pow(10.0, random.uniform(-150, 150));
    program.linear *= factor;
    program.kappa *= factor;
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, EntriesFarApart) {
  Random random(10);
  for (int trial = 0; trial < 1000; ++trial) {
    Program program = random_program(random, random.integer(2, 40), random.integer(1, 2));
    for (Index j = 0; j < program.n(); ++j) {
      program.linear[j] *= std::pow(10.0, random.uniform(-6, 6));
      for (Index k = 0; k < program.q(); ++k) {
        program.rows(j, k) *= std::pow(10.0, random.uniform(-6, 6));
      }
    }
    make_feasible(random, program);
    expect_solved(program, "trial " + std::to_string(trial));
  }
}

TEST(Qp, FixedUnknownsZeroRowsAndZeroLinear) {
  Random random(11);
  for (int trial = 0; trial < 500; ++trial) {
    Program program = random_program(random, random.integer(2, 20), 2);
    for (Index j = 0; j < program.n(); j += 2) program.upper[j] = program.lower[j];
    if (trial % 2 == 0) program.rows.col(0).setZero();
    if (trial % 3 == 0) program.linear.setZero();
    make_feasible(random, program);
    expect_solved(program, "trial " + std::to_string(trial));
  }
  Program empty = random_program(random, 3, 0);
  empty.linear.resize(0);
  empty.lower.resize(0);
  empty.upper.resize(0);
  EXPECT_EQ(solve_qp(empty.problem()).status, QpStatus::kSolved);
}

TEST(Qp, RepeatsOfOneUnknownMoveTogether) {
  const Index n = 12;
  Program program{.linear = Vector::Constant(n, 2),
                  .lower = Vector::Constant(n, -1),
                  .upper = Vector::Constant(n, 1),
                  .limits = Vector::Constant(1, 3),
                  .kappa = 1e-6,
                  .rows = Matrix::Ones(n, 1),
                  .relations = {QpRelation::kAtMost}};
  const QpResult result = solve_qp(program.problem());
  EXPECT_EQ(result.status, QpStatus::kSolved);
  EXPECT_LE((result.e - Vector::Constant(n, 0.25)).norm(), 1e-13);
  EXPECT_NEAR(result.multipliers[0], 2 - 2 * 1e-6 * 0.25, 1e-12);
  EXPECT_EQ(result.free, n);
}

// d optimum / d limit is what the multiplier says.
TEST(Qp, MultipliersArePrices) {
  Random random(12);
  int active = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const Program program = random_program(random, 20, 2);
    const QpResult result = solve_qp(program.problem());
    for (Index k = 0; k < 2; ++k) {
      Program up = program, down = program;
      const double h = 1e-5;
      up.limits[k] += h;
      down.limits[k] -= h;
      const QpResult higher = solve_qp(up.problem()), lower = solve_qp(down.problem());
      if (higher.status != QpStatus::kSolved || lower.status != QpStatus::kSolved) continue;
      const double price = -program.sign(k) * result.multipliers[k];
      EXPECT_NEAR((higher.objective - lower.objective) / (2 * h), price,
                  1e-3 + 1e-3 * std::abs(price))
          << trial;
      active += result.multipliers[k] != 0;
    }
  }
  EXPECT_GT(active, 100);
}

double certificate_gap(const Program& program, const Vector& mu) {
  double least = 0, beta = 0;
  const Vector signs = Vector::NullaryExpr(program.q(), [&](Index k) { return program.sign(k); });
  const Vector s = program.rows * signs.cwiseProduct(mu);
  for (Index j = 0; j < program.n(); ++j) {
    least += std::min(program.lower[j] * s[j], program.upper[j] * s[j]);
  }
  for (Index k = 0; k < program.q(); ++k) beta += signs[k] * mu[k] * program.limits[k];
  return least - beta;
}

TEST(Qp, InfeasibleEqualityComesWithAProof) {
  Program program{.linear = Vector::Ones(3),
                  .lower = Vector::Constant(3, -1),
                  .upper = Vector::Constant(3, 1),
                  .limits = Vector::Constant(1, 7),
                  .kappa = 1,
                  .rows = Matrix(3, 1),
                  .relations = {QpRelation::kEqual}};
  program.rows << 1, 2, 3;
  const QpResult result = solve_qp(program.problem());
  EXPECT_EQ(result.status, QpStatus::kInfeasible);
  EXPECT_EQ(result.greatest[0], 6);
  EXPECT_EQ(result.least[0], -6);
  EXPECT_EQ(result.certificate[0], -1);
  EXPECT_NEAR(result.certificate_margin, 1, 1e-14);
  EXPECT_NEAR(certificate_gap(program, result.certificate), 1, 1e-14);
  EXPECT_EQ(result.e.size(), 0);
  program.limits[0] = 6;  // the corner itself
  expect_solved(program, "corner");
}

// Each constraint can be met alone, together they cannot.
TEST(Qp, JointlyInfeasibleComesWithAProof) {
  Random random(13);
  int jointly = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    Program program = random_program(random, random.integer(2, 12), random.integer(2, 4));
    for (Index k = 0; k < program.q(); ++k) program.limits[k] = 0.5 * random.normal();
    const QpResult result = solve_qp(program.problem());
    if (result.status != QpStatus::kInfeasible) {
      ASSERT_EQ(result.status, QpStatus::kSolved) << trial << " " << result.iterations;
      EXPECT_LE(optimality_violation(program, result), 1e-12) << trial;
      continue;
    }
    EXPECT_GT(certificate_gap(program, result.certificate), 0) << trial;
    EXPECT_NEAR(certificate_gap(program, result.certificate), result.certificate_margin, 1e-12);
    for (Index k = 0; k < program.q(); ++k) {
      if (!program.equality(k)) {
        EXPECT_GE(result.certificate[k], 0);
      }
    }
    jointly += (result.certificate.array() != 0).count() > 1;
  }
  EXPECT_GT(jointly, 100);
}

/// What cancels in a sum of doubles is worth more than the margin over a box so wide.
TEST(Qp, WhatCancelsOverAWideBoxProvesNothing) {
  const Vector first{{1, 1}}, second{{1, 1 - 4e-15}}, linear{{0, 0}};
  const Vector lower{{-1e6, -1e6}}, upper{{1e6, 1e6}};
  const auto solved = [&](const Vector& low, const Vector& high) {
    QpProblem problem{.linear = view(linear), .kappa = 1, .lower = view(low), .upper = view(high)};
    problem.constraints.push_back({view(first), 1, QpRelation::kAtMost});
    problem.constraints.push_back({view(second), 1 + 1e-9, QpRelation::kAtLeast});
    return solve_qp(problem).status;
  };
  EXPECT_NE(solved(lower, upper), QpStatus::kInfeasible);  // e = (500001, -500000) meets both
  // Over a box as narrow as those of weights it is a proof.
  EXPECT_EQ(solved(Vector{{-1, -1}}, Vector{{2, 2}}), QpStatus::kInfeasible);
}

TEST(Qp, InfeasibleWithoutBounds) {
  Program program{.linear = Vector::Ones(3),
                  .lower = Vector::Constant(3, -kInfinity),
                  .upper = Vector::Constant(3, kInfinity),
                  .limits = Vector(2),
                  .kappa = 1,
                  .rows = Matrix(3, 2),
                  .relations = {QpRelation::kEqual, QpRelation::kEqual}};
  program.rows << 1, 2, 0.1, 0.2, 3, 6;
  program.limits << 1, 3;  // twice the first row, not twice the first limit
  const QpResult result = solve_qp(program.problem());
  EXPECT_EQ(result.status, QpStatus::kInfeasible);
  EXPECT_NEAR(result.certificate[0] / result.certificate[1], -2, 1e-12);
  program.limits[1] = 2;
  expect_solved(program, "consistent");
}

TEST(Qp, PermutingTheUnknownsPermutesTheAnswer) {
  Random random(14);
  for (int trial = 0; trial < 200; ++trial) {
    const Program program = random_program(random, 30, 2);
    std::vector<Index> order(30);
    std::iota(order.begin(), order.end(), Index{0});
    std::shuffle(order.begin(), order.end(), random.engine());
    Program moved = program;
    moved.linear = program.linear(order);
    moved.lower = program.lower(order);
    moved.upper = program.upper(order);
    moved.rows = program.rows(order, Eigen::all);
    const Vector straight = solve_qp(program.problem()).e, permuted = solve_qp(moved.problem()).e;
    EXPECT_LE((permuted - Vector(straight(order))).norm(), 1e-11) << trial;
  }
}

TEST(Qp, AtLeastIsAtMostTurnedRound) {
  Random random(15);
  for (int trial = 0; trial < 200; ++trial) {
    Program program = random_program(random, 20, 1);
    program.relations = {QpRelation::kAtLeast};
    make_feasible(random, program);
    Program turned = program;
    turned.relations = {QpRelation::kAtMost};
    turned.rows *= -1;
    turned.limits *= -1;
    const QpResult x = solve_qp(program.problem()), y = solve_qp(turned.problem());
    EXPECT_EQ(x.e, y.e);
    EXPECT_EQ(x.multipliers, y.multipliers);
    EXPECT_EQ(x.activity, -y.activity);
  }
}

TEST(Qp, TheSameBytesForAnyNumberOfThreads) {
  Random random(16);
  const Program program = random_program(random, 300'001, 3);
  set_threads(1);
  const QpResult one = solve_qp(program.problem());
  for (const int count : {2, 4}) {
    set_threads(count);
    const QpResult many = solve_qp(program.problem());
    EXPECT_EQ(one.e, many.e);
    EXPECT_EQ(one.multipliers, many.multipliers);
    EXPECT_EQ(one.objective, many.objective);
  }
  set_threads(0);
  EXPECT_LE(optimality_violation(program, one), 1e-12);
}

TEST(Qp, TheSameBytesWithEveryInstructionSet) {
  Random random(19);
  std::vector<Index> sizes(71);
  std::iota(sizes.begin(), sizes.end(), Index{0});
  for (const Index n : {1023, 1024, 1025, 2 * 1024 + 77, 40'001}) sizes.push_back(n);
  int infeasible = 0;
  for (const Index n : sizes) {
    for (const Index q : {0, 1, 2, 3, 5, 9}) {
      Program program = random_program(random, n, q);
      if (n % 3 == 0) program.kappa = 1e-6;
      if (n % 7 == 1 && q > 0) program.limits[0] = program.sign(0) * -3.0 * static_cast<double>(n);
      std::optional<QpResult> first;
      for_each_instruction_set([&] {
        const QpResult result = solve_qp(program.problem());
        if (!first) first = result;
        EXPECT_EQ(result.status, first->status) << n << " " << q;
        EXPECT_EQ(result.e, first->e) << n << " " << q;
        EXPECT_EQ(result.multipliers, first->multipliers) << n << " " << q;
        EXPECT_EQ(result.activity, first->activity) << n << " " << q;
        EXPECT_EQ(result.certificate, first->certificate) << n << " " << q;
        EXPECT_EQ(result.objective, first->objective) << n << " " << q;
        EXPECT_EQ(result.passes, first->passes) << n << " " << q;
      });
      infeasible += first->status == QpStatus::kInfeasible;
      if (n == 0 || first->status == QpStatus::kInfeasible) continue;
      EXPECT_LE(optimality_violation(program, *first), 1e-12) << n << " " << q;
      EXPECT_EQ(first->at_lower + first->at_upper + first->free, n);
    }
  }
  EXPECT_GT(infeasible, 10);
}

// 1 / (2 kappa) is no number, and linear / (2 kappa) is.
TEST(Qp, KappaBelowTheInverseOfTheLargestNumber) {
  Random random(20);
  for (int trial = 0; trial < 50; ++trial) {
    Program program = random_program(random, random.integer(1, 30), trial % 3);
    program.kappa = 0x1p-1034;
    program.linear = (program.linear * 0x1p20).array().round() * 0x1p-1054;
    Program scaled = program;
    scaled.kappa *= 0x1p1000;
    scaled.linear *= 0x1p1000;
    ASSERT_TRUE(std::isinf(1 / (2 * program.kappa)));
    const QpResult tiny = solve_qp(program.problem()), usual = solve_qp(scaled.problem());
    ASSERT_EQ(tiny.status, QpStatus::kSolved) << trial;
    EXPECT_LE((tiny.e - usual.e).lpNorm<Eigen::Infinity>(), 1e-11) << trial;
    EXPECT_EQ(tiny.at_lower, usual.at_lower) << trial;
    EXPECT_EQ(tiny.at_upper, usual.at_upper) << trial;
    EXPECT_NEAR(tiny.objective * 0x1p1000, usual.objective,
                1e-9 * std::abs(usual.objective) + 1e-9);
  }
}

TEST(Qp, RunningOutOfIterationsIsSaid) {
  Random random(17);
  const Program program = random_program(random, 200, 3);
  ASSERT_GT(solve_qp(program.problem()).iterations, 1);
  const QpResult result = solve_qp(program.problem(), {.max_iterations = 1});
  EXPECT_EQ(result.status, QpStatus::kInaccurate);
  EXPECT_GT(result.residual.worst(), 1e-12);
  EXPECT_EQ(result.iterations, 1);
  EXPECT_TRUE(result.e.allFinite());
}

template <class Change>
std::string refusal(Change&& change) {
  Random random(18);
  Program program = random_program(random, 4, 1);
  QpOptions options;
  change(program, options);
  try {
    static_cast<void>(solve_qp(program.problem(), options));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Qp, RefusesBadArguments) {
  for (const double bad : {0.0, -1.0, kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refusal([&](Program& p, QpOptions&) { p.kappa = bad; }),
                HasSubstr("kappa must be finite and > 0, but is"));
    EXPECT_THAT(refusal([&](Program&, QpOptions& o) { o.tolerance = bad; }),
                HasSubstr("tolerance must be finite and > 0, but is"));
  }
  EXPECT_THAT(refusal([](Program&, QpOptions& o) { o.max_iterations = 0; }),
              HasSubstr("max_iterations must be finite and > 0, but is 0"));
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    EXPECT_THAT(refusal([&](Program& p, QpOptions&) { p.linear[2] = bad; }),
                HasSubstr("linear must be finite, but entry 2 is"));
    EXPECT_THAT(refusal([&](Program& p, QpOptions&) { p.rows(3, 0) = bad; }),
                HasSubstr("constraint 0 must be finite, but entry 3 is"));
    EXPECT_THAT(refusal([&](Program& p, QpOptions&) { p.limits[0] = bad; }),
                HasSubstr("constraint 0 limit must be finite, but is"));
  }
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.lower[1] = 9; }),
              HasSubstr("lower must be <= upper, but entry 1 has 9 and"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.lower[1] = kNaN; }),
              HasSubstr("lower must be <= upper, but entry 1 has nan and"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.upper[1] = kNaN; }),
              HasSubstr("lower must be <= upper, but entry 1 has"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.lower[1] = p.upper[1] = kInfinity; }),
              HasSubstr("lower must be <= upper, but entry 1 has inf and inf"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.lower.resize(3); }),
              HasSubstr("lower has 3 entries, but 4 are needed"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) { p.upper.resize(5); }),
              HasSubstr("upper has 5 entries, but 4 are needed"));
  EXPECT_THAT(refusal([](Program& p, QpOptions&) {
                p.linear.setConstant(1e10);
                p.kappa = 1e-300;
              }),
              HasSubstr("kappa is 1e-300, too small beside linear, which goes up to 1"));
  EXPECT_EQ(refusal([](Program&, QpOptions&) {}), "accepted");
}

TEST(Qp, StatusNames) {
  EXPECT_EQ(name(QpStatus::kSolved), "solved");
  EXPECT_EQ(name(QpStatus::kInaccurate), "inaccurate");
  EXPECT_EQ(name(QpStatus::kInfeasible), "infeasible");
}

}  // namespace
}  // namespace recant

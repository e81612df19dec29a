// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/linalg/types.hpp"

/// A separable strictly convex quadratic program with a box on every unknown and few linear
/// constraints across all of them. docs/mathematics.md section 4.3.
namespace recant {

/// A vector that is owned elsewhere; copies refer to the same numbers.
using VectorView = Eigen::Map<const Vector>;
[[nodiscard]] inline VectorView view(const Vector& vector) {
  return {vector.data(), vector.size()};
}
VectorView view(Vector&&) = delete;

enum class QpRelation { kAtMost, kAtLeast, kEqual };

/// coefficients^T e  <=, >= or =  limit.
struct QpConstraint {
  VectorView coefficients;  ///< n
  double limit = 0;
  QpRelation relation = QpRelation::kAtMost;
};

/// minimise  -linear^T e + kappa |e|^2   subject to the constraints and  lower <= e <= upper.
/// Views only: what they refer to must outlive the call.
struct QpProblem {
  VectorView linear;  ///< n, finite
  double kappa = 1;   ///< finite and > 0
  VectorView lower;   ///< n, may be -infinity
  VectorView upper;   ///< n, may be +infinity, lower <= upper
  std::vector<QpConstraint> constraints;
};

struct QpOptions {
  double tolerance = 1e-12;  ///< relative KKT residual up to which the answer counts as solved
  std::int64_t max_iterations = 500;  ///< Newton steps on the dual

  static constexpr auto fields() {
    return std::tuple{Field{"tolerance", &QpOptions::tolerance,
                            "relative KKT residual that counts as solved", Accept::kPositive},
                      Field{"max_iterations", &QpOptions::max_iterations,
                            "most Newton steps on the dual", Accept::kPositive}};
  }
};

enum class QpStatus {
  kSolved,      ///< the KKT residual is within the tolerance
  kInaccurate,  ///< it is not; `e` is inside the box and the best found
  kInfeasible,  ///< no e meets the constraints in the box; `certificate` proves it
};
/// "solved", "inaccurate", "infeasible".
[[nodiscard]] std::string_view name(QpStatus status) noexcept;

/// How far from optimal, each relative and 0 at the optimum.
struct QpResidual {
  double stationarity = 0;     ///< projected gradient, to max|linear| + sum |mu_k| max|c_k|
  double feasibility = 0;      ///< largest violation, to |b_k| + |c_k| times the larger of |e| and
                               ///< the |e| that there would be without constraints
  double complementarity = 0;  ///< slack of a constraint with mu_k > 0, same scale,
                               ///< times min(1, mu_k |c_k| / |linear|)
  [[nodiscard]] double worst() const noexcept {
    return std::max({stationarity, feasibility, complementarity});
  }
};

struct QpResult {
  QpStatus status = QpStatus::kInaccurate;
  Vector e;  ///< n, inside the box; empty if infeasible
  /// q, the price of each limit: d optimum / d limit is -mu for <= and =, +mu for >=. At least 0
  /// for inequalities. Stationarity: 2 kappa e = linear - sum mu_k c_k (+ for >=), clipped.
  Vector multipliers;
  Vector activity;  ///< q, c_k^T e; empty if infeasible
  Vector least;     ///< q, least c_k^T e over the box alone, -infinity if unbounded
  Vector greatest;  ///< q, the greatest
  /// q, only if infeasible: mu, signed as the multipliers are, scaled to a largest entry of 1. With
  /// s = sum mu_k c_k and beta = sum mu_k limit_k (minus for >=):
  /// sum_j min(lower_j s_j, upper_j s_j) > beta, which no e in the box can undo.
  Vector certificate;
  double certificate_margin = 0;  ///< left side minus right side, > 0
  double objective = 0;
  Index at_lower = 0, at_upper = 0, free = 0;  ///< of the n unknowns
  QpResidual residual;
  std::int64_t iterations = 0;  ///< Newton steps on the dual
  std::int64_t passes = 0;      ///< passes over the n unknowns
};

/// Solves the program above.
/// Shapes: n unknowns, q constraints; q small (its cost is q^2 n + q^3 a step), n up to millions.
/// Method: e(mu) = clip((linear - C^T mu) / (2 kappa), lower, upper); the dual in mu is concave and
/// piecewise quadratic. Rows of C scaled to norm 1, regularised semismooth Newton on the
/// constraints with mu_k > 0 or violated, a line search that brackets by passes and then finds the
/// root among the breakpoints inside the bracket, at the end a least-norm repair of the active
/// constraints on the unknowns strictly inside the box.
/// Assumes: nothing about C: zero, repeated and opposed rows are allowed.
/// Errs: `residual` is measured on the returned e and multipliers. e is inside the box exactly,
/// constraints hold to `residual.feasibility`. Below kappa = 1e-6 max|linear| / (upper - lower) the
/// program is linear in all but name and e is one of many nearly as good.
/// Fails: infeasible or inaccurate, both as a status.
/// Cost: about 10 to 20 passes over (q + 3) n doubles. The same bytes for any number of threads and
/// with every instruction set.
/// @throws UsageError for sizes that differ, lower > upper, and numbers outside what is said above.
[[nodiscard]] QpResult solve_qp(const QpProblem& problem, const QpOptions& options = {});

}  // namespace recant

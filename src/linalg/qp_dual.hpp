// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "qp_survey.hpp"

/// The passes over the n unknowns of a quadratic program, in its scaled form:
///
///   e(nu) = clip(y(nu), lower, upper),   y(nu) = linear / (2 kappa) - C^T nu
///
/// where the rows of C have norm 1, every inequality reads C e <= b, and nu = mu / (2 kappa) >= 0
/// on inequalities. Each pass is a reduction over row blocks with a fixed number of groups, and its
/// sums are in one order on every instruction set (qp_kernels.hpp).
namespace recant::qp {

/// The dual at one nu, or its sums at another e.
struct DualPoint {
  Vector activity;   // C e
  Matrix free_gram;  // C_F C_F^T over F = {lower < e < upper}
  double norm2_e = 0;
};

/// The slope of the dual far out along d: value = sum_j min(lower_j s_j, upper_j s_j) - b^T d.
struct Recession {
  double value = 0;
  double scale = 0;  // sum of the absolute terms
  /// value if it stands out from rounding, else 0.
  [[nodiscard]] double margin(double tolerance) const {
    return value > tolerance * scale ? value : 0;
  }
};

/// Of an e that is not e(nu): how far it is from stationary at nu, and what it is worth.
struct Measured {
  double stationarity = 0, objective = 0;
  Index at_lower = 0, at_upper = 0;
};

class Dual {
 public:
  explicit Dual(const QpProblem& problem);

  [[nodiscard]] Index constraints() const { return static_cast<Index>(rows_.size()); }
  [[nodiscard]] bool equality(Index k) const { return row(k).equality; }
  [[nodiscard]] bool empty_row(Index k) const { return row(k).largest == 0; }
  [[nodiscard]] const Vector& limits() const { return limits_; }
  /// C C^T, with ones on its diagonal
  [[nodiscard]] const Matrix& gram() const { return gram_; }
  /// |linear / (2 kappa)|
  [[nodiscard]] double linear_norm() const { return linear_norm_; }
  [[nodiscard]] double kappa() const { return kappa_; }
  void set_kappa(double kappa) {
    linear_norm_ *= kappa_ / kappa;
    kappa_ = kappa;
  }
  /// Least and greatest c_k^T e over the box, in the caller's rows.
  [[nodiscard]] const Vector& least() const { return least_; }
  [[nodiscard]] const Vector& greatest() const { return greatest_; }
  [[nodiscard]] std::int64_t passes() const { return passes_; }

  [[nodiscard]] DualPoint evaluate(const Vector& nu) const;
  /// C_F e_F at e(nu).
  [[nodiscard]] Vector free_activity(const Vector& nu) const;
  /// e_F += C_F^T step, clipped, where an empty e stands for e(nu). The sums at the new e.
  [[nodiscard]] DualPoint shift(const Vector& nu, const Vector& step, Vector& e,
                                Measured& measured) const;
  [[nodiscard]] Recession recession(const Vector& d) const;
  /// The t in (bracket.first, bracket.second) at which the slope of the dual along d is 0.
  [[nodiscard]] double root_between_breakpoints(const Vector& nu, const Vector& d,
                                                std::pair<double, double> bracket,
                                                double slope) const;

  /// d of the scaled rows as weights of the caller's rows (">=" counted positive).
  [[nodiscard]] Vector unscale(const Vector& d) const;
  [[nodiscard]] Vector multipliers(const Vector& nu) const;
  [[nodiscard]] Vector unscaled_activity(const Vector& activity) const;

 private:
  struct Row {
    double scale = 1;    // of the scaled row to the caller's; negative for ">="
    double largest = 0;  // |coefficient|
    bool equality = false;
  };
  struct Sums;

  [[nodiscard]] const Row& row(Index k) const { return rows_[static_cast<std::size_t>(k)]; }
  [[nodiscard]] Vector weights(const Vector& nu) const;
  /// What a kernel multiplies linear() by.
  [[nodiscard]] double factor() const { return 1 / (2 * kappa_ * linear_scale_); }
  template <class Add>
  [[nodiscard]] Sums sum_over(Add&& add) const;
  [[nodiscard]] DualPoint point(const Sums& sums) const;

  Blocks blocks_;
  double kappa_, largest_linear_ = 0, linear_norm_ = 0;
  double linear_scale_ = 1;
  Vector scaled_linear_;  // where 1 / (2 kappa) is no number
  std::vector<Row> rows_;
  Vector limits_, least_, greatest_;
  Matrix gram_;
  mutable std::int64_t passes_ = 0;
};

}  // namespace recant::qp

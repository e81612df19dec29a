// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "recant/linalg/qp.hpp"

/// The passes over the n unknowns of a quadratic program, in its scaled form:
///
///   e(nu) = clip(y(nu), lower, upper),   y(nu) = linear / (2 kappa) - C^T nu
///
/// where the rows of C have norm 1, every inequality reads C e <= b, and nu = mu / (2 kappa) >= 0
/// on inequalities. Each pass is a reduction over row blocks with a fixed number of groups.
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
  [[nodiscard]] std::int64_t passes() const { return passes_; }

  [[nodiscard]] DualPoint evaluate(const Vector& nu) const;
  /// C_F e_F at e(nu).
  [[nodiscard]] Vector free_activity(const Vector& nu) const;
  /// The same as evaluate(), and writes e(nu).
  [[nodiscard]] DualPoint primal(const Vector& nu, Vector& e) const;
  /// e_F += C_F^T step, clipped; the sums at the new e.
  [[nodiscard]] DualPoint shift_free(const Vector& step, Vector& e) const;
  [[nodiscard]] Recession recession(const Vector& d) const;
  /// The t in (bracket.first, bracket.second) at which the slope of the dual along d is 0.
  [[nodiscard]] double root_between_breakpoints(const Vector& nu, const Vector& d,
                                                std::pair<double, double> bracket,
                                                double slope) const;
  [[nodiscard]] Measured measure(const Vector& nu, const Vector& e) const;
  /// Least and greatest c_k^T e over the box, in the caller's rows.
  void reach(Vector& least, Vector& greatest) const;

  /// d of the scaled rows as weights of the caller's rows (">=" counted positive).
  [[nodiscard]] Vector unscale(const Vector& d) const;
  [[nodiscard]] Vector multipliers(const Vector& nu) const;
  [[nodiscard]] Vector unscaled_activity(const Vector& activity) const;

 private:
  struct Row {
    const double* coefficients = nullptr;
    double scale = 1;    // of the scaled row to the caller's; negative for ">="
    double largest = 0;  // |coefficient|
    bool equality = false;
  };
  struct Sums;

  [[nodiscard]] const Row& row(Index k) const { return rows_[static_cast<std::size_t>(k)]; }
  [[nodiscard]] Vector weights(const Vector& nu) const;
  void unclipped(const Vector& weights, RowBlock block, double* y) const;
  void combine(const Vector& weights, RowBlock block, double* s) const;
  void add_sums(RowBlock block, const double* e, const double* free, Sums& sums) const;
  void add_products(RowBlock block, const double* free, Matrix& gram) const;
  void add_product(RowBlock block, const double* free, Matrix& gram) const;
  template <class Fill>
  [[nodiscard]] DualPoint sum_over(Fill&& fill) const;

  const double *linear_, *lower_, *upper_;
  Index n_;
  double kappa_, largest_linear_ = 0, linear_norm_ = 0;
  std::vector<Row> rows_;
  Vector limits_;
  Matrix gram_;
  mutable std::int64_t passes_ = 0;
};

/// The first entry that is NaN or infinite, or values.size().
[[nodiscard]] Index first_not_finite(VectorView values);

}  // namespace recant::qp

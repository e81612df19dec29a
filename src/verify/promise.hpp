// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

namespace recant::verification {

/// The numbers of a budget as a certificate states them.
struct Budget {
  double epsilon = 0, delta = 0, allowance = 0;
  std::int64_t releases = 0, dimension = 0, sigma_exponent = 0, grid_exponent = 0;
  /// Difference protection; a step of 0 stands for none.
  double difference_epsilon = 0, difference_delta = 0, difference_step = 0;

  bool operator==(const Budget&) const = default;
  /// 2^(sigma_exponent / 2)
  [[nodiscard]] long double sigma() const { return std::exp2(0.5L * sigma_exponent); }
  /// 2^grid_exponent
  [[nodiscard]] long double grid_step() const { return std::exp2(1.0L * grid_exponent); }
  /// (1 + 2^-20) (step + allowance + h sqrt(d)) / sigma * sqrt(t), to 2^-60 of itself. Without a
  /// step: of t releases; with difference_step: of two that follow each other, t = 1.
  [[nodiscard]] long double mu(std::int64_t t, long double step = 0) const;
};

/// delta(epsilon; mu) by quadrature of a positive function, to 10^-13 of itself: nothing cancels.
[[nodiscard]] long double delta_by_quadrature(long double epsilon, long double mu);

/// Every rule that a budget must keep. Throws a Mismatch that names the first that it does not.
void check_promise(const Budget& budget);

}  // namespace recant::verification

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

#include "recant/certify/discrete_gaussian.hpp"

/// The discrete Gaussian as [CanonneKamathSteinke2020] draw it (algorithms 1 to 3): whole numbers
/// only, every coin a comparison of two integers. The oracle for the faster way.
namespace recant::test {

class NaiveDiscreteGaussian {
 public:
  __extension__ using Wide = unsigned __int128;

  NaiveDiscreteGaussian(const RationalVariance& v, std::uint64_t seed)
      : numerator_(static_cast<Wide>(v.numerator) << v.exponent),
        denominator_(v.denominator),
        random_(seed) {
    while ((t_ + 1) * (t_ + 1) * denominator_ <= numerator_) ++t_;
    ++t_;  // floor(sigma) + 1
  }

  std::int64_t draw() {
    for (;;) {
      const std::int64_t y = laplace();
      const Wide magnitude = static_cast<Wide>(y < 0 ? -y : y);
      // exp(-(|y| - sigma^2 / t)^2 / (2 sigma^2)), times t^2 and sigma^2's parts above and below
      const Wide a = magnitude * t_ * denominator_;
      const Wide off = a > numerator_ ? a - numerator_ : numerator_ - a;
      if (bernoulli_exp(off * off, 2 * numerator_ * denominator_ * t_ * t_)) return y;
    }
  }

 private:
  Wide below(Wide n) {  // uniform on 0 .. n - 1
    Wide mask = n - 1;
    for (int shift = 1; shift < 128; shift *= 2) mask |= mask >> shift;
    for (;;) {
      const Wide x = (static_cast<Wide>(random_()) << 64 | random_()) & mask;
      if (x < n) return x;
    }
  }
  bool bernoulli_exp_small(Wide p, Wide q) {  // exp(-p/q), p <= q
    Wide k = 1;
    while (below(q * k) < p) ++k;
    return k % 2 == 1;
  }
  bool bernoulli_exp(Wide p, Wide q) {
    for (; p > q; p -= q) {
      if (!bernoulli_exp_small(1, 1)) return false;
    }
    return bernoulli_exp_small(p, q);
  }
  std::int64_t laplace() {  // P(y) ~ exp(-|y| / t)
    for (;;) {
      const Wide u = below(t_);
      if (!bernoulli_exp_small(u, t_)) continue;
      Wide v = 0;
      while (bernoulli_exp_small(1, 1)) ++v;
      const auto x = static_cast<std::int64_t>(u + t_ * v);
      const bool negative = below(2) == 1;
      if (x == 0 && negative) continue;
      return negative ? -x : x;
    }
  }

  Wide numerator_, denominator_, t_ = 0;
  std::mt19937_64 random_;
};

}  // namespace recant::test

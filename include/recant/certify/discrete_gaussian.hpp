// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace recant {

class StripTable;

/// sigma^2 = numerator / denominator * 2^exponent, exactly.
struct RationalVariance {
  std::uint64_t numerator = 1, denominator = 1;
  int exponent = 0;
};

/// Whole numbers with P(y) = exp(-y^2 / (2 sigma^2)) / Z, Z the sum over all integers: exactly, not
/// to rounding.
///
/// The line is cut into strips of 2^k integers. A strip is drawn with a probability of
/// whole 2^-64ths that is above its share, a place in it uniformly, and the pair is kept with the
/// probability that makes up for both. That last coin compares a uniform number whose digits are
/// drawn as needed with a number that is bounded from both sides as closely as needed, so that
/// nothing is ever rounded. docs/mathematics.md section 5.2 proves it in a page,
/// docs/algorithms/discrete_gaussian.md tells it.
///
/// Assumes: 2^-20 <= sigma <= 2^42. |y| > 2^52 comes with a probability below exp(-5e5).
/// Not covered: the time taken depends on what is drawn (here as in [CanonneKamathSteinke2020]).
/// Random numbers are wiped after use, but not what the processor and the arbitrary-precision
/// library leave behind in registers and on the stack.
/// Cost: 2 milliseconds to build; about 25 nanoseconds and 16 random bytes a draw.
/// Source: the distribution and its use are [CanonneKamathSteinke2020]; the way to draw is ours.
class DiscreteGaussian {
 public:
  /// @throws UsageError unless the variance is in range, numerator and denominator not 0.
  explicit DiscreteGaussian(const RationalVariance& variance);

  /// Fills `out` with independent draws under a key that the system gives for this call alone, and
  /// that is wiped at its end. Nothing outlives the call, so that a fork has nothing to repeat.
  /// @throws DataError when the system gives no random bytes; `out` is then untouched.
  void draw(std::span<std::int64_t> out) const;

  /// The same draws for the same seed and size: for experiments that must be repeatable. Whoever
  /// knows the seed can take the noise away again: this certifies nothing.
  void draw_uncertified(std::uint64_t seed, std::span<std::int64_t> out) const;

 private:
  std::shared_ptr<const StripTable> table_;  // never changes: copies share it
};

}  // namespace recant

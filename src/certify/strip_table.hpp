// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "random_stream.hpp"
#include "real.hpp"
#include "recant/certify/discrete_gaussian.hpp"

namespace recant {

/// The proposals of the discrete Gaussian and the coin that makes them exact.
/// docs/mathematics.md section 5.2; its letters: w width, c_i weights, S scale, N strips.
///
///   strip i < N   {i w, ..., i w + w - 1}, weight c_i = ceil(S exp(-(i w)^2 / (2 sigma^2)))
///   tail          everything from N w on, in blocks of q strips, block k weighing 2^-k a strip
///   nothing       what is missing to 2^word_bits: draw again
///
/// The weights are whole numbers that add up to 2^word_bits, so that one random word chooses
/// without a remainder (alias method, [Walker1977]).
class StripTable {
 public:
  static constexpr int kColumnBits = 11;

  /// With word_bits below 64 the distribution is the same, but the tail and doubtful coins are no
  /// longer once in 10^17: that is how they are tested. At least 15.
  explicit StripTable(const RationalVariance& variance, int word_bits = 64);

  /// One draw.
  [[nodiscard]] std::int64_t draw(RandomStream& random) const;

  /// True with probability S exp(-y^2 / (2 sigma^2)) 2^shift / weight, at most 1; first_digits are
  /// coin_digits() binary digits of a uniform number, and more are drawn if they do not decide.
  [[nodiscard]] bool coin(std::uint64_t y, std::uint64_t weight, int shift,
                          std::uint64_t first_digits, RandomStream& random) const;

  [[nodiscard]] std::uint64_t strips() const noexcept { return strips_; }
  [[nodiscard]] int width_bits() const noexcept { return width_bits_; }
  [[nodiscard]] int tail_bits() const noexcept { return tail_bits_; }
  [[nodiscard]] std::uint64_t scale() const noexcept { return scale_; }
  /// A coin of strip i whose first coin_digits() binary digits are below it is surely kept.
  [[nodiscard]] std::uint64_t squeeze(std::uint64_t i) const { return squeeze_[i]; }
  /// Digits of the coin that come in one word with the place and the sign.
  [[nodiscard]] int coin_digits() const noexcept { return word_bits_ - 1 - width_bits_; }
  /// Of strip i, of the tail (i = N) and of nothing (N + 1).
  [[nodiscard]] std::uint64_t weight(std::uint64_t i) const { return weights_[i]; }
  /// Its part of the table, counted: equal to weight(i).
  [[nodiscard]] std::uint64_t weight_in_columns(std::uint64_t i) const;

 private:
  void choose_scale();
  void fill_columns();
  void fill_squeeze();
  void set_exponent(std::uint64_t y, Real& z, mpfr_rnd_t side) const;
  void bound_density(std::uint64_t y, Real& low, Real& high) const;
  void bound_coin(std::uint64_t y, std::uint64_t weight, Real& low, Real& high) const;
  [[nodiscard]] std::uint64_t draw_word(RandomStream& random) const;

  RationalVariance variance_;
  int word_bits_;
  int width_bits_ = 0;        // w = 2^width_bits
  int tail_bits_ = 0;         // q = 2^tail_bits
  std::uint64_t scale_ = 0;   // S
  std::uint64_t strips_ = 0;  // N
  std::vector<std::uint64_t> weights_, columns_, squeeze_;
};

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "strip_table.hpp"

#include <algorithm>
#include <cmath>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::uint64_t kColumns = std::uint64_t{1} << StripTable::kColumnBits;
// Strips to a sigma, at least (and less than twice as many). More of them make the coin surer but
// the table longer; these fit kColumns whatever sigma is.
constexpr double kStripsPerSigma = 112;
// Words kept free for rounding every weight up, and for the tail: N + 2q is always less.
std::uint64_t slack(int word_bits) {
  return std::min<std::uint64_t>(4096, std::uint64_t{1} << (word_bits - 5));
}
constexpr mpfr_prec_t kTableBits = 64;

double approximate_sigma(const RationalVariance& v) {
  return std::sqrt(std::ldexp(static_cast<double>(v.numerator) / static_cast<double>(v.denominator),
                              v.exponent));
}

/// 2^bits - x, modulo 2^64.
std::uint64_t complement(std::uint64_t x, int bits) {
  return (bits == 64 ? 0 : std::uint64_t{1} << bits) - x;
}

std::uint64_t low_bits(std::uint64_t x, int bits) {
  return x & ((std::uint64_t{1} << bits) - 1);
}

}  // namespace

StripTable::StripTable(const RationalVariance& variance, int word_bits)
    : variance_(variance), word_bits_(word_bits) {
  const double sigma = approximate_sigma(variance);
  width_bits_ = std::max(0, static_cast<int>(std::floor(std::log2(sigma / kStripsPerSigma))));
  choose_scale();
  fill_columns();
  fill_squeeze();
}

/// z = y^2 / (2 sigma^2), rounded to one side.
void StripTable::set_exponent(std::uint64_t y, Real& z, mpfr_rnd_t side) const {
  Real factor(64);
  mpfr_set_uj(z, y, side);
  mpfr_sqr(z, z, side);
  mpfr_set_uj(factor, variance_.numerator, MPFR_RNDN);
  mpfr_div(z, z, factor, side);
  mpfr_set_uj(factor, variance_.denominator, MPFR_RNDN);
  mpfr_mul(z, z, factor, side);
  mpfr_mul_2si(z, z, -1 - variance_.exponent, side);
}

/// low <= exp(-y^2 / (2 sigma^2)) <= high.
void StripTable::bound_density(std::uint64_t y, Real& low, Real& high) const {
  set_exponent(y, low, MPFR_RNDU);
  set_exponent(y, high, MPFR_RNDD);
  const bool exact = mpfr_equal_p(low, high) != 0;  // as when sigma^2 is a power of two
  mpfr_neg(low, low, MPFR_RNDN);
  mpfr_neg(high, high, MPFR_RNDN);
  mpfr_exp(low, low, MPFR_RNDD);
  if (exact) {
    mpfr_set(high, low, MPFR_RNDN);
    mpfr_nextabove(high);
  } else {
    mpfr_exp(high, high, MPFR_RNDU);
  }
}

/// low <= S exp(-y^2 / (2 sigma^2)) / weight <= high.
void StripTable::bound_coin(std::uint64_t y, std::uint64_t weight, Real& low, Real& high) const {
  Real factor(64);
  bound_density(y, low, high);
  mpfr_set_uj(factor, scale_, MPFR_RNDN);
  mpfr_mul(low, low, factor, MPFR_RNDD);
  mpfr_mul(high, high, factor, MPFR_RNDU);
  mpfr_set_uj(factor, weight, MPFR_RNDN);
  mpfr_div(low, low, factor, MPFR_RNDD);
  mpfr_div(high, high, factor, MPFR_RNDU);
}

/// S, N and the weights, such that N strips and the tail weigh at most 2^word_bits.
void StripTable::choose_scale() {
  // Any weight that is not below S times the density will do: doubles rounded up are enough.
  Real low(kTableBits), high(kTableBits), sum(kTableBits);
  std::vector<double> densities;
  mpfr_set_ui(sum, 0, MPFR_RNDU);
  do {
    bound_density(densities.size() << width_bits_, low, high);
    densities.push_back(mpfr_get_d(high, MPFR_RNDU));
    mpfr_add_d(sum, sum, densities.back(), MPFR_RNDU);
  } while (densities.back() > std::ldexp(1.0, -word_bits_));  // surely below 1/S at the last
  Real scale(kTableBits);
  mpfr_set_ui_2exp(scale, 1, word_bits_, MPFR_RNDD);
  mpfr_sub_ui(scale, scale, slack(word_bits_), MPFR_RNDD);
  mpfr_div(scale, scale, sum, MPFR_RNDD);
  scale_ = mpfr_get_uj(scale, MPFR_RNDD);

  std::uint64_t total = 0;
  for (;; ++strips_) {
    mpfr_set_uj(high, scale_, MPFR_RNDU);
    mpfr_mul_d(high, high, densities[strips_], MPFR_RNDU);
    if (mpfr_cmp_ui(high, 1) <= 0) break;
    weights_.push_back(mpfr_get_uj(high, MPFR_RNDU));
    total += weights_.back();
  }
  // Along a block of the tail the density halves at least: N w q w >= sigma^2 > ln(2) sigma^2.
  const double sigma = approximate_sigma(variance_);
  const double width = std::ldexp(1.0, width_bits_);
  const double q = sigma / (static_cast<double>(strips_) * width) * (sigma / width);
  while (std::ldexp(1.0, tail_bits_) < q) ++tail_bits_;
  weights_.push_back(std::uint64_t{2} << tail_bits_);
  total += weights_.back();
  if (strips_ + 2 > kColumns || strips_ + weights_.back() > slack(word_bits_)) {
    throw InternalError("the table of a discrete Gaussian is too small for its sigma");
  }
  weights_.push_back(complement(total, word_bits_));
}

/// Every column holds 2^(word_bits - 11) words: those of its own entry below a threshold, and above
/// it those of one other entry.
void StripTable::fill_columns() {
  const std::uint64_t capacity = std::uint64_t{1} << (word_bits_ - kColumnBits);
  std::vector<std::uint64_t> left = weights_;
  left.resize(kColumns, 0);
  std::vector<std::uint64_t> small, large;
  for (std::uint64_t i = 0; i < kColumns; ++i) (left[i] < capacity ? small : large).push_back(i);
  columns_.resize(kColumns);
  for (const std::uint64_t i : large) columns_[i] = i;  // threshold 0: all words are its own
  while (!small.empty()) {
    const std::uint64_t poor = small.back(), rich = large.back();
    small.pop_back();
    columns_[poor] = left[poor] << kColumnBits | rich;
    left[rich] -= capacity - left[poor];
    if (left[rich] >= capacity) continue;
    large.pop_back();
    small.push_back(rich);
  }
}

std::uint64_t StripTable::weight_in_columns(std::uint64_t i) const {
  const std::uint64_t capacity = std::uint64_t{1} << (word_bits_ - kColumnBits);
  std::uint64_t sum = 0;
  for (std::uint64_t column = 0; column < kColumns; ++column) {
    const std::uint64_t threshold = columns_[column] >> kColumnBits;
    if (column == i) sum += threshold;
    if (low_bits(columns_[column], kColumnBits) == i) sum += capacity - threshold;
  }
  return sum;
}

/// For each strip a lower bound of the coin at all its places, in the digits that one word leaves.
void StripTable::fill_squeeze() {
  Real low(kTableBits), high(kTableBits);
  for (std::uint64_t i = 0; i < strips_; ++i) {
    bound_coin(((i + 1) << width_bits_) - 1, weights_[i], low, high);
    mpfr_mul_2si(low, low, coin_digits(), MPFR_RNDD);
    squeeze_.push_back(mpfr_get_uj(low, MPFR_RNDD));
  }
}

/// Whether a uniform number is below the probability: digits are added to the one and bits to the
/// other until they are apart.
bool StripTable::coin(std::uint64_t y, std::uint64_t weight, int shift, std::uint64_t first_digits,
                      RandomStream& random) const {
  int digits = coin_digits();
  Real uniform(64), next(64);  // the digits so far allow what is from the one up to the other
  mpfr_set_uj_2exp(uniform, first_digits, -digits, MPFR_RNDN);
  for (mpfr_prec_t bits = 64;; bits += 64) {
    Real low(bits), high(bits);
    bound_coin(y, weight, low, high);
    mpfr_mul_2si(low, low, shift, MPFR_RNDD);
    mpfr_mul_2si(high, high, shift, MPFR_RNDU);
    mpfr_set_prec(next, digits + 1);  // enough for it to be exact, as below
    mpfr_set_ui_2exp(next, 1, -digits, MPFR_RNDN);
    mpfr_add(next, uniform, next, MPFR_RNDN);
    if (mpfr_cmp(next, low) <= 0) return true;
    if (mpfr_cmp(uniform, high) >= 0) return false;

    digits += word_bits_;
    mpfr_set_prec(next, 64);
    mpfr_set_uj_2exp(next, draw_word(random), -digits, MPFR_RNDN);
    mpfr_prec_round(uniform, digits, MPFR_RNDN);
    mpfr_add(uniform, uniform, next, MPFR_RNDN);
  }
}

std::uint64_t StripTable::draw_word(RandomStream& random) const {
  return random.next() >> (64 - word_bits_);
}

std::int64_t StripTable::draw(RandomStream& random) const {
  const int capacity_bits = word_bits_ - kColumnBits;
  for (;;) {
    const std::uint64_t choice = draw_word(random);
    const std::uint64_t column = choice >> capacity_bits, entry = columns_[column];
    const std::uint64_t strip = low_bits(choice, capacity_bits) < entry >> kColumnBits
                                    ? column
                                    : low_bits(entry, kColumnBits);
    if (strip > strips_) continue;

    // One word: the place in the strip, the first digits of the coin, the sign.
    const std::uint64_t word = draw_word(random);
    std::uint64_t y = strip << width_bits_ | low_bits(word, width_bits_);
    const std::uint64_t digits = low_bits(word, word_bits_ - 1) >> width_bits_;
    const bool negative = word >> (word_bits_ - 1) != 0;
    if (strip == strips_) {
      std::uint64_t block = 0;
      while ((random.next() & 1) != 0) ++block;
      y += (block << tail_bits_ | low_bits(random.next(), tail_bits_)) << width_bits_;
      if (!coin(y, 1, static_cast<int>(block), digits, random)) continue;
    } else if (digits >= squeeze_[strip] && !coin(y, weights_[strip], 0, digits, random)) {
      continue;
    }
    if (y == 0 && negative) continue;  // or zero would come twice as often
    return negative ? -static_cast<std::int64_t>(y) : static_cast<std::int64_t>(y);
  }
}

}  // namespace recant

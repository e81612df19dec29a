// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fast_float/fast_float.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace recant {

/// Up to 16 digits with a point among them or none, eight bytes at a time and with no branch on
/// what they are: most numbers of most files.
namespace short_decimal {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

constexpr std::uint64_t kEach = 0x0101010101010101;
constexpr std::uint64_t kZeros = '0' * kEach;
constexpr std::size_t kMaximumBytes = 16;
inline constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

inline std::uint64_t load(const char* from) noexcept {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

/// The last `count` of 1 to 8 bytes from here, behind zeros.
inline std::uint64_t load_last(const char* from, std::size_t count) noexcept {
  const std::size_t rest = 8 - count;
  return load(from) << (8 * rest) | kZeros >> 8 >> (56 - 8 * rest);
}

/// A bit in the lowest byte that is a point; those above are not to be trusted.
inline std::uint64_t find_point(std::uint64_t bytes) noexcept {
  const std::uint64_t difference = bytes ^ ('.' * kEach);
  return (difference - kEach) & ~difference & (0x80 * kEach);
}

/// Takes the point away: the bytes before it move up, and `first` becomes the first of them.
inline std::uint64_t without_point(std::uint64_t bytes, std::uint64_t point, std::uint64_t first,
                                   unsigned& decimals) noexcept {
  const unsigned before = static_cast<unsigned>(std::countr_zero(point)) / 8;
  decimals = 7 - before;
  const std::uint64_t low = ~(~std::uint64_t{0} << (8 * before));
  const std::uint64_t high = ~std::uint64_t{0} << (8 * before) << 8;
  return (bytes & high) | (bytes & low) << 8 | first;
}

inline bool is_digits(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kHigh = 0xF0 * kEach;
  return ((bytes & kHigh) | ((bytes + 6 * kEach) & kHigh) >> 4) == 0x33 * kEach;
}

/// The value of eight digits: pairs, then fours, then all.
inline std::uint64_t value_of(std::uint64_t digits) noexcept {
  constexpr std::uint64_t kPairs = 0x000000FF000000FF;
  digits -= kZeros;
  digits = digits * 10 + (digits >> 8);
  return ((digits & kPairs) * (100 + (std::uint64_t{1000000} << 32)) +
          (digits >> 16 & kPairs) * (1 + (std::uint64_t{10000} << 32))) >>
         32;
}

/// Digits and a power of ten that doubles hold exactly, so that their quotient is correctly rounded
/// ([Clinger1990]). False where the text is of another form, or longer.
inline bool parse(const char* begin, std::size_t size, double& value) noexcept {
  const std::uint64_t minus = *begin == '-';
  const std::size_t sign = minus | static_cast<std::size_t>(*begin == '+');
  begin += sign;
  size -= sign;
  if (size - 1 >= kMaximumBytes) return false;
  unsigned decimals = 0;
  std::uint64_t digits = 0;
  if (size <= 8) {
    std::uint64_t all = load_last(begin, size);
    if (const std::uint64_t point = find_point(all)) {
      if (size == 1) return false;
      all = without_point(all, point, '0', decimals);
    }
    if (!is_digits(all)) return false;
    digits = value_of(all);
  } else {
    std::uint64_t upper = load_last(begin, size - 8), lower = load(begin + size - 8);
    if (const std::uint64_t point = find_point(lower)) {
      lower = without_point(lower, point, upper >> 56, decimals);
      upper = upper << 8 | '0';
    } else if (const std::uint64_t early = find_point(upper)) {
      upper = without_point(upper, early, '0', decimals);
      decimals += 8;
    }
    if (!is_digits(lower) || !is_digits(upper)) return false;
    digits = value_of(upper) * 100'000'000 + value_of(lower);
    if (digits > std::uint64_t{1} << 53) return false;
  }
  const double magnitude =
      static_cast<double>(static_cast<std::int64_t>(digits)) / kPowers[decimals];
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(magnitude) | minus << 63);
  return true;
}

}  // namespace short_decimal

/// Reads a text that is wholly a finite decimal number; false for any other text. The 8 bytes
/// behind it may be read.
[[nodiscard]] inline bool parse_number(std::string_view text, double& value) noexcept {
  if (!text.empty() && short_decimal::parse(text.data(), text.size(), value)) return true;
  const char* begin = text.data();
  const char* const end = begin + text.size();
  if (text.size() > 1 && *begin == '+' && begin[1] != '-') ++begin;  // which fast_float refuses
  const auto [stop, code] = fast_float::from_chars(begin, end, value);
  return code == std::errc() && stop == end && std::isfinite(value);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <utility>

namespace recant {

/// Random numbers that are a function of (seed, stream, how many were drawn) alone: sample t draws
/// from stream t, whichever thread works on it. The engine is mt19937_64, whose output the C++
/// standard fixes; the standard's distributions are not used, since they differ by library.
/// Not for secrets.
class SeededRandom {
 public:
  SeededRandom(std::uint64_t seed, std::uint64_t stream) : engine_(engine(seed, stream)) {}

  /// 64 random bits.
  std::uint64_t bits() { return engine_(); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in 0 .. count-1, exactly: draws beyond the last whole multiple are rejected. count >
  /// 0.
  std::uint64_t below(std::uint64_t count) {
    const std::uint64_t excess = (UINT64_MAX % count + 1) % count;  // 2^64 mod count
    while (true) {
      const std::uint64_t drawn = bits();
      if (drawn <= UINT64_MAX - excess) return drawn % count;
    }
  }

  /// A uniformly random order of what is there (Fisher and Yates).
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[below(i)]);
    }
  }

 private:
  static std::mt19937_64 engine(std::uint64_t seed, std::uint64_t stream) {
    std::seed_seq words{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                        static_cast<std::uint32_t>(stream),
                        static_cast<std::uint32_t>(stream >> 32)};
    return std::mt19937_64(words);
  }
  std::mt19937_64 engine_;
};

}  // namespace recant

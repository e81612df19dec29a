// SPDX-License-Identifier: Apache-2.0
// What docs/mathematics.md section 5.2 assumes of the table, counted; and the branches of the
// sampler that 64-bit words reach once in 10^17 draws, reached by shorter words.
#include "strip_table.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "noise_statistics.hpp"

namespace recant::test {
namespace {

const RationalVariance kVariances[] = {
    {1, 100},         {1, 1},     {7, 3},           {50'176, 1},      {.exponent = 20},
    {.exponent = 21}, {3, 2, 24}, {.exponent = 60}, {.exponent = 84}, {999, 1000, 33}};

long double value(const RationalVariance& v) {
  return std::ldexp(static_cast<long double>(v.numerator) / static_cast<long double>(v.denominator),
                    v.exponent);
}

long double density(const RationalVariance& v, long double y) {
  return std::exp(-y * y / (2 * value(v)));
}

TEST(StripTable, WeightsAreAboveTheDensityAndAddUp) {
  for (const RationalVariance& v : kVariances) {
    for (const int bits : {15, 20, 32, 64}) {
      const StripTable table(v, bits);
      if (table.width_bits() + 2 > bits) continue;
      const std::uint64_t n = table.strips();
      const auto scale = static_cast<long double>(table.scale());
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i < n + 2; ++i) {
        sum += table.weight(i);
        EXPECT_EQ(table.weight_in_columns(i), table.weight(i)) << i;
      }
      EXPECT_EQ(sum, bits == 64 ? 0 : std::uint64_t{1} << bits) << "modulo 2^64";
      for (std::uint64_t i = 0; i < n; ++i) {
        const auto weight = static_cast<long double>(table.weight(i));
        const long double wanted =
            scale * density(v, std::ldexp(static_cast<long double>(i), table.width_bits()));
        EXPECT_GE(weight, wanted * (1 - 1e-16L)) << i;
        EXPECT_LE(weight, wanted * (1 + 1e-15L) + 1) << i;
        const auto end = static_cast<long double>(((i + 1) << table.width_bits()) - 1);
        const long double coin = std::ldexp(scale * density(v, end) / weight, table.coin_digits());
        EXPECT_LE(static_cast<long double>(table.squeeze(i)), coin * (1 + 1e-16L)) << i;
        EXPECT_GE(static_cast<long double>(table.squeeze(i)), coin * (1 - 1e-16L) - 1) << i;
      }
      // The tail: no strip is above weight 1, and halving from block to block is slow enough.
      const long double start = std::ldexp(static_cast<long double>(n), table.width_bits());
      const long double block =
          std::exp2(static_cast<long double>(table.tail_bits() + table.width_bits()));
      EXPECT_LE(scale * density(v, start), 1 + 1e-15L);
      for (int k = 1; k < 50; ++k) {
        EXPECT_LE(scale * density(v, start + k * block), std::exp2(-static_cast<long double>(k)));
      }
      EXPECT_EQ(table.weight(n), std::uint64_t{2} << table.tail_bits());
      EXPECT_LT(static_cast<long double>(table.weight(n + 1)),
                std::exp2(static_cast<long double>(bits)) / 32)
          << "draws are seldom thrown away";
    }
  }
}

TEST(StripTable, ShortWordsDrawTheSameDistribution) {
  // 15-bit words: the tail begins at 3.3 sigma, coins have 14 digits, or 4 with the widest strips.
  for (const RationalVariance& v :
       {RationalVariance{.exponent = 14}, {.exponent = 20}, {3, 2, 20}, {.exponent = 34}}) {
    const StripTable table(v, 15);
    RandomStream random = RandomStream::seeded(77);
    const ExactPmf pmf(value(v));
    const auto tail = static_cast<std::int64_t>(table.strips()) << table.width_bits();
    long double tail_share = 0;
    for (std::int64_t y = tail; y <= pmf.end(); ++y) tail_share += 2 * pmf(y);
    Cells cells(pmf, 20'000);
    const int count = 3'000'000;
    int in_tail = 0;
    for (int i = 0; i < count; ++i) {
      const std::int64_t y = table.draw(random);
      cells.add(y);
      if (std::abs(y) >= tail) ++in_tail;
    }
    EXPECT_LT(std::abs(cells.score()), NoiseStatistics::kAlarm);
    const auto wanted = static_cast<double>(tail_share * count);
    EXPECT_GT(wanted, 3000);
    EXPECT_NEAR(in_tail, wanted, NoiseStatistics::kAlarm * std::sqrt(wanted) + 7);
  }
}

TEST(StripTable, ACoinThatItsFirstDigitsDoNotDecide) {
  for (const RationalVariance& v : {RationalVariance{.exponent = 34}, {3, 2, 33}}) {
    const StripTable table(v, 15);
    ASSERT_LE(table.coin_digits(), 5);
    RandomStream random = RandomStream::seeded(78);
    for (const std::uint64_t y : {0, 100'000, 250'000}) {
      for (const int shift : {0, 3}) {
        const long double weight =
            static_cast<long double>(table.scale()) * density(v, static_cast<long double>(y));
        const auto divisor = static_cast<std::uint64_t>(std::ceil(weight * 1.4L)) << shift;
        const auto wanted =
            static_cast<double>(std::ldexp(weight / static_cast<long double>(divisor), shift));
        const int count = 50'000;
        int kept = 0;
        for (int i = 0; i < count; ++i) {
          const std::uint64_t digits = random.next() >> (64 - table.coin_digits());
          kept += table.coin(y, divisor, shift, digits, random) ? 1 : 0;
        }
        EXPECT_NEAR(kept, wanted * count, NoiseStatistics::kAlarm * std::sqrt(0.25 * count)) << y;
      }
    }
  }
}

}  // namespace
}  // namespace recant::test

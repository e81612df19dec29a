// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/agreement.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

TEST(AgreementTest, IsCountedByHand) {
  Vector predicted(5), actual(5);
  predicted << 1, 2, 3, 4, 10;
  actual << 2, 4, 6, 8, 10;
  const Agreement a = agreement(predicted, actual);
  EXPECT_EQ(a.count, 5);
  // Deviations: predicted -3 -2 -1 0 6, actual -4 -2 0 2 4; products sum to 40.
  EXPECT_NEAR(*a.pearson, 40 / std::sqrt(50.0 * 40), 1e-15);
  EXPECT_NEAR(*a.slope, 1, 1e-15);
  EXPECT_NEAR(*a.spearman, 1, 1e-15);
  EXPECT_EQ(a.largest_error, 4);
  EXPECT_EQ(a.worst, 3);
}

TEST(AgreementTest, EqualValuesShareTheirMeanRank) {
  Vector a(5), b(5);
  a << 7, 7, 1, 9, 7;   // ranks 3 3 1 5 3
  b << 0, 5, -2, 5, 1;  // ranks 2 4.5 1 4.5 3
  // Deviations from 3: 0 0 -2 2 0 and -1 1.5 -2 1.5 0: 7 / sqrt(8 * 9.5).
  EXPECT_NEAR(*agreement(a, b).spearman, 7 / std::sqrt(8 * 9.5), 1e-15);
}

TEST(AgreementTest, DoesNotChangeWithUnits) {
  test::Random random(1);
  const Vector x = random.normals(200), y = x + 0.3 * random.normals(200);
  const Agreement plain = agreement(x, y);
  for (const double scale : {1e-200, 1e200}) {
    const Agreement scaled = agreement(scale * x, scale * y);
    EXPECT_NEAR(*scaled.pearson, *plain.pearson, 1e-14);
    EXPECT_NEAR(*scaled.slope, *plain.slope, 1e-13);
    EXPECT_EQ(*scaled.spearman, *plain.spearman);
  }
  EXPECT_NEAR(*agreement(-x, y).pearson, -*plain.pearson, 1e-15);
  EXPECT_NEAR(*agreement(3 * x, y).slope, 3 * *plain.slope, 1e-14);
}

TEST(AgreementTest, OfAConstantHasNoCorrelation) {
  const Vector same = Vector::Ones(3), other = Vector::LinSpaced(3, 0, 1);
  const Agreement a = agreement(other, same);
  EXPECT_FALSE(a.pearson || a.spearman || a.slope);
  const Agreement b = agreement(same, other);
  EXPECT_FALSE(b.pearson || b.spearman);
  EXPECT_EQ(*b.slope, 0);
}

TEST(AgreementTest, RefusesWhatItCannotUse) {
  const Vector three = Vector::LinSpaced(3, 0, 1);
  Vector broken = three;
  broken(1) = std::nan("");
  test::expect_error<UsageError>([&] { return agreement(three, Vector::Ones(2)); },
                                 {"actual", "3"});
  test::expect_error<UsageError>([&] { return agreement(Vector(), Vector()); }, {"predicted"});
  test::expect_error<UsageError>([&] { return agreement(three, broken); }, {"actual", "finite"});
  test::expect_error<UsageError>([&] { return agreement(broken, three); }, {"predicted", "finite"});
}

}  // namespace
}  // namespace recant

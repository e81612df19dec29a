// SPDX-License-Identifier: Apache-2.0
#include "recant/core/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();
constexpr double kMax = std::numeric_limits<double>::max();

/// The message of the UsageError that `check` throws; empty if it throws none.
std::string refusal(const std::function<void()>& check) {
  try {
    check();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

struct Case {
  double value;
  bool finite, positive, non_negative, unit;
};

TEST(Check, AcceptsExactlyItsSet) {
  const Case cases[] = {{kNaN, false, false, false, false},  {kInf, false, false, false, false},
                        {-kInf, false, false, false, false}, {-1, true, false, false, false},
                        {-kTiny, true, false, false, false}, {-0.0, true, false, true, true},
                        {0, true, false, true, true},        {kTiny, true, true, true, true},
                        {1, true, true, true, true},         {1 + 1e-15, true, true, true, false},
                        {kMax, true, true, true, false}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value);
    EXPECT_EQ(refusal([&] { check_finite("x", c.value); }).empty(), c.finite);
    EXPECT_EQ(refusal([&] { check_positive("x", c.value); }).empty(), c.positive);
    EXPECT_EQ(refusal([&] { check_non_negative("x", c.value); }).empty(), c.non_negative);
    EXPECT_EQ(refusal([&] { check_between("x", c.value, 0, 1); }).empty(), c.unit);
  }
}

TEST(Check, SaysNameRangeAndValue) {
  EXPECT_EQ(refusal([] { check_finite("a", -kInf); }), "a must be finite, but is -inf");
  EXPECT_EQ(refusal([] { check_positive("l2", kNaN); }), "l2 must be finite and > 0, but is nan");
  EXPECT_EQ(refusal([] { check_non_negative("share", -0.5); }),
            "share must be finite and >= 0, but is -0.5");
  EXPECT_EQ(refusal([] { check_between("delta", 2, 0, 1); }),
            "delta must be between 0 and 1, but is 2");
  EXPECT_EQ(refusal([] { check_at_least("rounds", 0, 1); }), "rounds must be at least 1, but is 0");
  EXPECT_EQ(refusal([] { check_size("gradient", 3, 4); }),
            "gradient has 3 entries, but 4 are needed");
}

TEST(Check, IntegersAtTheBoundary) {
  EXPECT_EQ(refusal([] { check_at_least("rounds", 1, 1); }), "");
  EXPECT_EQ(refusal([] { check_size("gradient", 0, 0); }), "");
  EXPECT_NE(refusal([] { check_size("gradient", 5, 4); }), "");
}

}  // namespace
}  // namespace recant

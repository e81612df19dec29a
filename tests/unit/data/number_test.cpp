// SPDX-License-Identifier: Apache-2.0
#include "number.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <string>

#include "problems.hpp"

namespace recant {
namespace {

/// With bytes behind it that are no part of it, as in a CSV file.
bool parse(const std::string& text, double& value) {
  const std::string padded = text + ",1.5\"3e7,";
  return parse_number({padded.data(), text.size()}, value);
}

/// By the standard library, which rounds correctly.
void expect_as_standard(const std::string& text) {
  double wanted = 0, found = 0;
  const std::size_t sign = text.size() > 1 && text[0] == '+' && text[1] != '-' ? 1 : 0;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data() + sign, end, wanted);
  if (code == std::errc::result_out_of_range) {  // it gives nothing; strtod gives 0 or infinity
    wanted = std::strtod(text.c_str(), nullptr);
  }
  const bool number = code != std::errc::invalid_argument && stop == end && std::isfinite(wanted);
  ASSERT_EQ(parse(text, found), number) << text;
  if (!number) return;
  ASSERT_EQ(std::bit_cast<std::uint64_t>(found), std::bit_cast<std::uint64_t>(wanted)) << text;
  ASSERT_EQ(std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr)),
            std::bit_cast<std::uint64_t>(wanted))
      << text;
}

std::string digits(test::Random& random, Index count) {
  std::string text;
  for (; count > 0; --count) text += static_cast<char>('0' + random.below(10));
  return text;
}

std::string decimal(test::Random& random) {
  static constexpr std::array kSigns = {"", "", "", "-", "+"};
  std::string text = kSigns[static_cast<std::size_t>(random.below(5))];
  text += digits(random, random.below(21));
  if (random.below(4) != 0) text.append(".").append(digits(random, random.below(18)));
  if (random.below(6) == 0) text += fmt::format("e{}", random.below(640) - 330);
  return text;
}

TEST(Number, IsRoundedAsByTheStandardLibrary) {
  test::Random random(8);
  for (int i = 0; i < 2'000'000 && !testing::Test::HasFatalFailure(); ++i) {
    expect_as_standard(decimal(random));
  }
}

TEST(Number, IsReadBackFromEveryWayToWriteIt) {
  test::Random random(9);
  for (int i = 0; i < 300'000 && !testing::Test::HasFatalFailure(); ++i) {
    const double value = random.normal() * std::pow(10, static_cast<double>(random.below(12)) - 6);
    for (const std::string& text : {fmt::format("{}", value), fmt::format("{:.17g}", value)}) {
      double found = 0;
      ASSERT_TRUE(parse(text, found)) << text;
      ASSERT_EQ(found, value) << text;
    }
    expect_as_standard(fmt::format("{:.{}f}", value, random.below(7)));
  }
}

TEST(Number, IsNothingElse) {
  test::Random random(10);
  for (int i = 0; i < 1'000'000 && !testing::Test::HasFatalFailure(); ++i) {
    std::string text = decimal(random).append("0");
    const auto place = static_cast<std::size_t>(random.below(std::ssize(text)));
    // The neighbours of the digits, of the point and of the signs, and bytes with the high bit.
    static constexpr std::string_view kOthers = "/:.,-+ eE;!\"*@pPox\x80\xB0\xB9\xFA\xFF\x10\x19\t";
    text[place] = kOthers[static_cast<std::size_t>(random.below(std::ssize(kOthers)))];
    expect_as_standard(text);
  }
  for (const std::string text : {"",
                                 ".",
                                 "-",
                                 "+",
                                 "-.",
                                 "+.",
                                 "..",
                                 "1..",
                                 "1.2.3",
                                 "12345678.9.1",
                                 "--1",
                                 "+-1",
                                 "-+1",
                                 "++1",
                                 "nan",
                                 "inf",
                                 "0x1",
                                 "1e",
                                 "1e999",
                                 "123456789.12345.7",
                                 ".12345678901234.",
                                 "1 ",
                                 " 1"}) {
    double value = 0;
    EXPECT_FALSE(parse(text, value)) << text;
  }
}

TEST(Number, KeepsTheSignOfZeroAndTheLastBit) {
  for (const std::string text :
       {"-0", "-0.0", "+0", "-.0", "0.", "00000000", "9007199254740992", "9007199254740993",
        "-9007199254740993", "900719925474099.3", ".9007199254740993", "99999999", "99999999.9",
        "0000000000000001", "9999999999999999", "0.1", "0.000000000000001", "1e-999"}) {
    expect_as_standard(text);
  }
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/printable.hpp"

#include <gtest/gtest.h>

#include <string>

#include "recant/core/error.hpp"

namespace recant {
namespace {

using namespace std::string_literals;

TEST(Printable, LeavesTextAsItIs) {
  for (const std::string& text :
       {""s, "sex"s, "a\\nb"s, "\xC3\xA4"s, "\xC2\xA0"s, "\xE2\x82\xAC"s, "\xF0\x9F\x98\x80"s}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, WritesControlCharactersOut) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31mred\x07\x7f"), "\\x1b[31mred\\x07\\x7f");
  EXPECT_EQ(printable("a\0b"s), "a\\x00b");
  EXPECT_EQ(printable("\xC2\x80\xC2\x9B\xC2\x9F"), "\\u0080\\u009b\\u009f");
}

TEST(Printable, WritesBytesOutThatAreNoUtf8) {
  EXPECT_EQ(printable("a\xFFz"), "a\\xffz");
  EXPECT_EQ(printable("\xC3"), "\\xc3");
  EXPECT_EQ(printable("\xC3\n"), "\\xc3\\n") << "what follows is not taken for its second byte";
  EXPECT_EQ(printable("\xE2\x82"), "\\xe2\\x82");
  EXPECT_EQ(printable("\xC0\x8A"), "\\xc0\\x8a") << "a line end in an overlong form";
}

TEST(Printable, KeepsTheLineEndsOfATextOfSeveralLines) {
  EXPECT_EQ(printable("a\n\x1b\n", '\n'), "a\n\\x1b\n");
}

/// Whatever names a file or a column has: see also ErrorTest.
TEST(Printable, AnErrorIsOneLineAndItsPartsAreAsTheyWere) {
  const UsageError error("has no column 'a\nb'", "x\x1b.csv", "c\r");
  EXPECT_STREQ(error.what(), "x\\x1b.csv: has no column 'a\\nb'; c\\r");
  EXPECT_EQ(error.message(), "has no column 'a\nb'");
  EXPECT_EQ(error.where(), "x\x1b.csv");
}

}  // namespace
}  // namespace recant

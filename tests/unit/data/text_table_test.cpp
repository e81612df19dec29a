// SPDX-License-Identifier: Apache-2.0
#include "text_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "problems.hpp"

namespace recant {
namespace {

/// With other bytes behind it each time, as cells have them.
class Cell {
 public:
  Cell(const std::string& text, test::Random& random) : bytes_(text), size_(text.size()) {
    for (int i = 0; i < 16; ++i) bytes_ += static_cast<char>(random.below(256));
  }
  operator std::string_view() const { return {bytes_.data(), size_}; }  // NOLINT

 private:
  std::string bytes_;
  std::size_t size_;
};

/// Texts of few bytes, so that many are alike but for one byte or their length.
std::string made(test::Random& random) {
  std::string text(static_cast<std::size_t>(random.below(28)), 'a');
  for (Index k = random.below(3); k > 0 && !text.empty(); --k) {
    text[static_cast<std::size_t>(random.below(std::ssize(text)))] =
        static_cast<char>(random.below(256));
  }
  return text;
}

TEST(TextTable, KnowsEveryTextFromEveryOther) {
  test::Random random(11);
  TextTable table;
  std::map<std::string, std::int32_t> codes;
  std::vector<Index> counts;
  for (int i = 0; i < 200'000; ++i) {
    const std::string text = made(random);
    const auto [at, is_new] = codes.emplace(text, static_cast<std::int32_t>(codes.size()));
    if (is_new) counts.push_back(0);
    if (i % 2 == 0 || is_new) {
      ASSERT_EQ(table.find(Cell(text, random)).has_value(), !is_new);
    }
    ASSERT_EQ(table.add(Cell(text, random)), at->second);
    ++counts[static_cast<std::size_t>(at->second)];
  }
  EXPECT_GT(table.size(), 10'000U);
  EXPECT_EQ(table.counts(), counts);
  for (const auto& [text, code] : codes) {
    EXPECT_EQ(table.texts()[static_cast<std::size_t>(code)], text);
  }

  const TextTable again(table.texts());
  for (const auto& [text, code] : codes) ASSERT_EQ(again.find(Cell(text, random)), code);
  EXPECT_FALSE(again.find(Cell("never", random)));
  EXPECT_EQ(again.counts(), std::vector<Index>(table.size(), 0));
}

}  // namespace
}  // namespace recant

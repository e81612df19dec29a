// SPDX-License-Identifier: Apache-2.0
#include "special_bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "instruction_sets.hpp"

namespace recant {
namespace {

TEST(SpecialBytes, AreThoseAndNoOthers) {
  constexpr std::size_t kWords = 257;  // every byte in every place of a word
  std::string text;
  for (std::size_t i = 0; i < 64 * kWords; ++i) text += static_cast<char>(i % 257);
  const std::string_view special("\0,\"\n\r", 5);
  for_each_instruction_set([&] {
    std::vector<std::uint64_t> marks(kWords, 0x5555);
    simd::mark_special_bytes(text.data(), kWords, marks.data());
    for (std::size_t i = 0; i < text.size(); ++i) {
      ASSERT_EQ((marks[i / 64] >> (i % 64) & 1) != 0,
                special.find(text[i]) != std::string_view::npos)
          << "byte " << static_cast<int>(text[i]) << " at " << i;
    }
  });
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/core/fingerprint.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace recant {
namespace {

template <class... Parts>
std::uint64_t of(const Parts&... parts) {
  Fingerprint fingerprint;
  (fingerprint.add(parts), ...);
  return fingerprint.value();
}

TEST(FingerprintTest, TellsInputsApart) {
  using Numbers = std::vector<double>;
  using View = std::span<const double>;
  const Numbers none, one{1}, two{2}, both{1, 2}, swapped{2, 1}, zero{0}, minus_zero{-0.0};
  const std::set<std::uint64_t> all = {of(),
                                       of(View(none)),
                                       of(View(one)),
                                       of(View(two)),
                                       of(View(both)),
                                       of(View(swapped)),
                                       of(View(zero)),
                                       of(View(minus_zero)),
                                       of(View(one), View(two)),
                                       of(View(two), View(one)),
                                       of(std::string_view("a")),
                                       of(std::string_view("b")),
                                       of(std::string_view("ab")),
                                       of(std::string_view("a"), std::string_view("b"))};
  EXPECT_EQ(all.size(), 14U);
  EXPECT_EQ(of(View(both)), of(View(Numbers(both))));
}

}  // namespace
}  // namespace recant

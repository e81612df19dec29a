// SPDX-License-Identifier: Apache-2.0
#include "radix_sort.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace recant {
namespace {

/// Least significant digit first, `kBits` at a time.
template <int kBits>
void radix_sort(std::vector<std::uint64_t>& items, std::vector<std::uint64_t>& spare) {
  constexpr int kPasses = (32 + kBits - 1) / kBits;
  constexpr std::size_t kDigits = std::size_t{1} << kBits;
  const auto digit = [](std::uint64_t item, int pass) {
    return static_cast<std::size_t>(item >> (32 + pass * kBits)) & (kDigits - 1);
  };
  std::array<std::array<std::uint32_t, kDigits>, kPasses> places{};
  for (const std::uint64_t item : items) {
    for (int pass = 0; pass < kPasses; ++pass) {
      ++places[static_cast<std::size_t>(pass)][digit(item, pass)];
    }
  }
  for (int pass = 0; pass < kPasses; ++pass) {
    auto& place = places[static_cast<std::size_t>(pass)];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : place) sum += std::exchange(count, sum);
    for (const std::uint64_t item : items) spare[place[digit(item, pass)]++] = item;
    items.swap(spare);
  }
}

}  // namespace

void sort_by_upper_half(std::vector<std::uint64_t>& items, std::vector<std::uint64_t>& spare) {
  spare.resize(items.size());
  constexpr std::size_t kFew = 256, kMany = std::size_t{1} << 17;
  if (items.size() < kFew) {
    std::stable_sort(items.begin(), items.end(),
                     [](std::uint64_t a, std::uint64_t b) { return a >> 32 < b >> 32; });
  } else if (items.size() < kMany) {
    radix_sort<11>(items, spare);
  } else {
    radix_sort<8>(items, spare);  // more passes, but their open pages fit the TLB
  }
}

}  // namespace recant

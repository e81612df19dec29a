// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

namespace recant {

/// 64 bits that tell inputs apart: saved work is continued only on the inputs it belongs to.
/// Every bit and the order count. Against mistakes, not against someone who wants two to collide.
class Fingerprint {
 public:
  void add(std::uint64_t word) {
    // The finaliser of splitmix64, in a chain.
    std::uint64_t z = (value_ ^ word) + 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    value_ = z ^ (z >> 31);
  }
  void add(double number) { add(std::bit_cast<std::uint64_t>(number)); }
  void add(std::int64_t number) { add(static_cast<std::uint64_t>(number)); }
  void add(std::span<const double> numbers) {
    add(static_cast<std::uint64_t>(numbers.size()));
    for (const double number : numbers) add(number);
  }
  void add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }

  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace recant

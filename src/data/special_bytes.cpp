// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "special_bytes.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "special_bytes.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<std::uint8_t, 64>;
constexpr std::size_t N = hn::MaxLanes(Tag());

void mark_special_bytes(const char* text, std::size_t words, std::uint64_t* marks) {
  const Tag tag;
  const auto comma = hn::Set(tag, ','), quote = hn::Set(tag, '"');
  const auto line_feed = hn::Set(tag, '\n'), carriage_return = hn::Set(tag, '\r');
  const auto* from = reinterpret_cast<const std::uint8_t*>(text);
  auto* to = reinterpret_cast<std::uint8_t*>(marks);
  for (std::size_t i = 0; i < 64 * words; i += N) {
    const auto bytes = hn::LoadU(tag, from + i);
    const auto ends_cell = hn::Or(hn::Eq(bytes, comma), hn::Eq(bytes, quote));
    const auto ends_line = hn::Or(hn::Eq(bytes, line_feed), hn::Eq(bytes, carriage_return));
    const auto special = hn::Or(hn::Or(ends_cell, ends_line), hn::Eq(bytes, hn::Zero(tag)));
    if constexpr (N >= 8) {
      hn::StoreMaskBits(tag, special, to + i / 8);
    } else {  // several vectors share a byte
      std::uint8_t few[8] = {};
      hn::StoreMaskBits(tag, special, few);
      const int before = i % 8 == 0 ? 0 : to[i / 8];
      to[i / 8] = static_cast<std::uint8_t>(before | few[0] << i % 8);
    }
  }
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(mark_special_bytes);

void mark_special_bytes(const char* text, std::size_t words, std::uint64_t* marks) {
  HWY_DYNAMIC_DISPATCH(mark_special_bytes)(text, words, marks);
}

}  // namespace recant::simd
#endif

// SPDX-License-Identifier: Apache-2.0
// Sums that are the same to the last bit on every instruction set: eight of them side by side,
// whatever the width of a vector, each of every eighth term. No multiplication is fused with an
// addition, which not every processor can: files that include this are compiled with
// -ffp-contract=off. It is included again for each instruction set.
#if defined(RECANT_LINALG_OCTETS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RECANT_LINALG_OCTETS_INL_HPP
#undef RECANT_LINALG_OCTETS_INL_HPP
#else
#define RECANT_LINALG_OCTETS_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace recant::octets::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<double, 8>;
using Lanes = hn::Vec<Tag>;
using Mask = hn::Mask<Tag>;
/// A vector, and how many of them are eight values.
constexpr std::size_t kWidth = hn::MaxLanes(Tag()), kParts = 8 / kWidth;

/// Count sums, each in eight lanes.
template <std::size_t Count>
class Sums {
 public:
  HWY_INLINE Sums() {
#pragma GCC unroll(kParts == 8 ? 1 : kParts)
    for (std::size_t part = 0; part < kParts; ++part) {
#pragma GCC unroll 32
      for (std::size_t s = 0; s < Count; ++s) lanes_[part][s] = hn::Zero(Tag());
    }
  }
  HWY_INLINE void add(std::size_t part, std::size_t s, Lanes x) {
    lanes_[part][s] = hn::Add(lanes_[part][s], x);
  }
  HWY_INLINE void add_product(std::size_t part, std::size_t s, Lanes x, Lanes y) {
    add(part, s, hn::Mul(x, y));
  }
  [[nodiscard]] HWY_INLINE double total(std::size_t s) const {
    HWY_ALIGN double v[8];
#pragma GCC unroll(kParts == 8 ? 1 : kParts)
    for (std::size_t part = 0; part < kParts; ++part) {
      hn::Store(lanes_[part][s], Tag(), v + part * kWidth);
    }
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
  }

 private:
  Lanes lanes_[kParts][Count];
};

/// The largest of many, in eight lanes; no number counts for nothing.
class Largest {
 public:
  HWY_INLINE Largest() {
#pragma GCC unroll(kParts == 8 ? 1 : kParts)
    for (std::size_t part = 0; part < kParts; ++part) lanes_[part] = hn::Zero(Tag());
  }
  HWY_INLINE void look(std::size_t part, Lanes x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
    lanes_[part] = hn::Max(x, lanes_[part]);  // the second where the first is no number
#else
    lanes_[part] = hn::IfThenElse(hn::Gt(x, lanes_[part]), x, lanes_[part]);
#endif
  }
  /// At least 0.
  [[nodiscard]] HWY_INLINE double value() const {
    HWY_ALIGN double v[8];
#pragma GCC unroll(kParts == 8 ? 1 : kParts)
    for (std::size_t part = 0; part < kParts; ++part) {
      hn::Store(lanes_[part], Tag(), v + part * kWidth);
    }
    double largest = v[0];
    for (const double x : v) largest = x > largest ? x : largest;
    return largest;
  }

 private:
  Lanes lanes_[kParts];
};

/// Runs task(part, at) for the vectors of `count` values, a multiple of eight.
template <class Task>
HWY_INLINE void for_each_vector(std::size_t count, Task&& task) {
  for (std::size_t i = 0; i < count; i += 8) {
#pragma GCC unroll(kParts == 8 ? 1 : kParts)
    for (std::size_t part = 0; part < kParts; ++part) task(part, i + part * kWidth);
  }
}

}  // namespace recant::octets::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

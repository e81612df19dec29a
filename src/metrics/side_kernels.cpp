// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "side_kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "side_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<double>;
using Lanes = hn::Vec<Tag>;
using Mask = hn::Mask<Tag>;
constexpr std::size_t N = hn::MaxLanes(Tag());

/// Runs task(i, here, there) with the masks of the rows on either side, N rows at a time, and
/// rest(i, side) for the last ones with 1 for here, -1 for there, 0 for rows that do not count.
template <class Task, class Rest>
HWY_INLINE void for_each_side(const Sides& sides, std::size_t begin, std::size_t count, Task&& task,
                              Rest&& rest) {
  const Tag tag;
  const hn::Rebind<std::int32_t, Tag> codes_tag;
  const std::int32_t* codes = sides.codes + begin;
  const double* targets = sides.targets + begin;
  const bool labelled = (sides.labels & 0b10) != 0, others = (sides.labels & 0b01) != 0;
  const Lanes group = hn::Set(tag, sides.group), label = hn::Set(tag, sides.label);
  const Mask all = hn::FirstN(tag, N), none = hn::FirstN(tag, 0);
  const Mask if_labelled = labelled ? all : none, if_other = others ? all : none;
  std::size_t i = 0;
  for (; i + N <= count; i += N) {
    const Mask in = hn::Eq(hn::PromoteTo(tag, hn::LoadU(codes_tag, codes + i)), group);
    const Mask has = hn::Eq(hn::LoadU(tag, targets + i), label);
    const Mask counts = hn::Or(hn::And(has, if_labelled), hn::AndNot(has, if_other));
    task(i, hn::And(in, counts), hn::AndNot(in, counts));
  }
  for (; i < count; ++i) {
    const bool counts = targets[i] == sides.label ? labelled : others;
    rest(i, counts ? (codes[i] == sides.group ? 1 : -1) : 0);
  }
}

void add_side_sums(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                   SideSums& sums) {
  const Tag tag;
  const Lanes one = hn::Set(tag, 1);
  Lanes here = hn::Zero(tag), there = here, rows_here = here, rows_there = here;
  for_each_side(
      sides, begin, count,
      [&](std::size_t i, Mask in, Mask outside) HWY_ATTR {
        const Lanes value = h == nullptr ? hn::Zero(tag) : hn::LoadU(tag, h + i);
        here = hn::Add(here, hn::IfThenElseZero(in, value));
        there = hn::Add(there, hn::IfThenElseZero(outside, value));
        rows_here = hn::Add(rows_here, hn::IfThenElseZero(in, one));
        rows_there = hn::Add(rows_there, hn::IfThenElseZero(outside, one));
      },
      [&](std::size_t i, int side) HWY_ATTR {
        if (side == 0) return;
        (side > 0 ? sums.here : sums.there) += h == nullptr ? 0 : h[i];
        (side > 0 ? sums.rows_here : sums.rows_there) += 1;
      });
  sums.here += hn::GetLane(hn::SumOfLanes(tag, here));
  sums.there += hn::GetLane(hn::SumOfLanes(tag, there));
  sums.rows_here += hn::GetLane(hn::SumOfLanes(tag, rows_here));
  sums.rows_there += hn::GetLane(hn::SumOfLanes(tag, rows_there));
}

void side_products(const Sides& sides, std::size_t begin, std::size_t count, double here,
                   double there, const double* h, double* out) {
  const Tag tag;
  const Lanes in_group = hn::Set(tag, here), others = hn::Set(tag, there);
  for_each_side(
      sides, begin, count,
      [&](std::size_t i, Mask in, Mask outside) HWY_ATTR {
        const Lanes factor = hn::IfThenElse(in, in_group, hn::IfThenElseZero(outside, others));
        hn::StoreU(hn::Mul(factor, hn::LoadU(tag, h + i)), tag, out + i);
      },
      [&](std::size_t i, int side) HWY_ATTR {
        out[i] = h[i] * (side > 0 ? here : side < 0 ? there : 0);
      });
}

void split_sides(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                 double* here, double* there) {
  const Tag tag;
  const Lanes one = hn::Set(tag, 1);
  for_each_side(
      sides, begin, count,
      [&](std::size_t i, Mask in, Mask outside) HWY_ATTR {
        const Lanes value = h == nullptr ? one : hn::LoadU(tag, h + i);
        hn::StoreU(hn::IfThenElseZero(in, value), tag, here + i);
        hn::StoreU(hn::IfThenElseZero(outside, value), tag, there + i);
      },
      [&](std::size_t i, int side) HWY_ATTR {
        const double value = h == nullptr ? 1 : h[i];
        here[i] = side > 0 ? value : 0;
        there[i] = side < 0 ? value : 0;
      });
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(add_side_sums);
HWY_EXPORT(side_products);
HWY_EXPORT(split_sides);

void add_side_sums(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                   SideSums& sums) {
  HWY_DYNAMIC_DISPATCH(add_side_sums)(sides, begin, count, h, sums);
}

void side_products(const Sides& sides, std::size_t begin, std::size_t count, double here,
                   double there, const double* h, double* out) {
  HWY_DYNAMIC_DISPATCH(side_products)(sides, begin, count, here, there, h, out);
}

void split_sides(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                 double* here, double* there) {
  HWY_DYNAMIC_DISPATCH(split_sides)(sides, begin, count, h, here, there);
}

}  // namespace recant::simd
#endif

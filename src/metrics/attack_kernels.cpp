// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "attack_kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attack_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<double>;
using Lanes = hn::Vec<Tag>;
constexpr std::size_t N = hn::MaxLanes(Tag());

void attack_shifts(std::size_t count, const double* scores, const double* targets, double factor,
                   double* shift) {
  const Tag tag;
  const Lanes zero = hn::Zero(tag), half = hn::Set(tag, 0.5), times = hn::Set(tag, factor);
  std::size_t i = 0;
  for (; i + N <= count; i += N) {
    const Lanes t = hn::LoadU(tag, scores + i);
    Lanes moved = hn::Mul(times, t);
    if (targets != nullptr) {
      const auto positive = hn::Gt(hn::LoadU(tag, targets + i), half);
      const Lanes margin = hn::IfThenElse(positive, t, hn::Neg(t));
      moved = hn::IfThenElseZero(hn::Gt(margin, zero), moved);
    }
    hn::StoreU(moved, tag, shift + i);
  }
  for (; i < count; ++i) {
    const double margin = targets == nullptr || targets[i] > 0.5 ? scores[i] : -scores[i];
    shift[i] = targets == nullptr || margin > 0 ? factor * scores[i] : 0;
  }
}

void moved_scores(std::size_t count, const double* scores, const double* shift, double reach,
                  double* out) {
  const Tag tag;
  const Lanes times = hn::Set(tag, reach);
  std::size_t i = 0;
  for (; i + N <= count; i += N) {
    const Lanes moved = hn::Mul(times, hn::LoadU(tag, shift + i));
    hn::StoreU(hn::Add(hn::LoadU(tag, scores + i), moved), tag, out + i);
  }
  for (; i < count; ++i) out[i] = scores[i] + reach * shift[i];
}

void scale_moved(std::size_t count, const double* slopes, const double* shift, double factor,
                 double* out) {
  const Tag tag;
  const Lanes zero = hn::Zero(tag), one = hn::Set(tag, 1), times = hn::Set(tag, factor);
  std::size_t i = 0;
  for (; i + N <= count; i += N) {
    const auto unmoved = hn::Eq(hn::LoadU(tag, shift + i), zero);
    const Lanes by = hn::IfThenElse(unmoved, one, times);
    hn::StoreU(hn::Mul(by, hn::LoadU(tag, slopes + i)), tag, out + i);
  }
  for (; i < count; ++i) out[i] = slopes[i] * (shift[i] != 0 ? factor : 1);
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(attack_shifts);
HWY_EXPORT(moved_scores);
HWY_EXPORT(scale_moved);

void attack_shifts(std::size_t count, const double* scores, const double* targets, double factor,
                   double* shift) {
  HWY_DYNAMIC_DISPATCH(attack_shifts)(count, scores, targets, factor, shift);
}

void moved_scores(std::size_t count, const double* scores, const double* shift, double reach,
                  double* out) {
  HWY_DYNAMIC_DISPATCH(moved_scores)(count, scores, shift, reach, out);
}

void scale_moved(std::size_t count, const double* slopes, const double* shift, double factor,
                 double* out) {
  HWY_DYNAMIC_DISPATCH(scale_moved)(count, slopes, shift, factor, out);
}

}  // namespace recant::simd
#endif

// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "logistic_kernels.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "logistic_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<double>;
using Lanes = hn::Vec<Tag>;
constexpr std::size_t N = hn::MaxLanes(Tag());

/// e^-|t|, NaN for NaN (Highway's Exp has 0 there).
HWY_INLINE Lanes exp_minus_abs(Lanes t) {
  const Tag tag;
  return hn::IfThenElse(hn::IsNaN(t), t, hn::Exp(tag, hn::Neg(hn::Abs(t))));
}

/// Runs task(first, load, store) over vectors, the last of them padded with zeros.
template <class Task>
HWY_INLINE void for_each_vector(std::size_t count, Task&& task) {
  const Tag tag;
  const auto load = [tag](const double* at) HWY_ATTR { return hn::LoadU(tag, at); };
  const auto store = [tag](Lanes v, double* at) HWY_ATTR { hn::StoreU(v, tag, at); };
  std::size_t i = 0;
  for (; i + N <= count; i += N) task(i, load, store);
  if (i == count) return;
  const std::size_t rest = count - i;
  const auto load_rest = [tag, rest](const double* at) HWY_ATTR {
    HWY_ALIGN double values[N] = {};
    std::copy_n(at, rest, values);
    return hn::Load(tag, values);
  };
  const auto store_rest = [tag, rest](Lanes v, double* at) HWY_ATTR {
    HWY_ALIGN double values[N];
    hn::Store(v, tag, values);
    std::copy_n(values, rest, at);
  };
  task(i, load_rest, store_rest);
}

void logistic_loss(std::size_t count, const double* scores, const double* targets, double* values,
                   double* residuals) {
  const Tag tag;
  const Lanes zero = hn::Zero(tag), one = hn::Set(tag, 1), half = hn::Set(tag, 0.5);
  for_each_vector(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const Lanes t = load(scores + i);
    const auto positive = hn::Gt(load(targets + i), half);
    const Lanes minus_margin = hn::IfThenElse(positive, hn::Neg(t), t);
    const Lanes e = exp_minus_abs(t);
    // phi' = -s e/(1+e) where the margin is >= 0, else -s/(1+e).
    const auto right = hn::Le(minus_margin, zero);
    const Lanes size = hn::Div(hn::IfThenElse(right, e, one), hn::Add(one, e));
    store(hn::IfThenElse(positive, hn::Neg(size), size), residuals + i);
    if (values == nullptr) return;
    const Lanes value = hn::Add(hn::Max(minus_margin, zero), hn::Log1p(tag, e));
    store(hn::IfThenElse(hn::IsNaN(t), t, value), values + i);
  });
}

void logistic_slopes(std::size_t count, const double* scores, const double* targets,
                     double* residuals, double* slopes) {
  const Tag tag;
  const Lanes zero = hn::Zero(tag), one = hn::Set(tag, 1), half = hn::Set(tag, 0.5);
  for_each_vector(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const Lanes t = load(scores + i);
    const auto positive = hn::Gt(load(targets + i), half);
    const Lanes minus_margin = hn::IfThenElse(positive, hn::Neg(t), t);
    const Lanes e = exp_minus_abs(t), larger = hn::Div(one, hn::Add(one, e));
    const Lanes smaller = hn::Mul(e, larger);  // the two probabilities
    const Lanes size = hn::IfThenElse(hn::Le(minus_margin, zero), smaller, larger);
    store(hn::IfThenElse(positive, hn::Neg(size), size), residuals + i);
    store(hn::Mul(smaller, larger), slopes + i);
  });
}

HWY_INLINE Lanes curvature(Lanes t) {
  const Lanes e = exp_minus_abs(t), sum = hn::Add(hn::Set(Tag(), 1), e);
  return hn::Div(e, hn::Mul(sum, sum));
}

void logistic_curvature(std::size_t count, const double* scores, double* out) {
  for_each_vector(count, [&](std::size_t i, auto load, auto store)
                             HWY_ATTR { store(curvature(load(scores + i)), out + i); });
}

void logistic_curvature_product(std::size_t count, const double* scores, const double* directions,
                                double* out) {
  for_each_vector(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    store(hn::Mul(curvature(load(scores + i)), load(directions + i)), out + i);
  });
}

void logistic_probability(std::size_t count, const double* scores, double* out) {
  const Lanes zero = hn::Zero(Tag()), one = hn::Set(Tag(), 1);
  for_each_vector(count, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const Lanes t = load(scores + i), e = exp_minus_abs(t);
    store(hn::Div(hn::IfThenElse(hn::Ge(t, zero), one, e), hn::Add(one, e)), out + i);
  });
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(logistic_loss);
HWY_EXPORT(logistic_slopes);
HWY_EXPORT(logistic_curvature);
HWY_EXPORT(logistic_curvature_product);
HWY_EXPORT(logistic_probability);

void logistic_loss(std::size_t count, const double* scores, const double* targets, double* values,
                   double* residuals) {
  HWY_DYNAMIC_DISPATCH(logistic_loss)(count, scores, targets, values, residuals);
}

void logistic_slopes(std::size_t count, const double* scores, const double* targets,
                     double* residuals, double* slopes) {
  HWY_DYNAMIC_DISPATCH(logistic_slopes)(count, scores, targets, residuals, slopes);
}

void logistic_curvature(std::size_t count, const double* scores, double* out) {
  HWY_DYNAMIC_DISPATCH(logistic_curvature)(count, scores, out);
}

void logistic_curvature_product(std::size_t count, const double* scores, const double* directions,
                                double* out) {
  HWY_DYNAMIC_DISPATCH(logistic_curvature_product)(count, scores, directions, out);
}

void logistic_probability(std::size_t count, const double* scores, double* out) {
  HWY_DYNAMIC_DISPATCH(logistic_probability)(count, scores, out);
}

}  // namespace recant::simd
#endif

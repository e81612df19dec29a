// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "recant/linalg/vector_kernels.hpp"

#include <array>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vector_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include "octets-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using octets::HWY_NAMESPACE::for_each_vector;
using octets::HWY_NAMESPACE::kParts;
using octets::HWY_NAMESPACE::kWidth;
using octets::HWY_NAMESPACE::Lanes;
using octets::HWY_NAMESPACE::Largest;
using octets::HWY_NAMESPACE::Sums;
using octets::HWY_NAMESPACE::Tag;

// Of a multiple of eight values each.

double vector_dot(const double* x, const double* y, std::size_t count) {
  const Tag tag;
  Sums<1> sum;
  for_each_vector(count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    sum.add_product(part, 0, hn::LoadU(tag, x + i), hn::LoadU(tag, y + i));
  });
  return sum.total(0);
}

Extent vector_extent(const double* x, std::size_t count) {
  const Tag tag;
  Largest up, down;
  Sums<1> nothing;
  for_each_vector(count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes value = hn::LoadU(tag, x + i);
    up.look(part, value);
    down.look(part, hn::Neg(value));
    nothing.add(part, 0, hn::Sub(value, value));
  });
  return {.largest = std::max(up.value(), down.value()),
          .least = -down.value(),
          .nothing = nothing.total(0)};
}

/// v, and to_y y.
struct Terms {
  Lanes v, y;
};
HWY_INLINE Terms terms(const Remainder& remainder, Lanes x, Lanes y) {
  const Tag tag;
  const Lanes scaled = hn::Mul(y, hn::Set(tag, remainder.to_y));
  Lanes v = hn::Mul(x, hn::Set(tag, remainder.to_x));
  v = hn::Sub(v, hn::Mul(hn::Set(tag, remainder.first), scaled));
  v = hn::Sub(v, hn::Mul(hn::Set(tag, remainder.again), scaled));
  return {v, scaled};
}

RemainderSums vector_remainder_sums(const Remainder& remainder, const double* x, const double* y,
                                    std::size_t count) {
  const Tag tag;
  Sums<3> sums;
  for_each_vector(count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Terms at = terms(remainder, hn::LoadU(tag, x + i), hn::LoadU(tag, y + i));
    sums.add_product(part, 0, at.v, at.v);
    sums.add_product(part, 1, at.v, at.y);
    sums.add_product(part, 2, at.y, at.y);
  });
  return {.vv = sums.total(0), .vy = sums.total(1), .yy = sums.total(2)};
}

MultipleSums vector_write_multiple(const Remainder& remainder, double factor, const double* x,
                                   const double* y, std::size_t count, double* e) {
  const Tag tag;
  Sums<3> sums;
  for_each_vector(count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes from_x = hn::LoadU(tag, x + i), from_y = hn::LoadU(tag, y + i);
    const Lanes value = hn::Mul(terms(remainder, from_x, from_y).v, hn::Set(tag, factor));
    hn::StoreU(value, tag, e + i);
    sums.add_product(part, 0, value, value);
    sums.add_product(part, 1, value, from_x);
    sums.add_product(part, 2, value, from_y);
  });
  return {.ee = sums.total(0), .ex = sums.total(1), .ey = sums.total(2)};
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {
namespace {

HWY_EXPORT(vector_dot);
HWY_EXPORT(vector_extent);
HWY_EXPORT(vector_remainder_sums);
HWY_EXPORT(vector_write_multiple);

constexpr std::size_t kOctet = 8;

/// The entries of a vector that make whole octets.
std::size_t whole(ConstVectorRef x) {
  return static_cast<std::size_t>(x.size()) / kOctet * kOctet;
}

bool has_rest(ConstVectorRef x) {
  return whole(x) < static_cast<std::size_t>(x.size());
}

/// Those behind them, filled up with zeros: summed by themselves.
std::array<double, kOctet> rest(ConstVectorRef x) {
  std::array<double, kOctet> out{};
  std::copy(x.data() + whole(x), x.data() + x.size(), out.begin());
  return out;
}

}  // namespace
}  // namespace recant::simd

namespace recant {

double dot_of_block(ConstVectorRef x, ConstVectorRef y) {
  using namespace simd;
  const auto dot = HWY_DYNAMIC_DISPATCH(vector_dot);
  const double sum = dot(x.data(), y.data(), whole(x));
  return has_rest(x) ? sum + dot(rest(x).data(), rest(y).data(), kOctet) : sum;
}

Extent extent_of_block(ConstVectorRef x) {
  using namespace simd;
  const auto extent = HWY_DYNAMIC_DISPATCH(vector_extent);
  Extent out = extent(x.data(), whole(x));
  if (has_rest(x)) out += extent(rest(x).data(), kOctet);
  return out;
}

RemainderSums remainder_sums(const Remainder& remainder, ConstVectorRef x, ConstVectorRef y) {
  using namespace simd;
  const auto sums = HWY_DYNAMIC_DISPATCH(vector_remainder_sums);
  RemainderSums out = sums(remainder, x.data(), y.data(), whole(x));
  if (has_rest(x)) out += sums(remainder, rest(x).data(), rest(y).data(), kOctet);
  return out;
}

MultipleSums write_multiple(const Remainder& remainder, double factor, ConstVectorRef x,
                            ConstVectorRef y, VectorRef e) {
  using namespace simd;
  const auto write = HWY_DYNAMIC_DISPATCH(vector_write_multiple);
  MultipleSums out = write(remainder, factor, x.data(), y.data(), whole(x), e.data());
  if (!has_rest(x)) return out;
  std::array<double, kOctet> last;
  out += write(remainder, factor, rest(x).data(), rest(y).data(), kOctet, last.data());
  std::copy_n(last.begin(), static_cast<std::size_t>(x.size()) - whole(x), e.data() + whole(x));
  return out;
}

}  // namespace recant
#endif

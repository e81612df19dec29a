// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "qp_kernels.hpp"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "qp_kernels.cpp"
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
using octets::HWY_NAMESPACE::Mask;
using octets::HWY_NAMESPACE::Sums;
using octets::HWY_NAMESPACE::Tag;

/// So many constraints are taken at once, their sums in registers.
constexpr std::size_t kTile = 4;

HWY_INLINE Lanes load(const double* from) {
  return hn::LoadU(Tag(), from);
}

/// As std::min and std::max choose.
HWY_INLINE Lanes min(Lanes x, Lanes y) {
  return hn::IfThenElse(hn::Lt(y, x), y, x);
}
HWY_INLINE Lanes max(Lanes x, Lanes y) {
  return hn::IfThenElse(hn::Lt(x, y), y, x);
}

/// The rows of a block; a fixed number of them, or any.
template <std::size_t Q>
struct Rows {
  explicit HWY_INLINE Rows(const QpBlock& block) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < Q; ++k) at[k] = block.rows[k] + block.begin;
  }
  [[nodiscard]] HWY_INLINE Lanes load(std::size_t k, std::size_t i) const {
    return hn::LoadU(Tag(), at[k] + i);
  }
  /// x - sum_k weights_k c_k, one after another.
  [[nodiscard]] HWY_INLINE Lanes take_from(Lanes x, const double* weights, std::size_t i) const {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < Q; ++k) {
      x = hn::Sub(x, hn::Mul(hn::Set(Tag(), weights[k]), load(k, i)));
    }
    return x;
  }
  const double* at[Q > 0 ? Q : 1];
};
struct AnyRows {
  explicit HWY_INLINE AnyRows(const QpBlock& from) : block(from) {}
  [[nodiscard]] HWY_INLINE Lanes load(std::size_t k, std::size_t i) const {
    return hn::LoadU(Tag(), block.rows[k] + block.begin + i);
  }
  [[nodiscard]] HWY_INLINE Lanes take_from(Lanes x, const double* weights, std::size_t i) const {
    for (std::size_t k = 0; k < block.q; ++k) {
      x = hn::Sub(x, hn::Mul(hn::Set(Tag(), weights[k]), load(k, i)));
    }
    return x;
  }
  const QpBlock& block;
};

template <class AllRows>
HWY_INLINE Lanes unclipped(const QpBlock& block, const AllRows& rows, double factor,
                           const double* weights, std::size_t i) {
  const Lanes x = hn::Mul(load(block.linear + i), hn::Set(Tag(), factor));
  return rows.take_from(x, weights, i);
}

/// An unknown, and whether it is strictly inside its bounds.
struct Unknown {
  Lanes e;
  Mask free;
};

HWY_INLINE Unknown clip(Lanes y, Lanes low, Lanes high) {
  const Mask above = hn::Gt(y, low);
  const Lanes raised = hn::IfThenElse(above, y, low);
  return {hn::IfThenElse(hn::Lt(raised, high), raised, high), hn::And(above, hn::Lt(y, high))};
}

/// e = clip(y).
struct Clipped {
  const QpBlock& block;
  double factor;
  const double* weights;
  template <class AllRows>
  [[nodiscard]] HWY_INLINE Unknown at(const AllRows& rows, std::size_t i) const {
    return clip(unclipped(block, rows, factor, weights, i), load(block.lower + i),
                load(block.upper + i));
  }
};

/// e as it is.
struct Given {
  const QpBlock& block;
  const double* e;
  template <class AllRows>
  [[nodiscard]] HWY_INLINE Unknown at(const AllRows&, std::size_t i) const {
    const Lanes value = load(e + i);
    return {value,
            hn::And(hn::Gt(value, load(block.lower + i)), hn::Lt(value, load(block.upper + i)))};
  }
};

/// Where the sums of row k with those up to it are.
constexpr std::size_t triangle(std::size_t k) {
  return k * (k + 1) / 2;
}

/// All sums of few constraints: everything is read once.
template <std::size_t Q, class Unknowns>
HWY_NOINLINE void add_sums_of_few(const QpBlock& block, const Unknowns& unknowns, double* sums) {
  const Rows<Q> rows(block);
  Sums<qp_sum_count(Q)> found;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Unknown unknown = unknowns.at(rows, i);
    found.add_product(part, Q, unknown.e, unknown.e);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < Q; ++k) {
      const Lanes c = rows.load(k, i), free = hn::IfThenElseZero(unknown.free, c);
      found.add_product(part, k, c, unknown.e);
#pragma GCC unroll 4
      for (std::size_t l = 0; l <= k; ++l) {
        found.add_product(part, Q + 1 + triangle(k) + l, free, rows.load(l, i));
      }
    }
  });
  for (std::size_t s = 0; s < qp_sum_count(Q); ++s) sums[s] += found.total(s);
}

/// The unknowns of a block of many constraints, worked out once for all of them.
struct Stored {
  HWY_ALIGN double e[kMostOfQpBlock], free[kMostOfQpBlock];
};

/// R of many constraints, with the unknowns and with one another.
template <std::size_t R>
HWY_NOINLINE void add_sums_on_diagonal(const QpBlock& block, const Stored& stored,
                                       std::size_t first, double* sums) {
  const Tag tag;
  const double* rows[R];
  for (std::size_t k = 0; k < R; ++k) rows[k] = block.rows[first + k] + block.begin;
  Sums<R + triangle(R)> found;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes e = hn::Load(tag, stored.e + i), mask = hn::Load(tag, stored.free + i);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < R; ++k) {
      const Lanes c = load(rows[k] + i), free = hn::And(mask, c);
      found.add_product(part, k, c, e);
#pragma GCC unroll 4
      for (std::size_t l = 0; l <= k; ++l) {
        found.add_product(part, R + triangle(k) + l, free, load(rows[l] + i));
      }
    }
  });
  for (std::size_t k = 0; k < R; ++k) {
    sums[first + k] += found.total(k);
    double* gram = sums + block.q + 1 + triangle(first + k) + first;
    for (std::size_t l = 0; l <= k; ++l) gram[l] += found.total(R + triangle(k) + l);
  }
}

/// R of many constraints with kTile of those before them.
template <std::size_t R>
HWY_NOINLINE void add_sums_below_diagonal(const QpBlock& block, const Stored& stored,
                                          std::size_t first, std::size_t other, double* sums) {
  const double *rows[R], *others[kTile];
  for (std::size_t k = 0; k < R; ++k) rows[k] = block.rows[first + k] + block.begin;
  for (std::size_t l = 0; l < kTile; ++l) others[l] = block.rows[other + l] + block.begin;
  Sums<R * kTile> found;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes mask = hn::Load(Tag(), stored.free + i);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < R; ++k) {
      const Lanes free = hn::And(mask, load(rows[k] + i));
#pragma GCC unroll 4
      for (std::size_t l = 0; l < kTile; ++l) {
        found.add_product(part, k * kTile + l, free, load(others[l] + i));
      }
    }
  });
  for (std::size_t k = 0; k < R; ++k) {
    double* gram = sums + block.q + 1 + triangle(first + k) + other;
    for (std::size_t l = 0; l < kTile; ++l) gram[l] += found.total(k * kTile + l);
  }
}

template <std::size_t R>
void add_sums_of_tiles(const QpBlock& block, const Stored& stored, std::size_t first,
                       double* sums) {
  add_sums_on_diagonal<R>(block, stored, first, sums);
  for (std::size_t other = 0; other < first; other += kTile) {
    add_sums_below_diagonal<R>(block, stored, first, other, sums);
  }
}

template <class Unknowns>
void add_sums_of_many(const QpBlock& block, const Unknowns& unknowns, double* sums) {
  const Tag tag;
  Stored stored;
  const AnyRows rows(block);
  Sums<1> squares;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Unknown unknown = unknowns.at(rows, i);
    squares.add_product(part, 0, unknown.e, unknown.e);
    hn::Store(unknown.e, tag, stored.e + i);
    hn::Store(hn::VecFromMask(tag, unknown.free), tag, stored.free + i);
  });
  sums[block.q] += squares.total(0);
  std::size_t first = 0;
  for (; first + kTile <= block.q; first += kTile) {
    add_sums_of_tiles<kTile>(block, stored, first, sums);
  }
  switch (block.q - first) {
    case 1:
      return add_sums_of_tiles<1>(block, stored, first, sums);
    case 2:
      return add_sums_of_tiles<2>(block, stored, first, sums);
    case 3:
      return add_sums_of_tiles<3>(block, stored, first, sums);
    default:
      return;
  }
}

template <class Unknowns>
HWY_INLINE void add_sums(const QpBlock& block, const Unknowns& unknowns, double* sums) {
  switch (block.q) {
    case 0:
      return add_sums_of_few<0>(block, unknowns, sums);
    case 1:
      return add_sums_of_few<1>(block, unknowns, sums);
    case 2:
      return add_sums_of_few<2>(block, unknowns, sums);
    case 3:
      return add_sums_of_few<3>(block, unknowns, sums);
    case 4:
      return add_sums_of_few<4>(block, unknowns, sums);
    default:
      return add_sums_of_many(block, unknowns, sums);
  }
}

void add_qp_sums(const QpBlock& block, double factor, const double* weights, double* sums) {
  add_sums(block, Clipped{block, factor, weights}, sums);
}

void add_qp_sums_at(const QpBlock& block, const double* e, double* sums) {
  add_sums(block, Given{block, e}, sums);
}

void shift_qp(const QpBlock& block, const QpShift& shift, double* e, QpMeasured& measured) {
  const Tag tag;
  const AnyRows rows(block);
  const Lanes zero = hn::Zero(tag);
  Sums<1> linear_e;
  std::size_t count_lower = 0, count_upper = 0;
  Largest stationarity;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes low = load(block.lower + i), high = load(block.upper + i);
    const Lanes y = unclipped(block, rows, shift.factor, shift.weights, i);
    const Unknown before = clip(shift.first ? y : load(e + i), low, high);
    Lanes value = before.e;
    for (std::size_t k = 0; k < block.q; ++k) {
      const Lanes change = hn::Mul(hn::Set(tag, shift.step[k]), rows.load(k, i));
      value = hn::Add(value, hn::IfThenElseZero(before.free, change));
    }
    value = clip(value, low, high).e;
    hn::StoreU(value, tag, e + i);
    linear_e.add_product(part, 0, load(block.linear + i), value);
    const Mask at_lower = hn::Eq(value, low), at_upper = hn::Eq(value, high);
    count_lower += hn::CountTrue(tag, at_lower);
    count_upper += hn::CountTrue(tag, hn::AndNot(at_lower, at_upper));
    // Of the slope what the bounds leave.
    const Lanes slope = hn::Sub(value, y);
    const Lanes down = hn::IfThenElse(at_lower, min(slope, zero), slope);
    const Lanes left = hn::IfThenElse(at_upper, max(down, zero), down);
    stationarity.look(part, hn::Abs(hn::IfThenZeroElse(hn::And(at_lower, at_upper), left)));
  });
  measured += {.stationarity = stationarity.value(),
               .linear_e = linear_e.total(0),
               .at_lower = count_lower,
               .at_upper = count_upper};
}

void unclipped_qp(const QpBlock& block, double factor, const double* weights, double* y) {
  const AnyRows rows(block);
  for_each_vector(block.count, [&](std::size_t, std::size_t i) HWY_ATTR {
    hn::StoreU(unclipped(block, rows, factor, weights, i), Tag(), y + i);
  });
}

HWY_INLINE Lanes slopes(const QpBlock& block, const double* weights, std::size_t i) {
  constexpr double kCancelled = 1e-14;
  const Tag tag;
  const AnyRows rows(block);
  Lanes sum = hn::Zero(tag), size = sum;
  for (std::size_t k = 0; k < block.q; ++k) {
    const Lanes term = hn::Mul(hn::Set(tag, weights[k]), rows.load(k, i));
    sum = hn::Add(sum, term);
    size = hn::Add(size, hn::Abs(term));
  }
  const Mask cancelled = hn::Le(hn::Abs(sum), hn::Mul(hn::Set(tag, kCancelled), size));
  return hn::IfThenZeroElse(cancelled, sum);
}

/// Those of `values` with the mask, behind the first `count` of both arrays.
HWY_INLINE std::size_t append(Mask mask, Lanes values, Lanes squares, double* to,
                              double* squares_to, std::size_t count) {
  if (hn::AllFalse(Tag(), mask)) return count;
  hn::CompressBlendedStore(squares, mask, Tag(), squares_to + count);
  return count + hn::CompressBlendedStore(values, mask, Tag(), to + count);
}

void find_qp_breakpoints(const QpBlock& block, const QpWay& way, QpBreakpoints& found) {
  const Tag tag;
  const AnyRows rows(block);
  const Lanes begin = hn::Set(tag, way.begin), end = hn::Set(tag, way.end);
  Sums<1> curvature;
  std::size_t enters = 0, leaves = 0;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes low = load(block.lower + i), high = load(block.upper + i);
    const Lanes y = unclipped(block, rows, way.factor, way.weights, i);
    const Lanes s = slopes(block, way.along, i), squares = hn::Mul(s, s);
    const Mask moves = hn::And(hn::Ne(s, hn::Zero(tag)), hn::Ne(low, high));
    const Lanes at_high = hn::Div(hn::Sub(y, high), s), at_low = hn::Div(hn::Sub(y, low), s);
    const Mask turned = hn::Gt(at_high, at_low);
    const Lanes enter = hn::IfThenElse(turned, at_low, at_high);
    const Lanes leave = hn::IfThenElse(turned, at_high, at_low);
    const Mask between = hn::And(moves, hn::And(hn::Le(enter, begin), hn::Lt(begin, leave)));
    curvature.add(part, 0, hn::IfThenElseZero(between, squares));
    const auto inside = [&](Lanes t) HWY_ATTR {
      return hn::And(moves, hn::And(hn::Gt(t, begin), hn::Lt(t, end)));
    };
    enters = append(inside(enter), enter, squares, found.enter, found.enter_s2, enters);
    leaves = append(inside(leave), leave, squares, found.leave, found.leave_s2, leaves);
  });
  found.enters = enters;
  found.leaves = leaves;
  found.curvature = curvature.total(0);
}

/// x * y where anything times 0 is 0.
HWY_INLINE Lanes product(Lanes x, Lanes y) {
  return hn::IfThenZeroElse(hn::Eq(y, hn::Zero(Tag())), hn::Mul(x, y));
}

void add_qp_recession(const QpBlock& block, const double* weights, QpRecession& sums) {
  Sums<2> found;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes s = slopes(block, weights, i);
    const Lanes least = min(product(load(block.lower + i), s), product(load(block.upper + i), s));
    found.add(part, 0, least);
    found.add(part, 1, hn::Abs(least));
  });
  sums += {.value = found.total(0), .scale = found.total(1)};
}

void survey_qp_box(const QpBlock& block, QpBoxSurvey& found) {
  const Tag tag;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Lanes infinite = hn::Set(tag, kInfinity), minus_infinite = hn::Set(tag, -kInfinity);
  Largest largest;
  Sums<3> sums;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes x = load(block.linear + i);
    const Lanes low = load(block.lower + i), high = load(block.upper + i);
    const Mask inside =
        hn::And(hn::Le(low, high), hn::And(hn::Lt(low, infinite), hn::Gt(high, minus_infinite)));
    largest.look(part, hn::Abs(x));
    sums.add_product(part, 0, x, x);
    sums.add(part, 1, hn::Sub(x, x));
    sums.add(part, 2, hn::IfThenZeroElse(inside, hn::Set(tag, 1)));
  });
  found += {.largest = largest.value(),
            .squares = sums.total(0),
            .nothing = sums.total(1),
            .box = sums.total(2) == 0};
}

void survey_qp_row(const QpBlock& block, std::size_t k, QpRowSurvey& found) {
  const double* row = block.rows[k] + block.begin;
  Largest largest;
  Sums<3> sums;
  for_each_vector(block.count, [&](std::size_t part, std::size_t i) HWY_ATTR {
    const Lanes c = load(row + i);
    const Lanes down = product(load(block.lower + i), c), up = product(load(block.upper + i), c);
    largest.look(part, hn::Abs(c));
    sums.add(part, 0, hn::Sub(c, c));
    sums.add(part, 1, min(down, up));
    sums.add(part, 2, max(down, up));
  });
  found += {.largest = largest.value(),
            .nothing = sums.total(0),
            .least = sums.total(1),
            .greatest = sums.total(2)};
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(add_qp_sums);
HWY_EXPORT(add_qp_sums_at);
HWY_EXPORT(shift_qp);
HWY_EXPORT(unclipped_qp);
HWY_EXPORT(find_qp_breakpoints);
HWY_EXPORT(add_qp_recession);
HWY_EXPORT(survey_qp_box);
HWY_EXPORT(survey_qp_row);

void add_qp_sums(const QpBlock& block, double factor, const double* weights, double* sums) {
  HWY_DYNAMIC_DISPATCH(add_qp_sums)(block, factor, weights, sums);
}

void add_qp_sums_at(const QpBlock& block, const double* e, double* sums) {
  HWY_DYNAMIC_DISPATCH(add_qp_sums_at)(block, e, sums);
}

void shift_qp(const QpBlock& block, const QpShift& shift, double* e, QpMeasured& measured) {
  HWY_DYNAMIC_DISPATCH(shift_qp)(block, shift, e, measured);
}

void unclipped_qp(const QpBlock& block, double factor, const double* weights, double* y) {
  HWY_DYNAMIC_DISPATCH(unclipped_qp)(block, factor, weights, y);
}

void find_qp_breakpoints(const QpBlock& block, const QpWay& way, QpBreakpoints& found) {
  HWY_DYNAMIC_DISPATCH(find_qp_breakpoints)(block, way, found);
}

void add_qp_recession(const QpBlock& block, const double* weights, QpRecession& sums) {
  HWY_DYNAMIC_DISPATCH(add_qp_recession)(block, weights, sums);
}

void survey_qp_box(const QpBlock& block, QpBoxSurvey& found) {
  HWY_DYNAMIC_DISPATCH(survey_qp_box)(block, found);
}

void survey_qp_row(const QpBlock& block, std::size_t k, QpRowSurvey& found) {
  HWY_DYNAMIC_DISPATCH(survey_qp_row)(block, k, found);
}

}  // namespace recant::simd
#endif

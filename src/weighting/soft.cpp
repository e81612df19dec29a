// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.2, on a and u scaled to a largest entry of about 1 so that no
// square overflows or vanishes. In terms of kappa_rel = 2 kappa |f| / A the four cases are two:
// with the direction v (a, or a made orthogonal to u), e = v |f| / max(kappa_rel A, v^T v).
namespace recant {
namespace {

/// What one pass over both influences finds: how large they are, and their products as they are.
struct Seen {
  Extent a, u;
  RemainderSums products;

  Seen& operator+=(const Seen& from) {
    a += from.a;
    u += from.u;
    products += from.products;
    return *this;
  }
};

/// The two influences in units that are powers of two above their largest entries, so that dividing
/// by them rounds nothing; 0 where every entry is 0. Without u it is a that is looked at.
struct Influences {
  ConstVectorRef a, u;
  double a_unit = 0, u_unit = 0;

  [[nodiscard]] RemainderSums sums(const Remainder& remainder) const {
    return sum_over_blocks(a.size(), RemainderSums{}, [&](RowBlock block) {
      return remainder_sums(remainder, part(a, block), part(u, block));
    });
  }
};

double unit_of(double largest) {
  if (largest == 0) return 0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::ldexp(1, std::clamp(exponent, -1022, 1023));  // 1 / unit is a number as well
}

/// Squares and products of what is in this unit can be summed as they are.
bool ordinary(double unit) {
  return unit > 0x1p-480 && unit < 0x1p480;
}

void check_form(ConstVectorRef gap_influence, ConstVectorRef utility_influence, double gap,
                const SoftOptions& options) {
  validate(options);
  check_finite("gap", gap);
  if (options.keep_utility || utility_influence.size() > 0) {
    check_size("utility_influence", utility_influence.size(), gap_influence.size());
  }
}

Seen look_at(ConstVectorRef a, ConstVectorRef u) {
  return sum_over_blocks(a.size(), Seen{}, [&](RowBlock block) {
    const ConstVectorRef a_part = part(a, block), u_part = part(u, block);
    return Seen{.a = extent_of_block(a_part),
                .u = extent_of_block(u_part),
                .products = remainder_sums({}, a_part, u_part)};
  });
}

/// a^T a, a^T u and u^T u of a to_x and u to_y.
RemainderSums products(const Influences& influences, const RemainderSums& as_they_are,
                       const Remainder& scaled) {
  if (!ordinary(influences.a_unit) || !ordinary(1 / scaled.to_y)) return influences.sums(scaled);
  return {.vv = as_they_are.vv * scaled.to_x * scaled.to_x,
          .vy = as_they_are.vy * scaled.to_x * scaled.to_y,
          .yy = as_they_are.yy * scaled.to_y * scaled.to_y};
}

/// Makes v orthogonal to u, in units: au = a^T u, uu = u^T u. What is taken away again is rounding
/// of the first time, so that v^T v = v_1^T v_1 - (v_1^T u)^2 / uu of the v after that loses
/// nothing.
/// @return v^T v
double leave_out_u(const Influences& influences, double au, double uu, Remainder& v) {
  v.first = au / uu;
  const RemainderSums once = influences.sums(v);
  v.again = once.vy / uu;
  return std::max(once.vv - v.again * once.vy, 0.0);
}

bool antiparallel(double norm2, double a2, Index n) {
  return std::sqrt(norm2) <=
         64 * std::numeric_limits<double>::epsilon() * std::sqrt(static_cast<double>(n) * a2);
}

/// kappa and kappa_rel from the one that is given, relative to A / (2 |f|).
void set_kappa(const SoftOptions& options, double unit, SoftWeights& out) {
  out.kappa_rel = options.kappa ? *options.kappa / unit : options.kappa_rel;
  out.kappa = options.kappa ? *options.kappa : options.kappa_rel * unit;
}

/// e = v times `factor`, and what it does to first order.
void set_change(const Influences& influences, const Remainder& v, double factor, double sign,
                SoftWeights& out) {
  Vector& e = out.change.delta;
  e.resize(influences.a.size());
  const auto sums = sum_over_blocks(e.size(), MultipleSums{}, [&](RowBlock block) {
    return write_multiple(v, factor, part(influences.a, block), part(influences.u, block),
                          e.segment(block.begin, block.size()));
  });
  if (!std::isfinite(sums.ex)) {  // an infinity in e makes it one, or none at all
    throw DataError("are so small beside the gap that no finite weights close it", "gap_influence",
                    "scale the features");
  }
  out.a_dot_e = sign * sums.ex;
  out.u_dot_e = sums.ey;
  out.objective = -out.a_dot_e + out.kappa * sums.ee;
}

}  // namespace

std::string_view name(ActivePromises active) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"none", "gap", "utility", "both"};
  return kNames[static_cast<std::size_t>(active)];
}

std::string_view name(SoftDegeneracy degeneracy) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"none", "no_gap", "no_influence", "opposed"};
  return kNames[static_cast<std::size_t>(degeneracy)];
}

SoftWeights soft_weights(ConstVectorRef gap_influence, ConstVectorRef utility_influence, double gap,
                         const SoftOptions& options) {
  check_form(gap_influence, utility_influence, gap, options);
  const bool has_utility = utility_influence.size() > 0;
  Influences influences{.a = gap_influence, .u = has_utility ? utility_influence : gap_influence};
  const Seen seen = look_at(influences.a, influences.u);
  require_finite("gap_influence", gap_influence, seen.a);
  if (has_utility) require_finite("utility_influence", utility_influence, seen.u);
  influences.a_unit = unit_of(seen.a.largest);
  influences.u_unit = has_utility ? unit_of(seen.u.largest) : 0;

  const Index n = gap_influence.size();
  SoftWeights out{.kappa = options.kappa.value_or(0),
                  .kappa_rel = options.kappa ? 0 : options.kappa_rel};
  const auto nothing = [&](SoftDegeneracy why) {
    out.change.delta = Vector::Zero(n);
    out.degeneracy = why;
    return out;
  };
  if (gap == 0) return nothing(SoftDegeneracy::kNoGap);
  if (influences.a_unit == 0) return nothing(SoftDegeneracy::kNoInfluence);

  const double sign = gap > 0 ? 1 : -1;
  const bool promised = options.keep_utility && influences.u_unit > 0;
  Remainder v{.to_x = sign / influences.a_unit, .to_y = promised ? 1 / influences.u_unit : 1};
  const RemainderSums scaled = products(influences, seen.products, v);
  const double a2 = scaled.vv, b = promised ? scaled.vy : 0, c = promised ? scaled.yy : 0;
  // e is in units of reach, kappa in units of a_unit / reach.
  const double reach = std::abs(gap) / influences.a_unit;
  set_kappa(options, a2 / 2 * (influences.a_unit / reach), out);

  const bool utility_active = b < 0;
  const double norm2 = utility_active ? leave_out_u(influences, b, c, v) : a2;
  const double utility_price =
      utility_active ? -b / c * (influences.a_unit / influences.u_unit) : 0;
  if (utility_active && antiparallel(norm2, a2, n)) {
    out.active = ActivePromises::kUtility;
    out.utility_multiplier = utility_price;
    return nothing(SoftDegeneracy::kOpposed);
  }
  const bool gap_active = norm2 > out.kappa_rel * a2;
  if (gap_active) out.gap_multiplier = 1 - out.kappa_rel * (a2 / norm2);
  if (utility_active) out.utility_multiplier = (1 - out.gap_multiplier) * utility_price;
  out.active = gap_active ? (utility_active ? ActivePromises::kBoth : ActivePromises::kGap)
                          : (utility_active ? ActivePromises::kUtility : ActivePromises::kNone);
  set_change(influences, v, reach / std::max(out.kappa_rel * a2, norm2), sign, out);
  if (!has_utility) out.u_dot_e = 0;
  return out;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "recant/core/check.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.2, on a and u scaled to a largest entry of about 1 so that no
// square overflows or vanishes. In terms of kappa_rel = 2 kappa |f| / A the four cases are two:
// with the direction v (a, or a made orthogonal to u), e = v |f| / max(kappa_rel A, v^T v).
namespace recant {
namespace {

/// Entries of a block: a few kilobytes beside the stack's other things.
using BlockVector = Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, kBlockRows, 1>;

/// v = a - t u, worked out block by block where it is needed. t in two parts: at an angle of 1e-9
/// between a and u the first subtraction leaves a part along u, which the second takes away.
class Direction {
 public:
  Direction(ConstVectorRef gap_influence, double sign, double a_unit,
            ConstVectorRef utility_influence, double u_unit)
      : a_(gap_influence), u_(utility_influence), to_a_(sign / a_unit), to_u_(1 / u_unit) {}

  [[nodiscard]] Index size() const { return a_.size(); }
  [[nodiscard]] auto a(RowBlock block) const {
    return a_.segment(block.begin, block.size()) * to_a_;
  }
  [[nodiscard]] auto u(RowBlock block) const {
    return u_.segment(block.begin, block.size()) * to_u_;
  }
  [[nodiscard]] BlockVector v(RowBlock block) const {
    BlockVector out = a(block);
    if (first_ != 0) out -= first_ * u(block);
    if (again_ != 0) out -= again_ * u(block);
    return out;
  }

  /// Makes v orthogonal to u; uu = u^T u, au = a^T u.
  void leave_out_u(double au, double uu) {
    first_ = au / uu;
    again_ = sums_over_blocks<1>(size(),
                                 [&](RowBlock block) {
                                   return Eigen::Array<double, 1, 1>(v(block).dot(u(block)));
                                 })(0) /
             uu;
  }
  [[nodiscard]] double norm2() const {
    return sums_over_blocks<1>(size(), [&](RowBlock block) {
      return Eigen::Array<double, 1, 1>(v(block).squaredNorm());
    })(0);
  }

 private:
  ConstVectorRef a_, u_;
  double to_a_, to_u_, first_ = 0, again_ = 0;
};

bool antiparallel(double norm2, double a2, Index n) {
  return std::sqrt(norm2) <=
         64 * std::numeric_limits<double>::epsilon() * std::sqrt(static_cast<double>(n) * a2);
}

/// Units of both influences: powers of two above their largest entries, so that dividing by them
/// rounds nothing; 0 where every entry is 0.
struct Units {
  double a, u;
};

double unit_of(double largest) {
  if (largest == 0) return 0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::ldexp(1, std::clamp(exponent, -1022, 1023));  // 1 / unit is a number as well
}

Units check(ConstVectorRef gap_influence, ConstVectorRef utility_influence, double gap,
            const SoftOptions& options) {
  validate(options);
  check_finite("gap", gap);
  const double a = unit_of(largest_finite_entry("gap_influence", gap_influence));
  if (options.keep_utility || utility_influence.size() > 0) {
    check_size("utility_influence", utility_influence.size(), gap_influence.size());
  }
  return {a, unit_of(largest_finite_entry("utility_influence", utility_influence))};
}

/// kappa and kappa_rel from the one that is given, relative to A / (2 |f|).
void set_kappa(const SoftOptions& options, double unit, SoftWeights& out) {
  out.kappa_rel = options.kappa ? *options.kappa / unit : options.kappa_rel;
  out.kappa = options.kappa ? *options.kappa : options.kappa_rel * unit;
}

/// e = v times `factor`, and what it does to first order.
void set_change(const Direction& direction, double factor, ConstVectorRef gap_influence,
                ConstVectorRef utility_influence, double sign, SoftWeights& out) {
  const bool utility = utility_influence.size() > 0;
  Vector& e = out.change.delta;
  e.resize(gap_influence.size());
  const auto sums = sums_over_blocks<3>(e.size(), [&](RowBlock block) {
    auto part = e.segment(block.begin, block.size());
    part = direction.v(block) * factor;
    return Eigen::Array<double, 3, 1>(
        part.dot(gap_influence.segment(block.begin, block.size())),
        utility ? part.dot(utility_influence.segment(block.begin, block.size())) : 0,
        part.squaredNorm());
  });
  out.a_dot_e = sign * sums(0);
  out.u_dot_e = sums(1);
  out.objective = -out.a_dot_e + out.kappa * sums(2);
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
  const Units unit = check(gap_influence, utility_influence, gap, options);
  const Index n = gap_influence.size();
  SoftWeights out{.kappa = options.kappa.value_or(0),
                  .kappa_rel = options.kappa ? 0 : options.kappa_rel};
  const auto nothing = [&](SoftDegeneracy why) {
    out.change.delta = Vector::Zero(n);
    out.degeneracy = why;
    return out;
  };
  if (gap == 0) return nothing(SoftDegeneracy::kNoGap);
  if (unit.a == 0) return nothing(SoftDegeneracy::kNoInfluence);

  const double sign = gap > 0 ? 1 : -1;
  const bool promised = options.keep_utility && unit.u > 0;
  Direction direction(gap_influence, sign, unit.a, utility_influence, promised ? unit.u : 1);
  const auto products = sums_over_blocks<3>(n, [&](RowBlock block) {
    const BlockVector a = direction.a(block);
    if (!promised) return Eigen::Array<double, 3, 1>(a.squaredNorm(), 0, 0);
    const BlockVector u = direction.u(block);
    return Eigen::Array<double, 3, 1>(a.squaredNorm(), a.dot(u), u.squaredNorm());
  });
  const double a2 = products(0), b = products(1), c = products(2);
  // e is in units of reach, kappa in units of a_unit / reach.
  const double reach = std::abs(gap) / unit.a;
  set_kappa(options, a2 / 2 * (unit.a / reach), out);

  const bool utility_active = b < 0;
  if (utility_active) direction.leave_out_u(b, c);
  const double norm2 = utility_active ? direction.norm2() : a2;
  const double utility_price = utility_active ? -b / c * (unit.a / unit.u) : 0;
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
  set_change(direction, reach / std::max(out.kappa_rel * a2, norm2), gap_influence,
             utility_influence, sign, out);
  return out;
}

}  // namespace recant

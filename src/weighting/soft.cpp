// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "recant/core/check.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.2, on a and u scaled to a largest entry of 1 so that no square
// overflows or vanishes. In terms of kappa_rel = 2 kappa |f| / A the four cases are two: with the
// direction v (a, or a made orthogonal to u), e = v |f| / max(kappa_rel A, v^T v).
namespace recant {
namespace {

/// v and what it costs in units of u.
struct Step {
  Vector direction;
  double norm2 = 0;             // v^T v = a^T v
  double utility_per_unit = 0;  // v = a + utility_per_unit * u
};

/// a without its part along u, for a^T u < 0.
Step orthogonal_step(const Vector& a, const Vector& u, double b) {
  const double c = block_dot(u, u);
  Step step{.direction = a - (b / c) * u, .utility_per_unit = -b / c};
  // Once more: at an angle of 1e-9 the first subtraction leaves a part along u.
  step.direction -= (block_dot(step.direction, u) / c) * u;
  step.norm2 = block_dot(step.direction, step.direction);
  return step;
}

bool antiparallel(const Step& step, double a2, Index n) {
  return std::sqrt(step.norm2) <=
         64 * std::numeric_limits<double>::epsilon() * std::sqrt(static_cast<double>(n) * a2);
}

void check(ConstVectorRef gap_influence, ConstVectorRef utility_influence, double gap,
           const SoftOptions& options) {
  validate(options);
  check_finite("gap", gap);
  check_entries_finite("gap_influence", gap_influence);
  if (options.keep_utility || utility_influence.size() > 0) {
    check_size("utility_influence", utility_influence.size(), gap_influence.size());
  }
  check_entries_finite("utility_influence", utility_influence);
}

/// kappa and kappa_rel from the one that is given, relative to A / (2 |f|).
void set_kappa(const SoftOptions& options, double unit, SoftWeights& out) {
  out.kappa_rel = options.kappa ? *options.kappa / unit : options.kappa_rel;
  out.kappa = options.kappa ? *options.kappa : options.kappa_rel * unit;
}

void report(ConstVectorRef gap_influence, ConstVectorRef u, double sign, SoftWeights& out) {
  const Vector& e = out.change.delta;
  out.a_dot_e = sign * block_dot(gap_influence, e);
  if (u.size() > 0) out.u_dot_e = block_dot(u, e);
  out.objective = -out.a_dot_e + out.kappa * block_dot(e, e);
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
  check(gap_influence, utility_influence, gap, options);
  const Index n = gap_influence.size();
  const double a_unit = largest_entry(gap_influence), u_unit = largest_entry(utility_influence);
  SoftWeights out{.change = {.delta = Vector::Zero(n)},
                  .kappa = options.kappa.value_or(0),
                  .kappa_rel = options.kappa ? 0 : options.kappa_rel};
  if (gap == 0 || a_unit == 0) {
    out.degeneracy = gap == 0 ? SoftDegeneracy::kNoGap : SoftDegeneracy::kNoInfluence;
    return out;
  }
  const double sign = gap > 0 ? 1 : -1;
  Step step{.direction = gap_influence * (sign / a_unit)};
  const double a2 = step.norm2 = block_dot(step.direction, step.direction);
  // e is in units of reach, kappa in units of a_unit / reach.
  const double reach = std::abs(gap) / a_unit;
  set_kappa(options, a2 / 2 * (a_unit / reach), out);

  bool utility_active = false;
  if (options.keep_utility && u_unit > 0) {
    const Vector u = utility_influence / u_unit;
    const double b = block_dot(step.direction, u);
    if (b < 0) {
      step = orthogonal_step(step.direction, u, b);
      utility_active = true;
    }
  }
  const double utility_price = step.utility_per_unit * (a_unit / u_unit);
  if (utility_active && antiparallel(step, a2, n)) {
    out.active = ActivePromises::kUtility;
    out.utility_multiplier = utility_price;
    out.degeneracy = SoftDegeneracy::kOpposed;
    return out;
  }
  const bool gap_active = step.norm2 > out.kappa_rel * a2;
  out.change.delta = step.direction * (reach / std::max(out.kappa_rel * a2, step.norm2));
  if (gap_active) out.gap_multiplier = 1 - out.kappa_rel * (a2 / step.norm2);
  if (utility_active) out.utility_multiplier = (1 - out.gap_multiplier) * utility_price;
  out.active = gap_active ? (utility_active ? ActivePromises::kBoth : ActivePromises::kGap)
                          : (utility_active ? ActivePromises::kUtility : ActivePromises::kNone);
  report(gap_influence, utility_influence, sign, out);
  return out;
}

}  // namespace recant

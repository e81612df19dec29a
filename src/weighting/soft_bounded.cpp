// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft_bounded.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.3.
namespace recant {
namespace {

/// A gap this much smaller than the largest counts as 0: its share closed means nothing.
constexpr double kNegligibleGap = 1e-12;
/// Below this the program is linear in all but name.
constexpr double kLeastKappa = 1e-6;
/// By how much an accumulated change may lie outside its bounds and count as rounding.
constexpr double kRounding = 1e-9;

void check_bounds(const BoundedSoftOptions& options) {
  const auto fail = [](std::string_view name, std::string_view wanted, double value) {
    throw UsageError(fmt::format("{} must be {} 0, but is {}", name, wanted, value));
  };
  if (!(options.lower <= 0)) fail("lower", "<=", options.lower);
  if (!(options.upper >= 0)) fail("upper", ">=", options.upper);
}

void check(const std::vector<SoftGoal>& goals, ConstVectorRef u, ConstVectorRef weights,
           const Reweighting& accumulated, const BoundedSoftOptions& options) {
  validate(options);
  validate(options.qp);
  check_positive("target_share", options.target_share);
  check_bounds(options);
  const Index n = weights.size();
  check_at_least("number of goals", static_cast<Index>(goals.size()), 1);
  check_entries_non_negative("weights", weights);
  for (std::size_t m = 0; m < goals.size(); ++m) {
    const std::string name = fmt::format("influence of goal {}", m);
    check_finite(fmt::format("value of goal {}", m), goals[m].value);
    check_size(name, goals[m].influence.size(), n);
    check_entries_finite(name, goals[m].influence);
  }
  if (options.keep_utility || u.size() > 0) check_size("utility_influence", u.size(), n);
  check_entries_finite("utility_influence", u);
  if (accumulated.delta.size() > 0) check_size("accumulated", accumulated.delta.size(), n);
  check_entries_finite("accumulated", accumulated.delta);
}

/// What e may be, row by row.
struct Box {
  Vector lower, upper;
};

Box box_of_change(ConstVectorRef weights, const Vector& accumulated,
                  const BoundedSoftOptions& options) {
  const Index n = weights.size();
  Box box{.lower = Vector(n), .upper = Vector(n)};
  for (Index j = 0; j < n; ++j) {
    const double low = std::max(options.lower - accumulated[j], -(weights[j] + accumulated[j]));
    const double high = options.upper - accumulated[j];
    const double slack = kRounding * (1 + weights[j] + std::abs(accumulated[j]));
    if (!(low <= slack && high >= -slack)) {
      throw UsageError(
          fmt::format("accumulated must be between {} and {} and leave no weight "
                      "negative, but entry {} is {} on a weight of {}",
                      options.lower, options.upper, j, accumulated[j], weights[j]));
    }
    box.lower[j] = std::min(low, 0.0);
    box.upper[j] = std::max(high, 0.0);
  }
  return box;
}

bool counts(const SoftGoal& goal, double largest) {
  return std::abs(goal.value) > kNegligibleGap * largest;
}

/// a = sum_m (f / |f_m|) sign(f_m) I_m,  f = max |f_m|.
Vector pull(const std::vector<SoftGoal>& goals, double largest) {
  Vector a = Vector::Zero(goals.front().influence.size());
  for (const SoftGoal& goal : goals) {
    if (counts(goal, largest)) a += (largest / goal.value) * goal.influence;
  }
  return a;
}

void set_kappa(const Vector& a, double largest, const BoundedSoftOptions& options,
               BoundedSoftWeights& out) {
  const double a_unit = largest_entry(a);
  if (a_unit == 0) {
    out.kappa = options.kappa.value_or(1);
    return;
  }
  const Vector scaled = a / a_unit;
  const double unit = block_dot(scaled, scaled) / 2 * (a_unit / (largest / a_unit));
  const double least = kLeastKappa * a_unit / (options.upper - options.lower);
  const double wanted = options.kappa.value_or(options.kappa_rel * unit);
  out.kappa = std::max(wanted, least);
  out.kappa_raised = out.kappa > wanted;
  out.kappa_rel = out.kappa / unit;
}

/// a_m^T e <= share |f_m| for a goal that counts, I_m^T e = 0 for one that is held.
std::vector<QpConstraint> promises(const std::vector<SoftGoal>& goals, ConstVectorRef u,
                                   double largest, const BoundedSoftOptions& options) {
  std::vector<QpConstraint> out;
  for (const SoftGoal& goal : goals) {
    const bool held = !counts(goal, largest);
    out.push_back({.coefficients = goal.influence,
                   .limit = held ? 0 : options.target_share * goal.value,
                   .relation = held             ? QpRelation::kEqual
                               : goal.value > 0 ? QpRelation::kAtMost
                                                : QpRelation::kAtLeast});
  }
  if (options.keep_utility) {
    out.push_back({.coefficients = VectorView(u.data(), u.size()),
                   .limit = options.repay,
                   .relation = QpRelation::kAtLeast});
  }
  return out;
}

/// accumulated + e, put back where rounding has left the bounds: then w + total >= 0 exactly.
Vector total_change(const Vector& accumulated, const Vector& e, ConstVectorRef weights,
                    const BoundedSoftOptions& options) {
  return (accumulated + e).cwiseMax((-weights).cwiseMax(options.lower)).cwiseMin(options.upper);
}

/// sum_j of the largest sign * c_j e_j in the box is the program's own figure for constraint k.
double reachable(const QpResult& qp, std::size_t k, double value) {
  const auto row = static_cast<Index>(k);
  return (value > 0 ? qp.greatest[row] : qp.least[row]) / value;
}

void report_promises(const std::vector<SoftGoal>& goals, ConstVectorRef u, double largest,
                     const QpResult& qp, BoundedSoftWeights& out) {
  const auto count = static_cast<Index>(goals.size());
  out.gap_multipliers = qp.multipliers.head(count);
  out.predicted_values = out.closed_shares = out.reachable_shares = Vector::Zero(count);
  bool gap = false;
  for (std::size_t m = 0; m < goals.size(); ++m) {
    const auto row = static_cast<Index>(m);
    const double fall = block_dot(goals[m].influence, out.change.delta);
    out.predicted_values[row] = goals[m].value - fall;
    gap = gap || out.gap_multipliers[row] != 0;
    if (!counts(goals[m], largest)) continue;
    out.closed_shares[row] = fall / goals[m].value;
    out.reachable_shares[row] = reachable(qp, m, goals[m].value);
  }
  if (u.size() > 0) out.predicted_utility_change = -block_dot(u, out.change.delta);
  if (qp.multipliers.size() > count) {
    out.utility_multiplier = qp.multipliers[count];
    out.reachable_repayment = qp.greatest[count];
  }
  const bool utility = out.utility_multiplier > 0;
  out.active = gap ? (utility ? ActivePromises::kBoth : ActivePromises::kGap)
                   : (utility ? ActivePromises::kUtility : ActivePromises::kNone);
}

}  // namespace

BoundedSoftWeights soft_weights_bounded(const std::vector<SoftGoal>& goals,
                                        ConstVectorRef utility_influence, ConstVectorRef weights,
                                        const Reweighting& accumulated,
                                        const BoundedSoftOptions& options) {
  check(goals, utility_influence, weights, accumulated, options);
  const Index n = weights.size();
  const Vector before = accumulated.delta.size() > 0 ? accumulated.delta : Vector::Zero(n);
  const Box box = box_of_change(weights, before, options);
  double largest = 0;
  for (const SoftGoal& goal : goals) largest = std::max(largest, std::abs(goal.value));

  BoundedSoftWeights out;
  Vector a = pull(goals, largest);
  set_kappa(a, largest, options, out);
  // kappa |D + e|^2 = kappa |e|^2 + 2 kappa D^T e + a constant.
  if (options.penalty == SoftPenalty::kTotal) a -= 2 * out.kappa * before;

  const QpResult qp =
      solve_qp({.linear = view(a),
                .kappa = out.kappa,
                .lower = view(box.lower),
                .upper = view(box.upper),
                .constraints = promises(goals, utility_influence, largest, options)},
               options.qp);
  out.status = qp.status;
  out.change.delta = qp.status == QpStatus::kInfeasible ? Vector::Zero(n) : qp.e;
  out.total.delta = total_change(before, out.change.delta, weights, options);
  out.objective = qp.objective;
  out.at_lower = qp.at_lower;
  out.at_upper = qp.at_upper;
  out.free = qp.free;
  out.residual = qp.residual;
  out.iterations = qp.iterations;
  out.certificate = qp.certificate;
  report_promises(goals, utility_influence, largest, qp, out);
  return out;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/soft_bounded.hpp"

#include <fmt/format.h>

#include <array>
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

std::string name_of(std::size_t goal) {
  return fmt::format("influence of goal {}", goal);
}

void check_bounds(const BoundedSoftOptions& options) {
  const auto fail = [](std::string_view name, std::string_view wanted, double value) {
    throw UsageError(fmt::format("{} must be {} 0, but is {}", name, wanted, value));
  };
  if (!(options.lower <= 0)) fail("lower", "<=", options.lower);
  if (!(options.upper >= 0)) fail("upper", ">=", options.upper);
}

void check_form(const std::vector<SoftGoal>& goals, ConstVectorRef u, ConstVectorRef weights,
                const Reweighting& accumulated, const BoundedSoftOptions& options) {
  validate(options);
  validate(options.qp);
  check_positive("target_share", options.target_share);
  check_bounds(options);
  const Index n = weights.size();
  check_at_least("number of goals", static_cast<Index>(goals.size()), 1);
  for (std::size_t m = 0; m < goals.size(); ++m) {
    check_finite(fmt::format("value of goal {}", m), goals[m].value);
    check_size(name_of(m), goals[m].influence.size(), n);
  }
  if (options.keep_utility || u.size() > 0) check_size("utility_influence", u.size(), n);
  if (accumulated.delta.size() > 0) check_size("accumulated", accumulated.delta.size(), n);
}

double largest_value(const std::vector<SoftGoal>& goals) {
  double largest = 0;
  for (const SoftGoal& goal : goals) largest = std::max(largest, std::abs(goal.value));
  return largest;
}

bool counts(const SoftGoal& goal, double largest) {
  return std::abs(goal.value) > kNegligibleGap * largest;
}

/// What is given, in forms that fit.
struct Given {
  const std::vector<SoftGoal>& goals;
  ConstVectorRef u, weights;
  const Vector& accumulated;
  const BoundedSoftOptions& options;
  double largest;  // max |f_m|

  [[nodiscard]] Index rows() const { return weights.size(); }
  /// D of a block, also where no vector says that it is 0.
  [[nodiscard]] const double* before(RowBlock block) const {
    static constexpr std::array<double, kBlockRows> kNothing{};
    return accumulated.size() > 0 ? accumulated.data() + block.begin : kNothing.data();
  }
};

/// The program as far as it does not depend on kappa, and what the pass that makes it finds.
struct Program {
  explicit Program(Index n) : a(n), lower(n), upper(n) {}
  Vector a, lower, upper;
};
struct Seen {
  Extent a, u, weights, accumulated;
  std::vector<Extent> influences;
  double a2 = 0;          // a^T a
  double least_room = 0;  // at most

  Seen& operator+=(const Seen& from) {
    a += from.a;
    u += from.u;
    weights += from.weights;
    accumulated += from.accumulated;
    for (std::size_t m = 0; m < influences.size(); ++m) influences[m] += from.influences[m];
    a2 += from.a2;
    least_room = std::min(least_room, from.least_room);
    return *this;
  }
};

/// What e may be, on one block.
/// @return how far D is inside its bounds at least; rounding may have left them by kRounding times
/// a row's size, which counts as none.
double write_box(const Given& given, RowBlock block, Program& program) {
  const BoundedSoftOptions& options = given.options;
  const Eigen::Map<const Eigen::ArrayXd> before(given.before(block), block.size());
  const auto weights = given.weights.segment(block.begin, block.size()).array();
  auto lower = program.lower.segment(block.begin, block.size()).array();
  auto upper = program.upper.segment(block.begin, block.size()).array();
  lower = (options.lower - before).max(-(weights + before));
  upper = options.upper - before;
  const auto slack = kRounding * (1 + weights + before.abs());
  const double room = (slack + upper.min(-lower)).minCoeff();
  lower = lower.min(0.0);
  upper = upper.max(0.0);
  return room;
}

/// a = sum_m (f / |f_m|) sign(f_m) I_m,  f = max |f_m|, and the box of e, on one block.
Seen write_block(const Given& given, RowBlock block, Program& program) {
  Seen seen{.weights = extent_of_block(part(given.weights, block))};
  if (given.u.size() > 0) seen.u = extent_of_block(part(given.u, block));
  if (given.accumulated.size() > 0) {
    seen.accumulated = extent_of_block(part(given.accumulated, block));
  }
  auto a = program.a.segment(block.begin, block.size());
  a.setZero();
  for (const SoftGoal& goal : given.goals) {
    const auto influence = goal.influence.segment(block.begin, block.size());
    seen.influences.push_back(extent_of_block(influence));
    if (counts(goal, given.largest)) a += (given.largest / goal.value) * influence;
  }
  seen.a = extent_of_block(a);
  seen.a2 = dot_of_block(a, a);
  seen.least_room = write_box(given, block, program);
  return seen;
}

[[noreturn]] void refuse_accumulated(const Given& given) {
  const auto outside = [&](Index j) {
    const double w = given.weights[j], before = given.accumulated[j];
    const double slack = kRounding * (1 + w + std::abs(before));
    const double low = std::max(given.options.lower - before, -(w + before));
    return low > slack || given.options.upper - before < -slack;
  };
  Index j = 0;
  while (!outside(j)) ++j;
  throw UsageError(fmt::format(
      "accumulated must be between {} and {} and leave no weight "
      "negative, but entry {} is {} on a weight of {}",
      given.options.lower, given.options.upper, j, given.accumulated[j], given.weights[j]));
}

Seen write_program(const Given& given, Program& program) {
  const Seen nothing{.influences = std::vector<Extent>(given.goals.size())};
  Seen seen = sum_over_blocks(given.rows(), nothing,
                              [&](RowBlock block) { return write_block(given, block, program); });
  require_non_negative("weights", given.weights, seen.weights);
  for (std::size_t m = 0; m < given.goals.size(); ++m) {
    require_finite(name_of(m), given.goals[m].influence, seen.influences[m]);
  }
  require_finite("utility_influence", given.u, seen.u);
  require_finite("accumulated", given.accumulated, seen.accumulated);
  if (!(seen.least_room >= 0)) refuse_accumulated(given);
  return seen;
}

/// |a / its largest entry|^2.
double squares_in_unit(const Vector& a, const Seen& seen) {
  const double unit = seen.a.largest;
  if (unit > 0x1p-480 && unit < 0x1p480) return seen.a2 / unit / unit;
  return sum_over_blocks(a.size(), 0.0,
                         [&](RowBlock block) { return (part(a, block) / unit).squaredNorm(); });
}

void set_kappa(const Vector& a, const Seen& seen, const Given& given, BoundedSoftWeights& out) {
  const BoundedSoftOptions& options = given.options;
  const double a_unit = seen.a.largest;
  if (a_unit == 0) {
    out.kappa = options.kappa.value_or(1);
    return;
  }
  const double unit = squares_in_unit(a, seen) / 2 * (a_unit / (given.largest / a_unit));
  const double least = kLeastKappa * a_unit / (options.upper - options.lower);
  const double wanted = options.kappa.value_or(options.kappa_rel * unit);
  out.kappa = std::max(wanted, least);
  out.kappa_raised = out.kappa > wanted;
  out.kappa_rel = out.kappa / unit;
}

/// kappa |D + e|^2 = kappa |e|^2 + 2 kappa D^T e + a constant.
void count_accumulated(const Given& given, double kappa, Vector& a) {
  if (given.options.penalty != SoftPenalty::kTotal || given.accumulated.size() == 0) return;
  a -= 2 * kappa * given.accumulated;
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

/// I_m^T e of every goal, and u^T e.
struct Falls {
  Vector goals;
  double utility = 0;

  Falls& operator+=(const Falls& from) {
    goals += from.goals;
    utility += from.utility;
    return *this;
  }
};

/// accumulated + e, put back where rounding has left the bounds: then w + total >= 0 exactly.
Falls write_total(const Given& given, const Vector& e, Vector& total) {
  const auto count = static_cast<Index>(given.goals.size());
  total.resize(e.size());
  return sum_over_blocks(e.size(), Falls{.goals = Vector::Zero(count)}, [&](RowBlock block) {
    const double *weights = given.weights.data() + block.begin, *before = given.before(block);
    for (Index i = 0; i < block.size(); ++i) {
      const Index j = block.begin + i;
      const double least = std::max(-weights[i], given.options.lower);
      total[j] = std::min(std::max(before[i] + e[j], least), given.options.upper);
    }
    Falls falls{.goals = Vector(count)};
    const ConstVectorRef change = part(e, block);
    for (Index m = 0; m < count; ++m) {
      falls.goals[m] =
          dot_of_block(part(given.goals[static_cast<std::size_t>(m)].influence, block), change);
    }
    if (given.u.size() > 0) falls.utility = dot_of_block(part(given.u, block), change);
    return falls;
  });
}

/// sum_j of the largest sign * c_j e_j in the box is the program's own figure for constraint k.
double reachable(const QpResult& qp, Index k, double value) {
  return (value > 0 ? qp.greatest[k] : qp.least[k]) / value;
}

void report_promises(const Given& given, const Falls& falls, const QpResult& qp,
                     BoundedSoftWeights& out) {
  const auto count = static_cast<Index>(given.goals.size());
  out.gap_multipliers = qp.multipliers.head(count);
  out.predicted_values = out.closed_shares = out.reachable_shares = Vector::Zero(count);
  bool gap = false;
  for (Index row = 0; row < count; ++row) {
    const SoftGoal& goal = given.goals[static_cast<std::size_t>(row)];
    out.predicted_values[row] = goal.value - falls.goals[row];
    gap = gap || out.gap_multipliers[row] != 0;
    if (!counts(goal, given.largest)) continue;
    out.closed_shares[row] = falls.goals[row] / goal.value;
    out.reachable_shares[row] = reachable(qp, row, goal.value);
  }
  if (given.u.size() > 0) out.predicted_utility_change = -falls.utility;
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
  check_form(goals, utility_influence, weights, accumulated, options);
  const Given given{.goals = goals,
                    .u = utility_influence,
                    .weights = weights,
                    .accumulated = accumulated.delta,
                    .options = options,
                    .largest = largest_value(goals)};
  Program program(given.rows());
  const Seen seen = write_program(given, program);

  BoundedSoftWeights out;
  set_kappa(program.a, seen, given, out);
  count_accumulated(given, out.kappa, program.a);
  QpResult qp =
      solve_qp({.linear = view(program.a),
                .kappa = out.kappa,
                .lower = view(program.lower),
                .upper = view(program.upper),
                .constraints = promises(goals, utility_influence, given.largest, options)},
               options.qp);
  out.status = qp.status;
  if (qp.status == QpStatus::kInfeasible) qp.e = Vector::Zero(given.rows());
  out.change.delta = std::move(qp.e);
  const Falls falls = write_total(given, out.change.delta, out.total.delta);
  out.objective = qp.objective;
  out.at_lower = qp.at_lower;
  out.at_upper = qp.at_upper;
  out.free = qp.free;
  out.residual = qp.residual;
  out.iterations = qp.iterations;
  out.certificate = qp.certificate;
  report_promises(given, falls, qp, out);
  return out;
}

}  // namespace recant

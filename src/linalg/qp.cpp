// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/qp.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "qp_dual.hpp"

// docs/mathematics.md section 4.3. Everything works on the scaled program of qp_dual.hpp: rows of C
// have norm 1, ">=" is turned round, and nu = mu / (2 kappa), so that kappa has left the dual.
namespace recant {
namespace {

using qp::Dual;
using qp::DualPoint;

constexpr double kRoundoff = std::numeric_limits<double>::epsilon();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Where the gradient of the dual counts as 0; the repair at the end does the rest.
constexpr double kGradientTolerance = 1e-14;
/// A proof of infeasibility must stand out from rounding by this much.
constexpr double kCertificateTolerance = 1e-12;

/// A direction in the dual and how far it may be followed before a multiplier would turn negative.
struct Direction {
  Vector d;
  double longest = kInfinity;
  Index blocking = -1;
};

struct LineSearch {
  double t = 0;
  Vector nu;
  DualPoint point;
  bool recedes = false;  // the dual rises for ever: d proves infeasibility
};

enum class Climb { kTop, kSlope, kUnbounded };

/// Whether sum_j min(lower_j s_j, upper_j s_j) > beta of `mu` as QpResult::certificate has it, once
/// more and with eleven more bits: a sum that cancels counts for nothing in recession(), and over a
/// wide box it is not.
bool is_certificate(const QpProblem& problem, const Vector& mu) {
  using Real = long double;
  constexpr Real kUnit = 0x1p-64L;
  Real value = 0, rounding = 0, beta = 0;
  std::vector<Real> signed_mu;
  for (std::size_t k = 0; k < problem.constraints.size(); ++k) {
    const QpConstraint& constraint = problem.constraints[k];
    const bool at_least = constraint.relation == QpRelation::kAtLeast;
    signed_mu.push_back(at_least ? -mu[static_cast<Index>(k)] : mu[static_cast<Index>(k)]);
    beta += signed_mu.back() * constraint.limit;
    rounding += std::abs(signed_mu.back() * constraint.limit);
  }
  for (Index j = 0; j < problem.linear.size(); ++j) {
    Real slope = 0, size = 0;
    for (std::size_t k = 0; k < signed_mu.size(); ++k) {
      const Real term = signed_mu[k] * problem.constraints[k].coefficients[j];
      slope += term;
      size += std::abs(term);
    }
    const Real low = problem.lower[j], high = problem.upper[j];
    // Without a bound nothing can be said but that they cancel as far as doubles tell.
    if (!std::isfinite(low) || !std::isfinite(high)) {
      if (std::abs(slope) <= 1e-14L * size) continue;
    }
    const Real at_low = slope == 0 ? 0 : low * slope, at_high = slope == 0 ? 0 : high * slope;
    value += std::min(at_low, at_high);
    rounding += size * std::max(std::isfinite(low) ? std::abs(low) : 0,
                                std::isfinite(high) ? std::abs(high) : 0);
  }
  const auto terms = static_cast<Real>(problem.linear.size() + 2 * mu.size() + 4);
  return value - beta > terms * kUnit * rounding;
}

class Solver {
 public:
  Solver(const QpProblem& problem, const QpOptions& options)
      : options_(options),
        problem_(problem),
        constraints_(problem.constraints),
        dual_(problem),
        q_(dual_.constraints()) {}

  QpResult solve();

 private:
  [[nodiscard]] bool free_multiplier(Index k) const { return dual_.equality(k) || nu_[k] > 0; }
  [[nodiscard]] double slack_scale(Index k) const {
    return std::sqrt(here_.norm2_e) + std::abs(dual_.limits()[k]);
  }
  /// What rounding of d^T (C e - b) is relative to.
  [[nodiscard]] double slope_scale(const Vector& d, const DualPoint& point) const {
    return d.lpNorm<1>() * std::sqrt(point.norm2_e) + d.cwiseAbs().dot(dual_.limits().cwiseAbs());
  }
  [[nodiscard]] bool optimal() const;
  [[nodiscard]] Direction direction() const;
  [[nodiscard]] Vector newton(const std::vector<Index>& working, const Vector& gradient) const;
  [[nodiscard]] bool below_rounding(const Vector& d) const {
    return d.norm() <= 4 * kRoundoff * (nu_.norm() + dual_.linear_norm());
  }
  [[nodiscard]] LineSearch at(const Direction& direction, double t) const;
  [[nodiscard]] LineSearch search(const Direction& direction) const;
  [[nodiscard]] bool proves_infeasible(const Vector& d);
  [[nodiscard]] bool one_constraint_infeasible();
  [[nodiscard]] Climb climb_here(std::int64_t most);
  void lower_kappa(double kappa);
  [[nodiscard]] bool climb();
  [[nodiscard]] Vector repairing_step() const;
  void repair();
  [[nodiscard]] QpResult infeasible() const;
  [[nodiscard]] QpResult finished();

  QpOptions options_;
  const QpProblem& problem_;
  const std::vector<QpConstraint>& constraints_;
  Dual dual_;
  Index q_;
  Vector nu_;
  DualPoint here_;
  Vector e_, certificate_;
  qp::Measured measured_;
  double certificate_margin_ = 0, unconstrained_norm_ = 0;
  std::int64_t iterations_ = 0;
};

bool Solver::optimal() const {
  for (Index k = 0; k < q_; ++k) {
    const double slope = here_.activity[k] - dual_.limits()[k];
    const double violation = free_multiplier(k) ? std::abs(slope) : slope;
    if (!(violation <= kGradientTolerance * slack_scale(k))) return false;
  }
  return true;
}

/// (C_F C_F^T + regularisation) d = gradient on the working constraints. A plain semismooth Newton
/// step stalls on ties, on duplicates and on tiny kappa. The regularisation is a multiple of C C^T,
/// not of I, so that it does not bend the step when two constraints are nearly parallel.
Vector Solver::newton(const std::vector<Index>& working, const Vector& gradient) const {
  const auto rows = static_cast<Index>(working.size());
  const auto at = [&](Index i) { return working[static_cast<std::size_t>(i)]; };
  const Vector slope = Vector::NullaryExpr(rows, [&](Index i) { return gradient[at(i)]; });
  const Matrix free = Matrix::NullaryExpr(
      rows, rows, [&](Index i, Index j) { return here_.free_gram(at(i), at(j)); });
  const Matrix all =
      Matrix::NullaryExpr(rows, rows, [&](Index i, Index j) { return dual_.gram()(at(i), at(j)); });
  const double average = free.trace() / static_cast<double>(rows);
  if (!(average > 0)) return slope;
  const double relative =
      slope.norm() / (std::sqrt(here_.norm2_e) + dual_.limits().norm() + slope.norm());
  const Matrix system = free + average * (1e-3 * std::min(1e-3, relative) * all +
                                          1e-14 * Matrix::Identity(rows, rows));
  return system.ldlt().solve(slope);
}

/// Newton on the constraints with nu_k > 0 or violated, without those that nu >= 0 forbids to move.
Direction Solver::direction() const {
  const Vector gradient = here_.activity - dual_.limits();
  std::vector<Index> working;
  for (Index k = 0; k < q_; ++k) {
    if (!dual_.empty_row(k) && (free_multiplier(k) || gradient[k] > 0)) working.push_back(k);
  }
  Direction out{.d = Vector::Zero(q_)};
  const std::vector<Index> all = working;
  while (!working.empty()) {
    const Vector step = newton(working, gradient);
    Index blocked = -1;
    for (Index i = 0; i < step.size(); ++i) {
      const bool at_zero = !free_multiplier(working[static_cast<std::size_t>(i)]);
      if (at_zero && step[i] < 0 && (blocked < 0 || step[i] < step[blocked])) blocked = i;
    }
    if (blocked < 0) {
      out.d(working) = step;
      break;
    }
    working.erase(working.begin() + blocked);
  }
  // The constraints dropped may have been all that was violated: then straight up.
  if (!(gradient.dot(out.d) > 0)) {
    out.d.setZero();
    out.d(all) = gradient(all);
  }
  for (Index k = 0; k < q_; ++k) {
    if (dual_.equality(k) || out.d[k] >= 0) continue;
    const double until = nu_[k] / -out.d[k];
    if (until < out.longest) {
      out.longest = until;
      out.blocking = k;
    }
  }
  return out;
}

LineSearch Solver::at(const Direction& direction, double t) const {
  LineSearch out{.t = t, .nu = nu_ + t * direction.d};
  if (t == direction.longest) out.nu[direction.blocking] = 0;
  for (Index k = 0; k < q_; ++k) {
    if (!dual_.equality(k)) out.nu[k] = std::max(out.nu[k], 0.0);
  }
  out.point = dual_.evaluate(out.nu);
  return out;
}

/// Maximises the dual along d: passes that narrow a bracket of the root of the slope, until the
/// slope is a tenth of what it was; if they do not get there, the sorted breakpoints inside.
LineSearch Solver::search(const Direction& direction) const {
  constexpr int kBracketPasses = 8;
  const Vector& d = direction.d;
  const double first = d.dot(here_.activity - dual_.limits());
  double low = 0, low_slope = first, high = direction.longest, high_slope = 0;
  bool bracketed = false;
  double t = std::min(1.0, direction.longest);
  LineSearch out;
  for (int pass = 0; pass < kBracketPasses; ++pass) {
    out = at(direction, t);
    const double slope = d.dot(out.point.activity - dual_.limits());
    const bool at_end = t == direction.longest;
    if (slope >= -1e-6 * first && (slope <= 0.1 * first || at_end)) return out;
    if (std::abs(slope) <= kGradientTolerance * slope_scale(d, out.point)) return out;
    if (slope > 0) {
      low = t;
      low_slope = slope;
    } else {
      high = t;
      high_slope = slope;
      bracketed = true;
    }
    if (!bracketed && direction.longest == kInfinity && pass == 0 &&
        dual_.recession(d).margin(kCertificateTolerance) > 0) {
      out.recedes = true;
      return out;
    }
    const double curvature = d.dot(out.point.free_gram * d);
    double next = curvature > 0 ? t + slope / curvature : kInfinity;
    if (!bracketed) {
      t = std::min(std::clamp(next, 2 * t, 100 * t), direction.longest);
      continue;
    }
    if (!(next > low && next < high)) {
      next = low + (high - low) * low_slope / (low_slope - high_slope);
    }
    t = next > low && next < high ? next : low + (high - low) / 2;
  }
  return at(direction, dual_.root_between_breakpoints(nu_, d, {low, high}, low_slope));
}

/// Keeps d as the certificate if sum_j min(lower_j s_j, upper_j s_j) > limits^T d, s = C^T d.
bool Solver::proves_infeasible(const Vector& d) {
  for (Index k = 0; k < q_; ++k) {
    if (!dual_.equality(k) && d[k] < 0) return false;
  }
  if (!(d.lpNorm<Eigen::Infinity>() > 0)) return false;
  const qp::Recession recession = dual_.recession(d);
  if (!(recession.margin(kCertificateTolerance) > 0)) return false;
  if (!is_certificate(problem_, dual_.unscale(d))) return false;
  certificate_ = d;
  certificate_margin_ = recession.margin(0);
  return true;
}

bool Solver::one_constraint_infeasible() {
  for (Index k = 0; k < q_; ++k) {
    const double limit = constraints_[static_cast<std::size_t>(k)].limit;
    if (!(dual_.least()[k] > limit || dual_.greatest()[k] < limit)) continue;
    const Vector up = Vector::Unit(q_, k);
    if (proves_infeasible(up) || (dual_.equality(k) && proves_infeasible(-up))) return true;
  }
  return false;
}

/// Climbs the dual of the present kappa from nu_, where here_ is, at most `most` steps.
Climb Solver::climb_here(std::int64_t most) {
  most = std::min(most, options_.max_iterations - iterations_);
  for (std::int64_t step = 0; step < most && !optimal(); ++step, ++iterations_) {
    const Direction next = direction();
    if (below_rounding(next.d)) return Climb::kTop;
    LineSearch found = search(next);
    if (found.recedes && proves_infeasible(next.d)) return Climb::kUnbounded;
    nu_ = std::move(found.nu);
    here_ = std::move(found.point);
    if (step % 8 == 7 && proves_infeasible(nu_)) return Climb::kUnbounded;
  }
  if (optimal()) return Climb::kTop;
  return proves_infeasible(nu_) ? Climb::kUnbounded : Climb::kSlope;
}

/// Goes to a smaller kappa with nu moved so that the unknowns strictly inside their bounds, which
/// would be flung out of them by the change, stay where they are as far as q numbers can hold them:
/// nu = r nu + (r - 1) (C_F C_F^T)^{-1} C_F e_F,  r = old kappa / new kappa.
void Solver::lower_kappa(double kappa) {
  const double ratio = dual_.kappa() / kappa;
  const Vector free_activity = dual_.free_activity(nu_);
  Matrix system = here_.free_gram;
  system.diagonal().array() += 1e-14 * system.trace();
  nu_ *= ratio;
  if (system.trace() > 0) nu_ += (ratio - 1) * system.ldlt().solve(free_activity);
  for (Index k = 0; k < q_; ++k) {
    if (!dual_.equality(k)) nu_[k] = std::max(nu_[k], 0.0);
  }
  dual_.set_kappa(kappa);
  here_ = dual_.evaluate(nu_);
}

/// Climbs the dual. With tiny kappa it is all ridges, and every step may stop at one: then kappa
/// comes down in stages from where the dual is smooth, each stage starting at the top of the last.
/// @return false if it has no maximum: the program is infeasible.
bool Solver::climb() {
  constexpr std::int64_t kDirect = 40, kStage = 30;
  constexpr double kFactor = 8;
  nu_ = Vector::Zero(q_);
  here_ = dual_.evaluate(nu_);
  unconstrained_norm_ = std::sqrt(here_.norm2_e);
  Climb reached = climb_here(kDirect);
  if (reached != Climb::kSlope) return reached == Climb::kTop;
  const double goal = dual_.kappa();
  double kappa = goal * dual_.linear_norm() / unconstrained_norm_;
  nu_.setZero();
  if (!(kappa > goal && std::isfinite(kappa))) kappa = goal;
  dual_.set_kappa(kappa);
  here_ = dual_.evaluate(nu_);
  while (dual_.kappa() > goal) {
    if (climb_here(kStage) == Climb::kUnbounded) return false;
    lower_kappa(std::max(dual_.kappa() / kFactor, goal));
  }
  return climb_here(options_.max_iterations) != Climb::kUnbounded;
}

/// (C_F C_F^T)^+ (b - C e) on F = {lower < e < upper} and the active constraints: 0 if they hold to
/// rounding.
Vector Solver::repairing_step() const {
  Vector missing = dual_.limits() - here_.activity;
  Matrix system = here_.free_gram;
  double worst = 0;
  for (Index k = 0; k < q_; ++k) {
    const bool active = free_multiplier(k) || missing[k] < 0;
    if (!active || dual_.empty_row(k)) missing[k] = 0;
    if (missing[k] == 0) {  // not to be moved: no part in the system
      system.row(k).setZero();
      system.col(k).setZero();
    } else {
      worst = std::max(worst, std::abs(missing[k]) / slack_scale(k));
    }
  }
  if (worst <= kRoundoff) return Vector::Zero(q_);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(system);
  const double cut = 1e-13 * eigen.eigenvalues().cwiseAbs().maxCoeff();
  Vector inverse = Vector::Zero(q_);
  for (Index k = 0; k < q_; ++k) {
    if (eigen.eigenvalues()[k] > cut) inverse[k] = 1 / eigen.eigenvalues()[k];
  }
  return eigen.eigenvectors() * inverse.cwiseProduct(eigen.eigenvectors().transpose() * missing);
}

/// Writes e = e(nu) and repairs it, e_F += C_F^T step, clipped, a few times.
void Solver::repair() {
  constexpr int kRounds = 6;
  for (int round = 0; round < kRounds; ++round) {
    const Vector step = repairing_step();
    if (round > 0 && (step.array() == 0).all()) break;
    here_ = dual_.shift(nu_, step, e_, measured_);
  }
}

QpResult Solver::infeasible() const {
  QpResult result;
  result.status = QpStatus::kInfeasible;
  result.multipliers = Vector::Zero(q_);
  const Vector original = dual_.unscale(certificate_);
  const double largest = original.lpNorm<Eigen::Infinity>();
  result.certificate = original / largest;
  result.certificate_margin = certificate_margin_ / largest;
  return result;
}

QpResult Solver::finished() {
  QpResult result;
  for (Index k = 0; k < q_; ++k) {
    const double slope = here_.activity[k] - dual_.limits()[k];
    const double scale = std::max(slack_scale(k), unconstrained_norm_);
    const double relative = slope == 0 ? 0 : slope / (scale > 0 ? scale : 1);
    result.residual.feasibility =
        std::max(result.residual.feasibility, dual_.equality(k) ? std::abs(relative) : relative);
    if (!dual_.equality(k) && nu_[k] > 0) {
      const double weight = nu_[k] < dual_.linear_norm() ? nu_[k] / dual_.linear_norm() : 1;
      result.residual.complementarity =
          std::max(result.residual.complementarity, weight * std::abs(relative));
    }
  }
  result.residual.stationarity = measured_.stationarity;
  result.status =
      result.residual.worst() <= options_.tolerance ? QpStatus::kSolved : QpStatus::kInaccurate;
  result.multipliers = dual_.multipliers(nu_);
  result.activity = dual_.unscaled_activity(here_.activity);
  result.objective = measured_.objective;
  result.at_lower = measured_.at_lower;
  result.at_upper = measured_.at_upper;
  result.free = e_.size() - measured_.at_lower - measured_.at_upper;
  result.e = std::move(e_);
  return result;
}

QpResult Solver::solve() {
  QpResult result;
  if (one_constraint_infeasible() || !climb()) {
    result = infeasible();
  } else {
    repair();
    result = finished();
  }
  result.least = dual_.least();
  result.greatest = dual_.greatest();
  result.iterations = iterations_;
  result.passes = dual_.passes();
  return result;
}

}  // namespace

std::string_view name(QpStatus status) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"solved", "inaccurate", "infeasible"};
  return kNames[static_cast<std::size_t>(status)];
}

QpResult solve_qp(const QpProblem& problem, const QpOptions& options) {
  qp::check_form(problem, options);
  return Solver(problem, options).solve();
}

}  // namespace recant

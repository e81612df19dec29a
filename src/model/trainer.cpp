// SPDX-License-Identifier: Apache-2.0
#include "recant/model/trainer.hpp"

#include <cmath>
#include <limits>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/model/secant_memory.hpp"

namespace recant {
namespace {

/// Armijo's constant, and the rounding of F below which its change says nothing.
constexpr double kSufficientDecrease = 1e-4;
constexpr double kRoundingOfValue = 1e-13;
constexpr double kSmallestStep = 1e-12;
/// Decades of the gradient that a Newton step is taken to gain at least, far from the optimum.
constexpr double kLeastNewtonGain = 0.05;

/// What a Hessian is taken to cost in gradient passes. A pass reads 8 bytes for two multiply-adds a
/// score, a Hessian does p (C+1)/2 multiply-adds for them: measured, they are even at 15 to 30 of
/// these. Taken as even at 10, fits are the fastest: what rebuild_pays() expects of a new Hessian
/// is more than it gives (docs/decisions/0002).
double hessian_cost_in_passes(const Objective& objective) {
  const auto width = static_cast<double>(objective.width());
  return std::max(1.0, width * static_cast<double>(objective.loss().outputs() + 1) / 20);
}

/// From this cost on, the first steps are taken without a Hessian.
constexpr double kDearHessian = 10;
/// Steps without a Hessian before their contraction is judged: they are uneven.
constexpr int kTrialSteps = 5;

/// The inverse of a model of the Hessian: a multiple of the identity or the factor of an earlier
/// Hessian, corrected by the secants of the steps since.
class InverseModel {
 public:
  InverseModel() = default;
  InverseModel(const InverseModel&) = delete;
  InverseModel& operator=(const InverseModel&) = delete;

  void start_from(double scale) {
    scale_ = scale;
    factor_ = nullptr;
    secants_.clear();
  }
  void start_from(Cholesky factor) {
    own_ = std::move(factor);
    borrow(*own_);
  }
  void borrow(const Cholesky& factor) {
    factor_ = &factor;
    secants_.clear();
  }
  [[nodiscard]] bool has_factor() const { return factor_ != nullptr; }
  [[nodiscard]] bool has_own_factor() const { return own_ && factor_ == &*own_; }

  void add(Vector step, Vector gradient_change) {
    const double curvature = step.dot(gradient_change);
    if (!factor_ && curvature > 0) scale_ = curvature / gradient_change.squaredNorm();
    secants_.add(std::move(step), std::move(gradient_change));
  }

  [[nodiscard]] Vector apply(const Vector& q) const {
    return secants_.apply(
        q, [&](const Vector& v) { return factor_ ? factor_->solve(v) : Vector(scale_ * v); });
  }

 private:
  std::optional<Cholesky> own_;
  const Cholesky* factor_ = nullptr;  // of a Hessian: its own or borrowed; none: scale_ I
  double scale_ = 1;
  SecantMemory secants_;
};

class Newton {
 public:
  Newton(const Objective& objective, ConstVectorRef weights, const TrainerOptions& options,
         const ProgressCallback& progress)
      : objective_(objective), weights_(weights), options_(options), progress_(progress) {}

  /// `near`: the factor of a Hessian near that at the start, or null.
  TrainerResult run(Vector start, const Cholesky* near) {
    theta_ = std::move(start);
    now_ = evaluate(theta_);
    if (!std::isfinite(now_.gradient.norm())) {
      throw DataError(
          "the gradient is beyond double precision: row weights, features or targets are too large",
          "training rows", "scale them down");
    }
    const bool dear = hessian_cost_in_passes(objective_) >= kDearHessian;
    if (near != nullptr) {
      start_with(*near);
    } else if (dear && !finished()) {
      start_without_hessian();
    }
    while (result_.iterations < options_.max_iterations && !finished()) {
      if (must_rebuild_ || rebuild_pays()) rebuild();
      must_rebuild_ = !step();
      if (must_rebuild_ && steps_of_model_ == 0 && model_.has_own_factor()) break;  // rounding
    }
    result_.theta = theta_;
    result_.value = now_.value;
    result_.data_loss = now_.data_loss;
    result_.gradient = now_.gradient;
    result_.gradient_norm = now_.gradient.norm();
    result_.gradient_tolerance = tolerance();
    result_.converged = within_tolerance();
    return std::move(result_);
  }

 private:
  [[nodiscard]] double tolerance() const { return options_.tolerance * std::max(1.0, now_.gross); }
  [[nodiscard]] bool within_tolerance() const { return now_.gradient.norm() <= tolerance(); }

  /// Within the tolerance, and (when refining) the last step no longer halved the gradient.
  [[nodiscard]] bool finished() const {
    if (!within_tolerance()) return false;
    return !options_.refine || now_.gradient.norm() == 0 || contraction_ > 0.5;
  }

  /// Compares the passes to the tolerance with the model as it is, at the contraction that was
  /// measured, with those after m new Hessians: the gain of Newton's steps, in decades, doubles
  /// from one to the next, and a factor that is kept repeats its first gain.
  [[nodiscard]] bool rebuild_pays() const {
    if (within_tolerance()) return false;  // refining: cheap steps only
    if (steps_of_model_ < (model_.has_factor() ? 2 : kTrialSteps)) return false;  // not known yet
    if (!(contraction_ < 0.9)) return true;
    const double decades = std::log10(now_.gradient.norm() / tolerance());
    const double keep = decades / -std::log10(contraction_);
    const double hessian = hessian_cost_in_passes(objective_) + 1;
    double gain = newton_gain_, reached = 0, renew = std::numeric_limits<double>::infinity();
    for (int m = 1; m <= 8; ++m) {
      gain *= 2;
      reached += gain;
      renew = std::min(renew, m * hessian + std::max(0.0, decades - reached) / gain);
    }
    return keep > renew;
  }

  /// The step along -g that is best for the quadratic at theta, and secants from there.
  void start_without_hessian() {
    const Vector& g = now_.gradient;
    const double curvature = g.dot(objective_.hessian_times(theta_, weights_, g));
    ++result_.passes;
    model_.start_from(g.squaredNorm() / curvature);
    must_rebuild_ = false;
  }

  void start_with(const Cholesky& near) {
    model_.borrow(near);
    must_rebuild_ = false;
  }

  void rebuild() {
    auto factor = Cholesky::factor(objective_.hessian(theta_, weights_));
    // H >= l2 I, so only overflow or an l2 lost in rounding can fail; then F says so too.
    if (!factor) {
      Matrix damped = objective_.hessian(theta_, weights_);
      damped.diagonal().array() += 1e-12 * damped.diagonal().maxCoeff();
      factor = Cholesky::factor(std::move(damped));
    }
    if (!factor)
      throw UsageError("the Hessian is not positive definite in double precision", "l2",
                       "give a larger l2 or scale the features");
    model_.start_from(*std::move(factor));
    steps_of_model_ = 0;
    contraction_ = -1;
    ++result_.hessians;
  }

  /// One step along -H^{-1} g, halved until F falls enough. False if none does.
  bool step() {
    const Vector direction = -model_.apply(now_.gradient);
    const double slope = now_.gradient.dot(direction), norm = now_.gradient.norm();
    const bool refining = within_tolerance();
    const double slack = kRoundingOfValue * std::abs(now_.value);
    for (double size = 1; size >= kSmallestStep; size /= 2) {
      Vector candidate = theta_ + size * direction;
      Objective::Evaluation there = evaluate(candidate);
      const bool descends = there.value <= now_.value + kSufficientDecrease * size * slope + slack;
      const double candidate_norm = there.gradient.norm();
      if (refining && !(candidate_norm < norm)) {
        contraction_ = 1;  // rounding level: keep the better point
        return true;
      }
      if (!descends || !std::isfinite(candidate_norm)) continue;
      learn(candidate_norm / norm);
      model_.add(candidate - theta_, there.gradient - now_.gradient);
      theta_ = std::move(candidate);
      now_ = std::move(there);
      record(size);
      return true;
    }
    return false;
  }

  /// Without a factor steps are uneven: their contraction is averaged over the last few.
  void learn(double contraction) {
    ++steps_of_model_;
    if (!model_.has_factor() && contraction_ > 0) {
      constexpr double kShare = 1.0 / kTrialSteps;
      contraction_ = std::pow(contraction_, 1 - kShare) * std::pow(contraction, kShare);
      return;
    }
    contraction_ = contraction;
    if (model_.has_own_factor() && steps_of_model_ == 1) {
      newton_gain_ = std::max(kLeastNewtonGain, -std::log10(contraction));
    }
  }

  void record(double size) {
    ++result_.iterations;
    result_.history.push_back({result_.iterations, now_.value, now_.gradient.norm(), size,
                               model_.has_own_factor() && steps_of_model_ == 1});
    if (progress_) progress_({"fit", static_cast<double>(result_.iterations), 0});
  }

  Objective::Evaluation evaluate(const Vector& theta) {
    ++result_.passes;
    return objective_.evaluate(theta, weights_);
  }

  const Objective& objective_;
  ConstVectorRef weights_;
  const TrainerOptions& options_;
  const ProgressCallback& progress_;
  Vector theta_;
  Objective::Evaluation now_;
  InverseModel model_;
  bool must_rebuild_ = true;
  int steps_of_model_ = 0;    // taken since its factor or its start
  double contraction_ = -1;   // of these steps' gradients; negative: none yet
  double newton_gain_ = 0.3;  // decades, of the first step with the last factor
  TrainerResult result_;
};

void check_inputs(const Objective& objective, ConstVectorRef weights,
                  const TrainerOptions& options) {
  validate(options);
  check_size("row weights", weights.size(), objective.rows());
  if (!(weights.minCoeff() >= 0))
    throw UsageError("row weights must be >= 0 to train", "row weights");
  if (!(weights.allFinite() && weights.maxCoeff() > 0)) {
    throw UsageError("row weights must be finite and not all zero", "row weights");
  }
}

}  // namespace

TrainerResult train_from(const Objective& objective, ConstVectorRef weights, Vector start,
                         const TrainerOptions& options, const ProgressCallback& progress,
                         const Cholesky* near) {
  check_inputs(objective, weights, options);
  check_size("start", start.size(), objective.parameters());
  if (near != nullptr) check_size("rows of the factor", near->size(), objective.parameters());
  Stopwatch watch;
  TrainerResult result = Newton(objective, weights, options, progress).run(std::move(start), near);
  result.seconds = watch.lap();
  return result;
}

TrainerResult train(const Objective& objective, ConstVectorRef weights,
                    const TrainerOptions& options, const ProgressCallback& progress) {
  return train_from(objective, weights, Vector::Zero(objective.parameters()), options, progress);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/model/trainer.hpp"

#include <cmath>

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

/// What a Hessian costs in gradient passes. A pass reads 8 bytes for two multiply-adds, a
/// Hessian does p multiply-adds for them: measured, they are even at p of about 20.
double hessian_cost_in_passes(Index parameters) {
  return std::max(1.0, static_cast<double>(parameters) / 20);
}

class Newton {
 public:
  Newton(const Objective& objective, ConstVectorRef weights, const TrainerOptions& options,
         const ProgressCallback& progress)
      : objective_(objective), weights_(weights), options_(options), progress_(progress) {}

  TrainerResult run(Vector start) {
    theta_ = std::move(start);
    now_ = evaluate(theta_);
    while (result_.iterations < options_.max_iterations && !finished()) {
      if (!factor_ || rebuild_pays()) rebuild();
      if (!step()) {
        if (factor_is_new_) break;  // no step lowers F: rounding, or not finite
        factor_.reset();
      }
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
    return !options_.refine || now_.gradient.norm() == 0 || (factor_ && contraction_ > 0.5);
  }

  /// Newton's next steps from a new Hessian square the error; a kept factor multiplies it by
  /// contraction_. Compares passes to the tolerance.
  [[nodiscard]] bool rebuild_pays() const {
    if (factor_is_new_ && contraction_ < 0) return false;  // not tried yet
    if (within_tolerance()) return false;                  // refining: cheap steps only
    if (!(contraction_ < 0.9)) return true;
    const double decades = std::log10(now_.gradient.norm() / tolerance());
    const double passes = decades / -std::log10(contraction_);
    return passes > hessian_cost_in_passes(objective_.parameters()) + 2;
  }

  void rebuild() {
    factor_ = Cholesky::factor(objective_.hessian(theta_, weights_));
    // H >= l2 I, so only overflow or an l2 lost in rounding can fail; then F says so too.
    if (!factor_) {
      Matrix damped = objective_.hessian(theta_, weights_);
      damped.diagonal().array() += 1e-12 * damped.diagonal().maxCoeff();
      factor_ = Cholesky::factor(std::move(damped));
    }
    if (!factor_)
      throw UsageError("the Hessian is not positive definite in double precision", "l2",
                       "give a larger l2 or scale the features");
    factor_is_new_ = true;
    memory_.clear();
    contraction_ = -1;
    ++result_.hessians;
  }

  /// One step along -H^{-1} g, halved until F falls enough. False if none does.
  bool step() {
    const Vector direction =
        -memory_.apply(now_.gradient, [&](const Vector& q) { return factor_->solve(q); });
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
      contraction_ = candidate_norm / norm;
      memory_.add(candidate - theta_, there.gradient - now_.gradient);
      theta_ = std::move(candidate);
      now_ = std::move(there);
      record(size);
      factor_is_new_ = false;
      return true;
    }
    return false;
  }

  void record(double size) {
    ++result_.iterations;
    result_.history.push_back(
        {result_.iterations, now_.value, now_.gradient.norm(), size, factor_is_new_});
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
  std::optional<Cholesky> factor_;
  SecantMemory memory_;
  bool factor_is_new_ = false;
  double contraction_ = -1;  // of the last step with this factor; negative: none yet
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
                         const TrainerOptions& options, const ProgressCallback& progress) {
  check_inputs(objective, weights, options);
  check_size("start", start.size(), objective.parameters());
  Stopwatch watch;
  TrainerResult result = Newton(objective, weights, options, progress).run(std::move(start));
  result.seconds = watch.lap();
  return result;
}

TrainerResult train(const Objective& objective, ConstVectorRef weights,
                    const TrainerOptions& options, const ProgressCallback& progress) {
  return train_from(objective, weights, Vector::Zero(objective.parameters()), options, progress);
}

}  // namespace recant

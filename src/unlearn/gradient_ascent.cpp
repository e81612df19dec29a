// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/gradient_ascent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"

// docs/mathematics.md section 4.5.
namespace recant {
namespace {

constexpr double kEqualLosses = 1e-9;
constexpr int kMostCuts = 64;
// Of the hold-out's loss. Few climbs that end where the losses meet take it so far.
constexpr double kMostRise = 1000;
// Of how far apart the losses were. Where they are larger, 1e-9 of them is so much that they would
// seem equal without having come any closer.
constexpr double kFarthestMeeting = 1e6;

/// The rows to forget and those never seen, at any theta.
class Climb {
 public:
  Climb(const Objective& objective, const Dataset& holdout, const ValueWeights& values)
      : objective_(objective),
        holdout_(holdout, objective.loss(), objective.intercept(), objective.l2()),
        forget_weights_(-values.target.delta / -values.target.delta.sum()),
        force_(-values.change.delta / -values.change.delta.sum()),
        holdout_weights_(holdout.weights / holdout.weights.sum()) {}

  [[nodiscard]] AscentPoint measure(const Vector& theta) const {
    return {.forget_loss = objective_.evaluate(theta, forget_weights_).data_loss,
            .holdout_loss = holdout_loss(theta)};
  }
  [[nodiscard]] double holdout_loss(const Vector& theta) const {
    return holdout_.evaluate(theta, holdout_weights_).data_loss;
  }
  [[nodiscard]] double holdout_loss_of_zeros() const {
    return holdout_loss(Vector::Zero(objective_.parameters()));
  }
  [[nodiscard]] Vector gradient(const Vector& theta) const {
    return objective_.weighted_gradients(theta, force_);
  }

 private:
  const Objective& objective_;
  Objective holdout_;
  Vector forget_weights_, force_, holdout_weights_;
};

bool reached(const AscentPoint& point) {
  return point.forget_loss >= point.holdout_loss;
}

bool equal_losses(const AscentPoint& point) {
  return std::abs(point.forget_loss - point.holdout_loss) <= kEqualLosses * point.holdout_loss;
}

bool finite(const AscentPoint& point) {
  return std::isfinite(point.forget_loss) && std::isfinite(point.holdout_loss);
}

/// The last point with a hold-out's loss that a model may have, or where the losses have met.
/// A climb is judged by its end: on the way there the losses differ, and short steps see more of it
/// than long ones.
class LastGood {
 public:
  LastGood(const Climb& climb, const AscentPoint& start, const Vector& theta)
      : most_(kMostRise * std::max(start.holdout_loss, climb.holdout_loss_of_zeros())),
        farthest_(kFarthestMeeting * (start.holdout_loss - start.forget_loss)),
        theta_(theta) {}

  [[nodiscard]] bool lost(const AscentPoint& point) const { return point.holdout_loss > most_; }
  void look(const std::vector<AscentPoint>& path, const Vector& theta) {
    const AscentPoint& point = path.back();
    if (lost(point) && !(equal_losses(point) && point.holdout_loss <= farthest_)) return;
    theta_ = theta;
    points_ = path.size();
  }
  [[nodiscard]] const Vector& theta() const { return theta_; }
  [[nodiscard]] std::size_t points() const { return points_; }

 private:
  double most_, farthest_;
  Vector theta_;
  std::size_t points_ = 1;
};

void check(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights,
           const ValueWeights& values, const Dataset& holdout,
           const GradientAscentOptions& options) {
  validate(options);
  check_size("theta", theta.size(), objective.parameters());
  check_size("row weights", weights.size(), objective.rows());
  check_size("change", values.change.delta.size(), objective.rows());
  check_size("target", values.target.delta.size(), objective.rows());
  if (!(values.target.delta.maxCoeff() <= 0 && values.change.delta.sum() < 0)) {
    throw UsageError(
        "gradient ascent needs rows that are deleted and no other whose weight changes", {},
        "weight the deleted rows, not the retained ones");
  }
  if (holdout.features.columns() != objective.features().columns()) {
    throw DataError(fmt::format("the hold-out rows have {} features, but the training rows {}",
                                holdout.features.columns(), objective.features().columns()));
  }
  if (!(holdout.rows() > 0 && holdout.weights.sum() > 0)) {
    throw DataError("the hold-out set has no row with weight", {},
                    "give rows that the model was not trained on");
  }
}

/// From `start` along `gradient`, the step size at which the losses meet; that of `size` lies
/// beyond. It may lie hundreds of powers of ten beyond, so that halving it would take all day: size
/// falls ever faster until the losses have not met, and where they are far apart the bounds meet on
/// a logarithmic scale.
AscentPoint cut(const Climb& climb, const Vector& start, const Vector& gradient, double size,
                AscentPoint beyond, Vector& theta) {
  double low = 0, high = size, fall = 2;
  for (int i = 0; i < kMostCuts && !equal_losses(beyond); ++i) {
    double middle = low + (high - low) / 2;
    if (low == 0) {
      middle = high / fall;
      fall = std::min(fall * fall, 0x1p512);
    } else if (high > 4 * low) {
      middle = std::sqrt(low) * std::sqrt(high);
    }
    const Vector there = start + middle * gradient;
    const AscentPoint point = climb.measure(there);
    if (reached(point)) {
      high = middle;
      beyond = point;
      theta = there;
    } else {
      low = middle;
    }
  }
  beyond.step_norm = high * gradient.norm();
  return beyond;
}

}  // namespace

std::string_view name(StepRule rule) noexcept {
  return rule == StepRule::kConstant ? "constant" : "decaying";
}

StepRule step_rule(std::string_view text) {
  for (const StepRule rule : {StepRule::kConstant, StepRule::kDecaying}) {
    if (text == name(rule)) return rule;
  }
  throw UsageError(fmt::format("rule must be constant or decaying, but is '{}'", text));
}

std::string_view name(AscentStop stop) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"reached",    "already_reached", "steps",
                                                      "stationary", "not_finite",      "overshot"};
  return kNames[static_cast<std::size_t>(stop)];
}

AscentStop ascent_stop(std::string_view text) {
  for (const AscentStop stop :
       {AscentStop::kReached, AscentStop::kAlreadyReached, AscentStop::kSteps,
        AscentStop::kStationary, AscentStop::kNotFinite, AscentStop::kOvershot}) {
    if (text == name(stop)) return stop;
  }
  throw UsageError(fmt::format("gradient ascent does not end by '{}'", text));
}

std::string_view describe(AscentStop stop) noexcept {
  constexpr std::array<std::string_view, 6> kTexts = {
      "the mean loss of the rows to be forgotten has reached that of rows never seen",
      "the mean loss of the rows to be forgotten was not below that of rows never seen",
      "as many steps were made as allowed, and the losses still differ",
      "the gradient of the rows to be forgotten is 0, so there is nothing to climb",
      "a step left the range of numbers; the step size is too large",
      "rows never seen were left with a loss that no model has, and the losses did not meet; the "
      "step size is too large"};
  return kTexts[static_cast<std::size_t>(stop)];
}

GradientAscentResult gradient_ascent(const Objective& objective, ConstVectorRef theta,
                                     ConstVectorRef weights, const ValueWeights& values,
                                     const Dataset& holdout, const GradientAscentOptions& options,
                                     const ProgressCallback& progress) {
  Stopwatch watch;
  check(objective, theta, weights, values, holdout, options);
  const Climb climb(objective, holdout, values);
  GradientAscentResult out;
  Vector at = theta;
  out.path.push_back(climb.measure(at));
  bool done = reached(out.path.front());
  if (done) out.stop = AscentStop::kAlreadyReached;
  LastGood good(climb, out.path.front(), at);
  for (int t = 1; !done && t <= options.max_steps; ++t) {
    if (progress)
      progress({"ascent", static_cast<double>(t - 1), static_cast<double>(options.max_steps)});
    const Vector gradient = climb.gradient(at);
    const double norm = out.path.back().gradient_norm = gradient.norm();
    if (norm == 0) {
      out.stop = AscentStop::kStationary;
      break;
    }
    double size = options.step_size;
    if (options.rule == StepRule::kDecaying) size /= std::sqrt(static_cast<double>(t));
    if (options.clip && norm > *options.clip) {
      size *= *options.clip / norm;
      ++out.clipped;
    }
    Vector next = at + size * gradient;
    AscentPoint point = climb.measure(next);
    if (!finite(point)) {
      out.stop = AscentStop::kNotFinite;
      break;
    }
    point.step_norm = size * norm;
    done = reached(point);
    if (done) point = cut(climb, at, gradient, size, point, next);
    if (done) out.stop = AscentStop::kReached;
    at = std::move(next);
    out.path.push_back(point);
    good.look(out.path, at);
  }
  if (good.points() < out.path.size()) {
    out.stop = AscentStop::kOvershot;
    at = good.theta();
    out.path.resize(good.points());
  }
  out.holdout_lost = good.lost(out.path.back());
  if (out.path.back().gradient_norm == 0) {
    out.path.back().gradient_norm = climb.gradient(at).norm();
  }
  const MinimumDistance left = minimum_distance(objective, at, weights + values.target.delta);
  out.update.gradient_norm = left.gradient_norm;
  out.update.measured = left.measured;
  out.update.distance_bound = left.bound;
  out.update.theta = std::move(at);
  out.update.seconds = watch.lap();
  return out;
}

}  // namespace recant

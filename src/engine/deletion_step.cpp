// SPDX-License-Identifier: Apache-2.0
#include "deletion_step.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include "recant/certify/bound_terms.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/unlearn/value_weighted_step.hpp"
#include "recant/valuation/knn_shapley.hpp"
#include "recant/weighting/value_weighted.hpp"

namespace recant {
namespace {

constexpr const char* kWithoutNoise =
    "published without noise: who also holds the model from before can find out what was deleted";

std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::string> text_of(const std::optional<Tier>& tier) {
  return tier ? std::optional(std::string(name(*tier))) : std::nullopt;
}

Vector weights_without(const Vector& weights, std::span<const Index> rows) {
  Vector left = weights;
  for (const Index row : rows) left[row] = 0;
  return left;
}

ValueWeights weights_of(std::span<const Index> rows, const ForgetWeighting& weighting, double alpha,
                        const Vector& weights) {
  if (!weighting.by_value || alpha == 0) return uniform_weights(rows, weights);
  return value_weights(weighting.values, rows, weights, {weighting.form, alpha});
}

void note_request(const ForgetRequest& request, BatchRecord& record) {
  record.method = name(request.method);
  record.weighting = name_of_weighting(request.weighting);
}

/// How it went, and where it ended: what stands in the record and in the step. One that left the
/// range of what a model loses ends the deletion: to call the rest heuristic would be to say too
/// little.
void note_ascent(const GradientAscentOptions& options, const GradientAscentResult& result,
                 DeletionStep& step) {
  step.refusal = step_too_large(result.stop) ? "step_too_large" : "";
  step.theta = result.update.theta;
  step.holdout_lost = result.holdout_lost;
  step.record.ascent =
      AscentRun{options.rule, result.stop, static_cast<std::int64_t>(result.path.size()) - 1};
}

/// What can bound a model that the request leads to, cheapest first. One that is led elsewhere on
/// purpose is measured where it is: the bound of a plain step is not about it, and a further step
/// or training again would undo it.
std::vector<Tier> tiers_for(const ForgetRequest& request, bool by_value, Tier first) {
  const bool plain = request.method == ForgetMethod::kNewton && !by_value;
  std::vector<Tier> tiers;
  for (const Tier tier : all_tiers()) {
    const bool applies =
        tier == Tier::kHalf ? request.third_derivative : plain || tier == Tier::kPass;
    if (applies && tier >= first) tiers.push_back(tier);
  }
  return tiers;
}

/// Looks no closer than the request allows; what would, is named all the same. Nothing is tried if
/// it allows none of them.
TierChoice choose_up_to(const std::optional<Tier>& limit, double allowance,
                        const std::function<DistanceBound(Tier)>& measure,
                        const std::vector<Tier>& tiers) {
  const auto end = limit ? std::ranges::upper_bound(tiers, *limit) : tiers.end();
  if (end == tiers.begin()) return {};
  TierChoice choice = choose_tier(allowance, measure, std::span(tiers.begin(), end));
  if (choice.within && !choice.dearer && end != tiers.end()) choice.dearer = *end;
  return choice;
}

void note_bound(const TierChoice& choice, DeletionStep& step) {
  if (choice.tried.empty()) return;
  BatchRecord& record = step.record;
  record.tier = std::string(name(choice.tier));
  record.cheaper = text_of(choice.cheaper);
  record.dearer = text_of(choice.dearer);
  for (const TierTried& tried : choice.tried) {
    record.tried.push_back({std::string(name(tried.tier)), finite(tried.bound.value)});
  }
  record.bound = finite(choice.bound.value);
  record.residual_h_inverse_norm = finite(choice.bound.residual);
  record.terms = terms_of(choice.bound);
}

/// The bound of a deletion without a budget: nothing asks for a closer one, so that there is no
/// other tier to name.
void note_only_bound(Tier tier, const DistanceBound& bound, DeletionStep& step) {
  TierChoice choice;
  choice.tier = tier;
  choice.bound = bound;
  choice.tried = {{tier, bound}};
  note_bound(choice, step);
  step.record.residual_norm = bound.gradient_measure->norm;
}

/// From the step and, where that is not enough, from the last pass: the lesser bound.
DistanceBound bound_without_a_pass(const DeletionStep& step, double allowance) {
  const DeletionState& state = *step.state;
  const CurvatureFrame frame = state.frame();
  DistanceBound bound = bound_from_step(frame, state.measure_step(step.theta));
  if (bound.value <= allowance || !state.keeps_pass()) return bound;
  DistanceBound carried = bound_from_residual(frame, state.carried_residual(step.theta));
  return carried.value < bound.value ? carried : bound;
}

/// By a pass, and a second look where the first is above the allowance and that may change it.
DistanceBound bound_here(DeletionStep& step, double allowance) {
  const CurvatureFrame frame = step.state->frame();
  const auto look_again = [&](const ResidualMeasure& first) {
    const DistanceBound bound = bound_from_residual(frame, first);
    // It says more of how far |s| is from the distance, of which |s| is the larger part.
    return bound.value > allowance && bound.solution <= allowance && bound.range > 0;
  };
  const ResidualMeasure residual = step.state->measure_and_keep(step.theta, look_again);
  step.record.residual_norm = residual.residual_norm;
  return bound_from_residual(frame, residual);
}

}  // namespace

bool is_plain(const ForgetRequest& request) noexcept {
  return request.method == ForgetMethod::kNewton && !request.weighting.by_value &&
         !request.weighting.retained;
}

ForgetRequest made_plain(const ForgetRequest& request) {
  ForgetRequest plain;
  plain.rows = request.rows;
  plain.tier_at_most = request.tier_at_most;
  plain.third_derivative = request.third_derivative;
  return plain;
}

double ModelMover::pass_cost() const {
  return 4.0 * static_cast<double>(objective_.rows()) *
         static_cast<double>(objective_.parameters());
}

double ModelMover::base_cost(bool third_derivative) const {
  const auto p = static_cast<double>(objective_.parameters());
  const double hessians = third_derivative ? 1 + p : 1;
  return (2.0 * hessians * static_cast<double>(objective_.rows()) + p) * p * p;
}

const DeletionState& ModelMover::current(bool third_derivative) {
  if (!state_ || spent_ >= base_cost(third_derivative) ||
      (third_derivative && !state_->keeps_third_derivative())) {
    state_.emplace(objective_, fitted_.model.theta, fitted_.rows.weights,
                   DeletionOptions{.third_derivative = third_derivative});
    ++bases_;
    spent_ = 0;
  }
  return *state_;
}

DistanceBound ModelMover::bound_at(Tier tier, std::span<const Index> rows,
                                   const ForgetRequest& request, double alpha, double allowance,
                                   DeletionStep& step) {
  const bool by_value = request.weighting.by_value && alpha > 0;
  switch (tier) {
    case Tier::kStep: {
      step.state = current(request.third_derivative);
      step.new_base = false;
      if (!rows.empty() && step.state->delete_rows(rows) == DeletionStatus::kRebuild) {
        step.state = step.state->rebuilt_at(fitted_.model.theta);
        step.new_base = true;
      }
      if (request.method == ForgetMethod::kNewton && !by_value) {
        step.theta = step.state->newton_point();
        return bound_without_a_pass(step, allowance);
      }
      if (request.method == ForgetMethod::kNewton) {
        const ValueWeights values =
            weights_of(rows, request.weighting, alpha, fitted_.rows.weights);
        step.theta =
            value_weighted_step(objective_, fitted_.model.theta, fitted_.rows.weights, values)
                .update.theta;
      }
      return {};  // how far it is takes a pass
    }
    case Tier::kHalf: {
      if (request.method == ForgetMethod::kNewton && !by_value) {
        step.theta = step.state->third_order_point();
      }
      return bound_from_residual(step.state->frame(), step.state->expanded_residual(step.theta));
    }
    case Tier::kPass: {
      const DistanceBound bound = bound_here(step, allowance);
      last_cost_ += pass_cost() * (bound.residual_measure->second ? 2 : 1);
      return bound;
    }
    case Tier::kNewBase:
    case Tier::kRetrain: {
      if (tier == Tier::kRetrain) {
        step.theta = train_from(objective_, step.state->weights(), step.theta,
                                {.tolerance = fitted_.tolerance})
                         .theta;
        step.state = step.state->rebuilt_at(step.theta);
      } else {
        step.state = step.state->rebuilt_at(step.theta);
        step.theta = step.state->newton_point();
      }
      step.new_base = true;
      const DistanceBound bound = bound_here(step, allowance);
      if (bound.value <= allowance || tier == Tier::kRetrain) return bound;
      // The second step itself moved curvature: look once more, in a base of its own.
      step.state = step.state->rebuilt_at(step.theta);
      return bound_here(step, allowance);
    }
  }
  return {};
}

void ModelMover::bounded(std::span<const Index> rows, const ForgetRequest& request,
                         double allowance, Tier first, DeletionStep& step) {
  const ForgetWeighting& weighting = request.weighting;
  const auto climb = [&](double alpha) {
    if (request.method != ForgetMethod::kAscent) return;
    note_ascent(request.ascent,
                gradient_ascent(objective_, fitted_.model.theta, fitted_.rows.weights,
                                weights_of(rows, weighting, alpha, fitted_.rows.weights),
                                *request.holdout, request.ascent),
                step);
  };
  double alpha = 0;
  if (weighting.by_value && weighting.alpha) alpha = *weighting.alpha;
  if (weighting.by_value && !weighting.alpha) {
    // The largest alpha that a pass can show to cost half of the allowance.
    const auto price = [&](double tried) {
      climb(tried);
      if (!step.refusal.empty()) return std::numeric_limits<double>::infinity();
      const DistanceBound bound = bound_at(Tier::kStep, rows, request, tried, allowance, step);
      return std::min(bound.value,
                      bound_at(Tier::kPass, rows, request, tried, allowance, step).value);
    };
    AutoAlphaOptions options;
    const std::vector<Index> leaving(rows.begin(), rows.end());
    options.max_alpha =
        std::min(options.max_alpha, largest_alpha(weighting.values(leaving), weighting.form));
    alpha = auto_alpha(price, allowance, weighting.form, options).alpha;
  }
  climb(alpha);
  if (!step.refusal.empty()) return;
  const std::vector<Tier> tiers = tiers_for(request, weighting.by_value && alpha > 0, first);
  if (tiers.empty() || tiers.front() != Tier::kStep) {
    // Of which nothing but the state and the step is wanted.
    static_cast<void>(bound_at(Tier::kStep, rows, request, alpha, allowance, step));
  }
  const auto measure = [&](Tier tier) {
    return bound_at(tier, rows, request, alpha, allowance, step);
  };
  const TierChoice choice = choose_up_to(request.tier_at_most, allowance, measure, tiers);
  note_bound(choice, step);
  if (weighting.by_value) {
    step.record.alpha = alpha;
    const ForgetRequest plain{.third_derivative = request.third_derivative};
    DeletionStep uniform;  // looked at as closely
    const double step_bound = bound_at(Tier::kStep, rows, plain, 0, allowance, uniform).value;
    step.record.uniform_bound = finite(
        std::min(step_bound, bound_at(Tier::kPass, rows, plain, 0, allowance, uniform).value));
  }
  step.record.level = CertificateLevel::kCertified;
  step.record.optimal = choice.within && choice.tier == Tier::kRetrain;
  if (!choice.within) step.refusal = request.tier_at_most ? "tier_limit" : "above_allowance";
}

/// What someone would find who never had the rows that leave: of the others alone, in a data set of
/// their own.
Vector ModelMover::retained_weights(std::span<const Index> rows, const ForgetRequest& request,
                                    const ProgressCallback& progress) const {
  const Vector left = weights_without(fitted_.rows.weights, rows);
  std::vector<Index> staying;
  for (Index row = 0; row < left.size(); ++row) {
    if (left[row] > 0) staying.push_back(row);
  }
  const Dataset data{.features = fitted_.rows.features.only(staying),
                     .targets = fitted_.rows.targets(staying),
                     .class_names = fitted_.rows.class_names,
                     .weights = Vector::Ones(std::ssize(staying))};
  const bool vote = fitted_.model.loss.kind() != LossKind::kSquared;
  const KnnShapleyResult found = vote
                                     ? knn_shapley(data, *request.holdout, {}, progress)
                                     : knn_shapley_regression(data, *request.holdout, {}, progress);
  Vector values = Vector::Zero(left.size());
  values(staying) = found.values;
  const ForgetWeighting& weighting = request.weighting;
  return fitted_.rows.weights + retained_value_weights({values, ValueMethod::kKnnShapley, true},
                                                       rows, fitted_.rows.weights,
                                                       {weighting.form, weighting.alpha.value()})
                                    .change.delta;
}

/// Every weight changes, so nothing of a former base is of use: a step from a base of its own, or
/// training. The next deletion starts from the rows' own weights again.
void ModelMover::retained(std::span<const Index> rows, const ForgetRequest& request,
                          std::optional<double> allowance, Tier first, DeletionStep& step,
                          const ProgressCallback& progress) {
  step.trained_weights = retained_weights(rows, request, progress);
  const Vector& weights = *step.trained_weights;
  step.theta = fitted_.model.theta;
  const auto look = [&] {
    step.state.emplace(objective_, step.theta, weights);
    return bound_here(step, allowance.value_or(0));
  };
  const auto measure = [&](Tier tier) -> DistanceBound {
    if (tier == Tier::kRetrain) {
      const TrainerResult trained =
          train_from(objective_, weights, step.theta, {.tolerance = fitted_.tolerance}, progress);
      if (!trained.converged && !allowance) step.refusal = "not_converged";
      step.theta = trained.theta;
      return look();
    }
    step.state.emplace(objective_, step.theta, weights);
    step.theta = step.state->newton_point();
    const DistanceBound bound = bound_here(step, *allowance);
    return bound.value <= *allowance ? bound : look();
  };
  std::vector<Tier> tiers = {Tier::kRetrain};
  if (allowance && first != Tier::kRetrain) tiers.insert(tiers.begin(), Tier::kNewBase);
  const TierChoice choice = choose_up_to(
      request.tier_at_most, allowance.value_or(std::numeric_limits<double>::max()), measure, tiers);
  note_bound(choice, step);
  step.state.reset();
  step.new_base = true;
  step.record.alpha = request.weighting.alpha;
  step.record.level = allowance ? CertificateLevel::kCertified : CertificateLevel::kExact;
  step.record.optimal = false;  // of other weights than the rows' own
  step.record.assumptions.emplace_back(
      "compared with training on the rows that stay weighted by their values (KNN-Shapley on "
      "validation rows, computed from the rows that stay alone)");
  // Whoever is compared with has them too: a deleted row among them would be in both models.
  step.record.assumptions.emplace_back("no validation row is one that was deleted, or copies one");
  if (!choice.within) step.refusal = request.tier_at_most ? "tier_limit" : "above_allowance";
}

void ModelMover::unbounded(std::span<const Index> rows, const ForgetRequest& request,
                           DeletionStep& step, const ProgressCallback& progress) {
  const ForgetWeighting& weighting = request.weighting;
  if (weighting.retained) {
    retained(rows, request, {}, Tier::kRetrain, step, progress);
    step.record.assumptions.emplace_back(kWithoutNoise);
    return;
  }
  const double alpha = weighting.by_value ? weighting.alpha.value() : 0;
  const Vector& weights = fitted_.rows.weights;
  const Vector left = weights_without(weights, rows);
  if (request.method == ForgetMethod::kAscent || alpha > 0) {
    const ValueWeights values = weights_of(rows, weighting, alpha, weights);
    UpdateResult update;
    if (request.method == ForgetMethod::kAscent) {
      GradientAscentResult climbed =
          gradient_ascent(objective_, fitted_.model.theta, weights, values, *request.holdout,
                          request.ascent, progress);
      note_ascent(request.ascent, climbed, step);
      if (!step.refusal.empty()) return;
      update = std::move(climbed.update);
    } else {
      update = value_weighted_step(objective_, fitted_.model.theta, weights, values).update;
      step.theta = update.theta;
    }
    note_only_bound(Tier::kPass, bound_from_gradient(fitted_.l2, update.measured), step);
    step.record.level = CertificateLevel::kHeuristic;
    step.record.optimal = false;
    if (alpha > 0) {
      step.record.alpha = alpha;
      const ValueWeights uniform = uniform_weights(rows, weights);
      const UpdateResult plain =
          value_weighted_step(objective_, fitted_.model.theta, weights, uniform).update;
      step.record.uniform_bound = finite(bound_from_gradient(fitted_.l2, plain.measured).value);
    }
    step.record.assumptions.emplace_back(
        request.method == ForgetMethod::kAscent
            ? "gradient ascent, published without noise: nothing ties it to retraining"
            : "value-weighted deletion, published without noise: no epsilon and delta hold");
    if (step.holdout_lost) step.record.assumptions.emplace_back(kHoldoutLost);
    return;
  }
  const TrainerResult trained =
      train_from(objective_, left, fitted_.model.theta, {.tolerance = fitted_.tolerance}, progress);
  step.theta = trained.theta;
  const MinimumDistance distance = minimum_distance(objective_, trained.theta, left);
  note_only_bound(Tier::kRetrain, bound_from_gradient(fitted_.l2, distance.measured), step);
  step.record.level = CertificateLevel::kExact;
  step.record.assumptions.emplace_back(kWithoutNoise);
  if (!trained.converged) step.refusal = "not_converged";
}

DeletionStep ModelMover::move(std::span<const Index> rows, const ForgetRequest& request,
                              const std::optional<PrivacyBudget>& budget, bool retrain,
                              const ProgressCallback& progress) {
  if (rows.empty() && !is_plain(request)) {
    return move(rows, made_plain(request), budget, retrain, progress);
  }
  if (budget) {
    DeletionStep step = move_within(budget->allowance, retrain ? Tier::kRetrain : Tier::kStep, rows,
                                    request, progress);
    if (step.refusal.empty() && !difference_covers(*budget, *step.record.step_norm)) {
      step.refusal = "difference_exceeded";
    }
    return step;
  }
  Stopwatch watch;
  DeletionStep step;
  last_cost_ = 0;
  note_request(request, step.record);
  unbounded(rows, request, step, progress);
  step.record.step_norm = norm_above(step.theta - fitted_.model.theta);
  step.record.seconds = watch.lap();
  return step;
}

DeletionStep ModelMover::move_within(double allowance, Tier first, std::span<const Index> rows,
                                     const ForgetRequest& request,
                                     const ProgressCallback& progress) {
  Stopwatch watch;
  DeletionStep step;
  last_cost_ = 0;
  note_request(request, step.record);
  if (request.weighting.retained) {
    retained(rows, request, allowance, first, step, progress);
  } else {
    bounded(rows, request, allowance, first, step);
  }
  step.record.step_norm = norm_above(step.theta - fitted_.model.theta);
  step.record.seconds = watch.lap();
  return step;
}

void ModelMover::adopt(DeletionStep step) {
  spent_ = step.new_base ? 0 : spent_ + last_cost_;
  bases_ += step.new_base ? 1 : 0;
  state_ = std::move(step.state);
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/correction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"

namespace recant {
namespace {

/// A gap this share of where it started counts as closed: what is left is second order.
constexpr double kClosed = 1e-4;
/// kappa_rel of a step among several, relative to the part of the gap that it is to close: the
/// change may be about (1/kKappaOfStep)^(1/2) times as large as without the promise on utility.
constexpr double kKappaOfStep = 0.01;
/// A goal waits while it is smaller than this part of the largest one.
constexpr double kLargest = 0.25;
/// The least part of a step worth a round.
constexpr double kLeastPace = 1.0 / 32;

/// The weights chosen in one round, whichever scheme chose them.
struct Choice {
  Reweighting change;  // e, from the current weights
  Reweighting total;   // accumulated + e, so rounded that w + total >= 0 where the scheme says so
  ActivePromises active = ActivePromises::kNone;
  std::vector<double> gap_multipliers;
  double utility_multiplier = 0, kappa = 0, reachable_share = 1;
  bool feasible = true, kappa_raised = false, accurate = true;
};

class Correction {
 public:
  Correction(const Objective& objective, const LinearModel& model, ConstVectorRef weights,
             const Dataset& validation, std::span<const Metric> goals,
             const MetricSettings& settings, const CorrectionOptions& options,
             std::span<const ObservedSplit> observed, const ProgressCallback& progress)
      : objective_(objective),
        model_(model),
        weights_(weights),
        validation_(validation),
        goals_(goals.begin(), goals.end()),
        settings_(settings),
        options_(options),
        observed_(observed),
        progress_(progress) {
    measured_ = goals_;
    measured_.push_back({.kind = MetricKind::kUtility, .name = "utility"});
    result_.theta = model.theta;
    result_.change.delta = Vector::Zero(objective.rows());
    for (const ObservedSplit& split : observed)
      result_.predicted.emplace_back(split.metrics.size(), 0.0);
  }

  CorrectionResult run() {
    measure();
    for (std::size_t g = 0; g < gaps_.size(); ++g) {
      if (!std::isfinite(gaps_[g])) {
        throw DataError(fmt::format("{} has no value on the validation rows", goals_[g].name),
                        "close", "every group needs a row, with each label the metric reads");
      }
    }
    first_gaps_ = gaps_;
    for (const Metric& goal : goals_) {
      double scale = 0;
      for (std::size_t h = 0; h < goals_.size(); ++h) {
        if (goals_[h].name == goal.name) scale = std::max(scale, std::abs(gaps_[h]));
      }
      scales_.push_back(scale);
    }
    first_utility_ = utility_;
    result_.stop = reached()              ? CorrectionStop::kNoGap
                   : options_.rounds == 1 ? one_round()
                                          : iterate();
    if (result_.gradient.size() == 0) {
      result_.gradient =
          objective_.evaluate(result_.theta, weights_ + result_.change.delta).gradient;
    }
    result_.gradient_norm = result_.gradient.norm();
    return std::move(result_);
  }

 private:
  /// Values of the goals and of the utility at the current parameters.
  void measure() {
    Stopwatch watch;
    const LinearModel now = model_.at(result_.theta);
    gaps_ = metric_values(measured_, validation_, now, settings_, &model_);
    utility_ = gaps_.back();
    gaps_.pop_back();
    result_.seconds.measure += watch.lap();
  }

  [[nodiscard]] bool closed(std::size_t g) const {
    return std::abs(gaps_[g]) <= std::max(options_.target_gap, kClosed * scales_[g]);
  }

  /// The goals of this round: those not closed whose size is within kLargest of the largest. A
  /// small gap among large ones would weigh more than they do, as each counts by its share that
  /// is closed; its turn comes when the others have come down to it. All of them in one round.
  [[nodiscard]] std::vector<std::size_t> goals_of_round() const {
    double largest = 0;
    for (std::size_t g = 0; g < gaps_.size() && options_.rounds > 1; ++g) {
      if (!closed(g)) largest = std::max(largest, std::abs(gaps_[g]) / scales_[g]);
    }
    std::vector<std::size_t> goals;
    for (std::size_t g = 0; g < gaps_.size(); ++g) {
      if (!closed(g) && std::abs(gaps_[g]) / scales_[g] >= kLargest * largest) goals.push_back(g);
    }
    return goals;
  }

  [[nodiscard]] bool reached() const {
    for (std::size_t g = 0; g < gaps_.size(); ++g) {
      if (!closed(g)) return false;
    }
    return true;
  }

  /// Every gap lies so far below the target that a smaller change would do.
  [[nodiscard]] bool beyond_target() const {
    return std::all_of(gaps_.begin(), gaps_.end(),
                       [&](double gap) { return std::abs(gap) < 0.9 * options_.target_gap; });
  }

  /// Hessian, influences of every goal and of the utility at the current parameters.
  /// False where negative total weights leave no factor.
  bool linearise() {
    Stopwatch watch;
    const Vector total = weights_ + result_.change.delta;
    hessian_ = factor_hessian(objective_, result_.theta, total);
    result_.seconds.curvature += watch.lap();
    if (!hessian_) return false;
    const LinearModel now = model_.at(result_.theta);
    gradients_ = metric_gradients(measured_, validation_, now, settings_, &model_);
    influences_ = influences(objective_, result_.theta, *hessian_, gradients_);
    result_.seconds.influence += watch.lap();
    return true;
  }

  /// Of what is left of the gaps, the largest part that lies above the target, or `margin` (a
  /// share of where a gap started) below it: steps that aim at the target itself only approach it.
  [[nodiscard]] double share_above_target(double margin) const {
    double share = 0;
    for (const std::size_t g : goals_of_round()) {
      const double aim = std::max(0.0, options_.target_gap - margin * scales_[g]);
      share = std::max(share, 1 - aim / std::abs(gaps_[g]));
    }
    return share;
  }

  /// One linearisation weighs the whole gap against the size of the change. In several the step
  /// is what limits it, and kappa only keeps a step from becoming huge where the promise on the
  /// utility leaves little of its direction.
  [[nodiscard]] double kappa_rel(double share) const {
    if (options_.rounds == 1) return options_.kappa_rel.value_or(1);
    return options_.kappa_rel.value_or(kKappaOfStep) / share;
  }

  Choice choose(double share) {
    Stopwatch watch;
    Choice choice = options_.scheme == Scheme::kHard ? choose_hard(share)
                    : options_.bounded               ? choose_bounded(share)
                                                     : choose_closed_form(share);
    result_.seconds.weights += watch.lap();
    return choice;
  }

  /// Exactly the rows that were listed.
  Choice choose_listed() const {
    Choice choice;
    choice.change = delete_rows(options_.delete_rows, weights_);
    choice.total = choice.change;
    choice.gap_multipliers.assign(gaps_.size(), 0);
    return choice;
  }

  Choice choose_hard(double share) const {
    if (!options_.delete_rows.empty()) return choose_listed();
    // Several goals count by the share of each that is closed.
    Vector influence = Vector::Zero(objective_.rows());
    const std::vector<std::size_t> goals = goals_of_round();
    for (const std::size_t g : goals) {
      influence += influences_.col(static_cast<Index>(g)) / gaps_[g];
    }
    const auto open = static_cast<double>(goals.size());
    HardOptions options{.count = options_.count, .share = options_.share, .predicted_total = {}};
    if (!options.count && !options.share) options.predicted_total = share;
    const Vector total = weights_ + result_.change.delta;
    HardWeights hard = hard_weights(influence, open, total, options);
    // A row is the least that can be deleted: where it is more than this step, it is the step.
    if (hard.rows.empty() && hard.stop == HardStop::kReached) {
      hard = hard_weights(influence, open, total, {.count = 1, .share = {}, .predicted_total = {}});
    }
    Choice choice;
    choice.feasible = !hard.rows.empty();
    choice.change = std::move(hard.change);
    choice.total = result_.change;
    for (const Index row : hard.rows) choice.total.delta(row) = -weights_(row);
    choice.gap_multipliers.assign(gaps_.size(), 0);
    return choice;
  }

  Choice choose_closed_form(double share) const {
    SoftWeights soft = soft_weights(influences_.col(0), influences_.col(1), share * gaps_.front(),
                                    {.kappa = options_.kappa,
                                     .kappa_rel = kappa_rel(share),
                                     .keep_utility = options_.keep_utility});
    Reweighting total{result_.change.delta + soft.change.delta};
    return {.change = std::move(soft.change),
            .total = std::move(total),
            .active = soft.active,
            .gap_multipliers = {soft.gap_multiplier},
            .utility_multiplier = soft.utility_multiplier,
            .kappa = soft.kappa,
            .feasible = soft.degeneracy == SoftDegeneracy::kNone};
  }

  Choice choose_bounded(double share) const {
    // The gaps of a metric that has no goal in this round are held where they are.
    std::vector<std::size_t> of = goals_of_round();
    const std::size_t open = of.size();
    const auto in_round = [&](const Metric& goal) {
      return std::any_of(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(open),
                         [&](std::size_t g) { return goals_[g].name == goal.name; });
    };
    for (std::size_t g = 0; g < goals_.size(); ++g) {
      if (!in_round(goals_[g])) of.push_back(g);
    }
    std::vector<SoftGoal> goals;
    for (std::size_t k = 0; k < of.size(); ++k) {
      const auto influence = influences_.col(static_cast<Index>(of[k]));
      goals.push_back(
          {VectorView(influence.data(), influence.size()), k < open ? gaps_[of[k]] : 0});
    }
    BoundedSoftOptions options;
    options.kappa = options_.kappa;
    options.kappa_rel = kappa_rel(share);
    options.keep_utility = options_.keep_utility;
    if (options_.repay) {
      options.repay = std::max(0.0, utility_ - first_utility_) * std::min(share, 1.0);
    }
    options.target_share = share;
    options.lower = options_.lower;
    options.upper = options_.upper;
    BoundedSoftWeights soft = soft_weights_bounded(goals, influences_.col(influences_.cols() - 1),
                                                   weights_, result_.change, options);
    std::vector<double> multipliers(gaps_.size(), 0);
    for (std::size_t k = 0; k < of.size(); ++k) {
      multipliers[of[k]] = soft.gap_multipliers(static_cast<Index>(k));
    }
    return {.change = std::move(soft.change),
            .total = std::move(soft.total),
            .active = soft.active,
            .gap_multipliers = std::move(multipliers),
            .utility_multiplier = soft.utility_multiplier,
            .kappa = soft.kappa,
            .reachable_share = soft.reachable_shares.head(static_cast<Index>(open)).minCoeff(),
            .feasible = soft.status != QpStatus::kInfeasible,
            .kappa_raised = soft.kappa_raised,
            .accurate = soft.status == QpStatus::kSolved};
  }

  UpdateResult move(const Choice& choice) {
    Stopwatch watch;
    UpdateResult moved;
    switch (options_.update) {
      case UpdateKind::kInfluence:
        moved = influence_step(objective_, result_.theta, *hessian_,
                               weights_ + result_.change.delta, choice.change);
        moved.gradient.resize(0);  // not of the total as it is rounded
        break;
      case UpdateKind::kNewton:
        moved = newton_step(objective_, result_.theta, weights_, choice.total);
        break;
      case UpdateKind::kPolish:
        moved = polish(objective_, result_.theta, weights_, choice.total, options_.trainer, {},
                       &*hessian_);
        break;
    }
    result_.seconds.update += watch.lap();
    return moved;
  }

  CorrectionRound begin_round(double share, const Choice& choice) const {
    CorrectionRound round;
    round.round = accepted_ + 1;
    round.share = share;
    round.gaps = gaps_;
    for (Index g = 0; g + 1 < influences_.cols(); ++g) {
      round.predicted.push_back(-influences_.col(g).dot(choice.change.delta));
    }
    round.utility = utility_;
    round.active = choice.active;
    round.gap_multipliers = choice.gap_multipliers;
    round.utility_multiplier = choice.utility_multiplier;
    round.kappa = choice.kappa;
    round.kappa_raised = choice.kappa_raised;
    round.accurate = choice.accurate;
    return round;
  }

  /// Adds what the linearisation predicts on the observed splits. Before theta moves.
  void predict_on_splits(const Reweighting& change) {
    if (observed_.empty()) return;
    Stopwatch watch;
    const Vector step =
        -hessian_->solve(objective_.weighted_gradients(result_.theta, change.delta));
    const LinearModel now = model_.at(result_.theta);
    for (std::size_t s = 0; s < observed_.size(); ++s) {
      const ObservedSplit& split = observed_[s];
      if (split.metrics.empty()) continue;
      const Vector predicted =
          metric_gradients(split.metrics, *split.data, now, settings_, &model_).transpose() * step;
      for (Index m = 0; m < predicted.size(); ++m) {
        result_.predicted[s][static_cast<std::size_t>(m)] += predicted(m);
      }
    }
    result_.seconds.measure += watch.lap();
  }

  /// Moves there and measures; `before` and after go into the round's record.
  void take(const Choice& choice, Vector theta, CorrectionRound& round) {
    const std::vector<double> before = gaps_;
    const double utility_before = utility_;
    result_.theta = std::move(theta);
    result_.change = choice.total;
    measure();
    for (std::size_t g = 0; g < gaps_.size(); ++g) round.actual.push_back(gaps_[g] - before[g]);
    round.utility_change = utility_ - utility_before;
  }

  CorrectionStop one_round() {
    if (!linearise()) return CorrectionStop::kNoStepHelps;
    const double share = share_above_target(0);
    const Choice choice = choose(share);
    result_.reachable_share = choice.reachable_share;
    if (!choice.feasible) return CorrectionStop::kBounds;
    CorrectionRound round = begin_round(share, choice);
    UpdateResult moved = move(choice);
    result_.update_status = moved.status;
    if (moved.status == UpdateStatus::kNegativeWeights ||
        moved.status == UpdateStatus::kNotPositiveDefinite) {
      return CorrectionStop::kUpdateFailed;
    }
    predict_on_splits(choice.change);
    take(choice, std::move(moved.theta), round);
    result_.gradient = std::move(moved.gradient);
    result_.rounds.push_back(std::move(round));
    if (moved.status != UpdateStatus::kDone) return CorrectionStop::kUpdateFailed;
    if (!affordable()) return CorrectionStop::kUtilityPrice;
    return reached() ? CorrectionStop::kTarget : CorrectionStop::kRounds;
  }

  /// Equal steps to the target, each from a new linearisation: small steps keep the promise on
  /// the utility where one large one breaks it to second order. A step that does not do what it
  /// predicts is halved; the rounds this costs are added, up to as many again.
  CorrectionStop iterate() {
    double pace = 1;
    while (accepted_ < 2 * options_.rounds) {
      if (!linearise()) return CorrectionStop::kNoStepHelps;
      const double step = 1.0 / std::max(1, options_.rounds - accepted_);
      CorrectionStop why = CorrectionStop::kNoStepHelps;
      bool advanced = false;
      while (!advanced && pace >= kLeastPace) {
        advanced = try_round(pace * step * share_above_target(kClosed), why);
        if (!advanced) pace /= 2;
      }
      if (!advanced) return why;
      ++accepted_;
      if (reached()) return CorrectionStop::kTarget;
      pace = std::min(1.0, 2 * pace);
      if (progress_) {
        progress_({"correct", static_cast<double>(accepted_),
                   static_cast<double>(std::max(accepted_, options_.rounds))});
      }
    }
    return CorrectionStop::kRounds;
  }

  /// One attempt at a share of the gaps; leaves everything as it was unless it is accepted.
  bool try_round(double share, CorrectionStop& why) {
    const Choice choice = choose(share);
    if (accepted_ == 0 && result_.rounds.empty()) result_.reachable_share = choice.reachable_share;
    CorrectionRound round = begin_round(share, choice);
    const auto reject = [&](CorrectionStop reason, std::string_view because) {
      why = reason;
      round.accepted = false;
      round.rejected_because = because;
      result_.rounds.push_back(std::move(round));
      return false;
    };
    if (!choice.feasible)
      return reject(CorrectionStop::kBounds, "no weights within the bounds do it");
    UpdateResult moved = move(choice);
    if (moved.status != UpdateStatus::kDone) {
      result_.update_status = moved.status;
      return reject(CorrectionStop::kNoStepHelps, describe(moved.status));
    }

    const Vector theta_before = result_.theta, delta_before = result_.change.delta;
    const std::vector<double> gaps_before = gaps_;
    const double utility_before = utility_;
    take(choice, std::move(moved.theta), round);
    const bool overshoots = options_.target_gap > 0 && beyond_target();
    const bool affords = affordable();
    const bool helps = fell(gaps_before, round.actual) >= fell(gaps_before, round.predicted) / 2 &&
                       fell(gaps_before, round.actual) > 0;
    const Vector theta_after = result_.theta;
    result_.theta = theta_before;
    if (affords && helps && !overshoots) {
      predict_on_splits(choice.change);
      result_.theta = theta_after;
      result_.gradient = std::move(moved.gradient);
      result_.update_status = UpdateStatus::kDone;
      result_.rounds.push_back(std::move(round));
      return true;
    }
    result_.change.delta = delta_before;
    gaps_ = gaps_before;
    utility_ = utility_before;
    return !affords
               ? reject(CorrectionStop::kUtilityPrice, "the validation loss would rise too far")
           : overshoots
               ? reject(CorrectionStop::kNoStepHelps, "the gaps fell well below the target")
               : reject(CorrectionStop::kNoStepHelps,
                        "the gaps fell by less than half of what was predicted");
  }

  /// The validation loss is no higher than the price that was named.
  [[nodiscard]] bool affordable() const {
    return !options_.utility_tolerance ||
           utility_ <= first_utility_ * (1 + *options_.utility_tolerance);
  }

  /// By how much a change lowers what of the gaps lies above the target, each as a share of where
  /// it started.
  [[nodiscard]] double fell(const std::vector<double>& gaps,
                            const std::vector<double>& change) const {
    const auto above = [&](double gap) {
      return std::max(0.0, std::abs(gap) - options_.target_gap);
    };
    double sum = 0;
    for (std::size_t g = 0; g < gaps.size(); ++g) {
      const double scale = std::max(scales_[g], options_.target_gap);
      if (scale > 0) sum += (above(gaps[g]) - above(gaps[g] + change[g])) / scale;
    }
    return sum;
  }

  const Objective& objective_;
  const LinearModel& model_;
  ConstVectorRef weights_;
  const Dataset& validation_;
  std::vector<Metric> goals_, measured_;  // measured_: the goals, then utility
  const MetricSettings& settings_;
  const CorrectionOptions& options_;
  std::span<const ObservedSplit> observed_;
  const ProgressCallback& progress_;

  std::vector<double> gaps_, first_gaps_;
  std::vector<double> scales_;  // of each goal: the largest first gap of its metric
  double utility_ = 0, first_utility_ = 0;
  int accepted_ = 0;
  std::optional<Cholesky> hessian_;
  Matrix gradients_, influences_;
  CorrectionResult result_;
};

void check_options(const CorrectionOptions& options, std::size_t goals) {
  validate(options);
  if (goals == 0) throw UsageError("there is no gap to close", "close", "name at least one metric");
  if (!(options.lower <= 0 && options.upper >= 0 && options.lower < options.upper)) {
    throw UsageError(
        fmt::format("bounds must be two numbers with 0 between them, but are {} and {}",
                    options.lower, options.upper),
        "bounds");
  }
  const bool sized = options.count || options.share || !options.delete_rows.empty();
  if (int(options.count.has_value()) + int(options.share.has_value()) +
          int(!options.delete_rows.empty()) >
      1) {
    throw UsageError("give one of count, share and rows to delete", "scheme");
  }
  if (options.kappa && options.kappa_rel) {
    throw UsageError("give kappa or kappa_rel, not both", "kappa");
  }
  if (options.scheme == Scheme::kSoft && sized) {
    throw UsageError("count, share and rows to delete belong to the hard scheme", "scheme");
  }
  if (sized && options.rounds != 1) {
    throw UsageError("count, share and listed rows delete once, so rounds must be 1", "rounds");
  }
  if (options.scheme == Scheme::kSoft && !options.bounded) {
    if (goals > 1)
      throw UsageError("the closed form closes one gap, but there are several", "bounds",
                       "give bounds");
    if (options.rounds != 1) {
      throw UsageError("the closed form is one linearisation, so rounds must be 1", "bounds",
                       "give --rounds 1, or bounds");
    }
  }
}

}  // namespace

std::string_view name(Scheme scheme) noexcept {
  return scheme == Scheme::kSoft ? "soft" : "hard";
}

Scheme scheme_kind(std::string_view text) {
  if (text == "soft") return Scheme::kSoft;
  if (text == "hard") return Scheme::kHard;
  throw UsageError(fmt::format("scheme must be soft or hard, but is '{}'", text));
}

std::string_view describe(CorrectionStop stop) noexcept {
  switch (stop) {
    case CorrectionStop::kTarget:
      return "every gap reached the target";
    case CorrectionStop::kRounds:
      return "all rounds are used";
    case CorrectionStop::kUtilityPrice:
      return "going further would cost more utility than allowed";
    case CorrectionStop::kNoStepHelps:
      return "no further step does half of what it predicts";
    case CorrectionStop::kBounds:
      return "no weights within the bounds do more";
    case CorrectionStop::kNoGap:
      return "there is no gap to close";
    case CorrectionStop::kUpdateFailed:
      return "the update failed";
  }
  return "";
}

std::string_view name(CorrectionStop stop) noexcept {
  switch (stop) {
    case CorrectionStop::kTarget:
      return "target";
    case CorrectionStop::kRounds:
      return "rounds";
    case CorrectionStop::kUtilityPrice:
      return "utility_price";
    case CorrectionStop::kNoStepHelps:
      return "no_step_helps";
    case CorrectionStop::kBounds:
      return "bounds";
    case CorrectionStop::kNoGap:
      return "no_gap";
    case CorrectionStop::kUpdateFailed:
      return "update_failed";
  }
  return "";
}

CorrectionResult correct(const Objective& objective, const LinearModel& model,
                         ConstVectorRef weights, const Dataset& validation,
                         std::span<const Metric> goals, const MetricSettings& settings,
                         const CorrectionOptions& options, std::span<const ObservedSplit> observed,
                         const ProgressCallback& progress) {
  check_options(options, goals.size());
  check_size("row weights", weights.size(), objective.rows());
  check_size("theta", model.theta.size(), objective.parameters());
  return Correction(objective, model, weights, validation, goals, settings, options, observed,
                    progress)
      .run();
}

}  // namespace recant

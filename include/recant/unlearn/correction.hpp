// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/hard.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace recant {

enum class Scheme { kSoft, kHard };
/// "soft", "hard".
[[nodiscard]] std::string_view name(Scheme scheme) noexcept;
[[nodiscard]] Scheme scheme_kind(std::string_view name);

/// How to choose row weights that close gaps, and how to move the model to them.
struct CorrectionOptions {
  Scheme scheme = Scheme::kSoft;
  UpdateKind update = UpdateKind::kPolish;
  int rounds = 8;
  double target_gap = 0;
  bool keep_utility = true;
  std::optional<double> utility_tolerance;
  std::optional<double> kappa;
  std::optional<double> kappa_rel;  ///< of a step; 1 in one round, 0.01 in several
  bool bounded = true;
  double lower = -1, upper = 1;
  std::optional<std::int64_t> count;  ///< hard, one round: see HardOptions
  std::optional<double> share;        ///< hard, one round
  std::vector<Index> delete_rows;     ///< hard, one round: exactly these
  bool repay = false;
  TrainerOptions trainer;

  static constexpr auto fields() {
    using O = CorrectionOptions;
    return std::tuple{
        Field{"rounds", &O::rounds,
              "equal steps to the target, each from a new linearisation (and up to as many again "
              "where a step has to be halved); 1 is one linearisation and one update, whatever "
              "comes of it",
              Accept::kPositive},
        Field{"target_gap", &O::target_gap, "stop when no gap is larger than this",
              Accept::kNonNegative},
        Field{"keep_utility", &O::keep_utility,
              "hold the validation loss, to first order, in each round"},
        Field{"utility_tolerance", &O::utility_tolerance,
              "share by which the validation loss may rise; without it the price is reported, not "
              "capped",
              Accept::kNonNegative},
        Field{"repay", &O::repay,
              "demand of each round that it wins back what earlier ones raised the validation "
              "loss by, in proportion to the step"},
        Field{"kappa", &O::kappa, "price of the squared size of the change", Accept::kPositive},
        Field{"kappa_rel", &O::kappa_rel,
              "the same relative to the gap: at 1 the change that nothing "
              "holds back just closes it",
              Accept::kPositive},
        Field{"lower", &O::lower, "least change of a row weight"},
        Field{"upper", &O::upper, "largest change of a row weight"}};
  }
};

/// One linearisation and what came of it.
struct CorrectionRound {
  int round = 0;
  double share = 1;  ///< of what is left of the gaps, that was aimed at
  std::vector<double> gaps, predicted,
      actual;  ///< a goal each: value before, its predicted and actual change
  double utility = 0, utility_change = 0;  ///< on validation
  ActivePromises active = ActivePromises::kNone;
  std::vector<double> gap_multipliers;  ///< a goal each: the price of closing no more than asked
  double utility_multiplier = 0;        ///< the price of keeping the utility
  double kappa = 0;
  bool kappa_raised = false;  ///< kappa was below what the bounded program can be solved for
  bool accurate = true;       ///< the program's residual is within its tolerance
  bool accepted = true;
  std::string rejected_because;
};

/// Why the loop ended.
enum class CorrectionStop {
  kTarget,        ///< every gap is at most target_gap
  kRounds,        ///< as many rounds as allowed
  kUtilityPrice,  ///< the next step would cost more than utility_tolerance
  kNoStepHelps,   ///< no step lowers the gaps by half of what it predicts
  kBounds,        ///< the bounds leave no change that does
  kNoGap,         ///< there was nothing to close
  kUpdateFailed,  ///< one round: see `update_status`
};
/// One sentence for a person.
[[nodiscard]] std::string_view describe(CorrectionStop stop) noexcept;
/// "target", "rounds", "utility_price", "no_step_helps", "bounds", "no_gap", "update_failed".
[[nodiscard]] std::string_view name(CorrectionStop stop) noexcept;

/// Rows on which metrics are predicted and measured beside the validation rows.
struct ObservedSplit {
  const Dataset* data = nullptr;
  std::vector<Metric> metrics;
};

struct CorrectionResult {
  CorrectionStop stop = CorrectionStop::kTarget;
  UpdateStatus update_status = UpdateStatus::kDone;
  Reweighting change;  ///< the accumulated delta
  Vector theta;        ///< C*p, the new parameters
  std::vector<CorrectionRound> rounds;
  std::vector<std::vector<double>> predicted;  ///< by split and metric: sum over accepted rounds
  Vector gradient;                             ///< grad F(theta; w + delta)
  double gradient_norm = 0;                    ///< its length
  double reachable_share = 1;  ///< of the gaps within the bounds, at the first linearisation
  struct Seconds {
    double curvature = 0, influence = 0, weights = 0, update = 0, measure = 0;
  } seconds;
};

/// Closes gaps by reweighting training rows.
///
/// The way to the target is walked in `rounds` equal steps. Each linearises at theta_t, solves
/// for the smallest weights that close its part of every gap without raising the validation loss
/// to first order, moves the model, and measures. A step is accepted if the gaps fell by at least
/// half of what was predicted, not far below the target, and the loss stays within
/// utility_tolerance; else it is halved. With rounds = 1 it is one linearisation and one update,
/// whatever comes of it. A gap counts as closed at 1e-4 of where it started.
///
/// Goals are read on `validation`, never on training rows. `weights` are the rows' weights w.
/// Assumes: theta minimises F(.; weights).
/// Failure outcomes: `stop`; a result that got worse is never returned by the iterated form.
/// Cost: per round one Hessian, one influence pass, a QP over rows, an update.
/// Source: docs/mathematics.md sections 4.1 to 4.4.
/// @throws UsageError for options out of range or that do not go together.
[[nodiscard]] CorrectionResult correct(const Objective& objective, const LinearModel& model,
                                       ConstVectorRef weights, const Dataset& validation,
                                       std::span<const Metric> goals,
                                       const MetricSettings& settings,
                                       const CorrectionOptions& options,
                                       std::span<const ObservedSplit> observed = {},
                                       const ProgressCallback& progress = {});

}  // namespace recant

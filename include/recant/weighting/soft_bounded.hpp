// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/linalg/qp.hpp"
#include "recant/weighting/soft.hpp"

/// Soft weights with bounds on every row and any number of goals. docs/mathematics.md section 4.3.
namespace recant {

/// One gap to close. The view must outlive the call.
struct SoftGoal {
  VectorView influence;  ///< n, I_m
  double value = 0;      ///< m(theta), with its sign; 0 means: hold it there
};

/// What is to be kept small.
enum class SoftPenalty {
  kStep,   ///< |e|^2
  kTotal,  ///< |accumulated + e|^2
};

struct BoundedSoftOptions {
  std::optional<double> kappa;   ///< if set, kappa_rel is not used
  double kappa_rel = 1;          ///< 2 kappa f / (a^T a), see soft_weights_bounded()
  bool keep_utility = true;      ///< demand u^T e >= repay
  double repay = 0;              ///< utility loss that this change must win back
  double target_share = 1;       ///< close at most this share of every gap
  double lower = -1, upper = 1;  ///< of accumulated + e; lower <= 0 <= upper, may be infinite
  SoftPenalty penalty = SoftPenalty::kStep;
  QpOptions qp;

  static constexpr auto fields() {
    using O = BoundedSoftOptions;
    return std::tuple{
        Field{"kappa", &O::kappa, "price of the squared size of the change", Accept::kPositive},
        Field{"kappa_rel", &O::kappa_rel,
              "the same, relative: at 1 the change that nothing holds back just closes the gap",
              Accept::kPositive},
        Field{"keep_utility", &O::keep_utility,
              "demand that the utility loss does not rise, to first order"},
        Field{"repay", &O::repay, "utility loss that the change must win back",
              Accept::kNonNegative},
        Field{"target_share", &O::target_share, "close at most this share of every gap",
              Accept::kUnitInterval},
        Field{"lower", &O::lower, "least total change of a row weight"},
        Field{"upper", &O::upper, "largest total change of a row weight"}};
  }
};

struct BoundedSoftWeights {
  QpStatus status = QpStatus::kInaccurate;
  Reweighting change;  ///< e; 0 if infeasible
  Reweighting total;   ///< accumulated + e, inside the bounds and w + total >= 0 to the last bit
  ActivePromises active = ActivePromises::kNone;
  Vector gap_multipliers;           ///< one per goal; >= 0 unless its value is 0
  double utility_multiplier = 0;    ///< >= 0
  double kappa = 0, kappa_rel = 0;  ///< as used
  bool kappa_raised = false;        ///< to 1e-6 max|a| / (upper - lower)
  double objective = 0;             ///< of the program that was solved
  Vector predicted_values;          ///< value_m - I_m^T e
  Vector closed_shares;             ///< a_m^T e / |value_m|; 0 where the value is 0
  /// Largest a_m^T e / |value_m| that the bounds allow, each goal alone and utility aside: below
  /// target_share the gap constraint cannot be reached. 0 where the value is 0.
  Vector reachable_shares;
  double predicted_utility_change = 0;         ///< -u^T e; 0 without u
  double reachable_repayment = 0;              ///< largest u^T e that the bounds allow; 0 without u
  Index at_lower = 0, at_upper = 0, free = 0;  ///< rows
  QpResidual residual;
  std::int64_t iterations = 0;
  Vector certificate;  ///< if infeasible: per goal, then utility; see QpResult
};

/// The weights that narrow several gaps most for their size, within bounds.
///
///   minimise -a^T e + kappa |e|^2   (or kappa |accumulated + e|^2)
///   subject to   a_m^T e <= target_share |f_m|,   u^T e >= repay,
///                max(lower - D_j, -(w_j + D_j)) <= e_j <= upper - D_j,   D = accumulated
///
/// with a_m = sign(f_m) I_m, f = max |f_m| and a = sum_m (f / |f_m|) a_m: every gap counts by the
/// share of it that is closed, and with one goal a, kappa and kappa_rel are those of
/// soft_weights(), whose answer this is when no bound is met. A goal with |f_m| <= 1e-12 f adds
/// nothing to a and is held: I_m^T e = 0.
/// kappa_rel = 2 kappa f / (a^T a). With a = 0 the answer does not depend on kappa, which is
/// then 1. Shapes: influences, utility_influence (u), weights (w) and accumulated.delta (D) are n;
/// an empty accumulated.delta is 0; without keep_utility u may be empty. Assumes: first order only;
/// lower <= D <= upper and w + D >= 0 (beyond rounding: UsageError). Errs: `residual` is measured;
/// infeasible and inaccurate are a status. Cost: solve_qp() with one constraint a goal and one for
/// utility.
/// @throws UsageError for sizes that differ, numbers that are not finite, options out of range.
[[nodiscard]] BoundedSoftWeights soft_weights_bounded(const std::vector<SoftGoal>& goals,
                                                      ConstVectorRef utility_influence,
                                                      ConstVectorRef weights,
                                                      const Reweighting& accumulated = {},
                                                      const BoundedSoftOptions& options = {});

}  // namespace recant

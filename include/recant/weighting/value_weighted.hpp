// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/weighting/reweighting.hpp"

/// Data-value-weighted unlearning (DVWU): rows of low value are removed with more force than rows
/// of high value. docs/mathematics.md section 4.5.
namespace recant {

/// How values become weights; z_j = (v_j - mean) / sd over the rows that are weighted.
enum class ValueForm {
  kSigmoid,  ///< w_j proportional to 2 / (1 + exp(alpha z_j))
  kRank,     ///< w_j = 1 + alpha (1 - 2 (rank_j - 1/2) / m), rows of equal value share their rank
  kExp,      ///< w_j proportional to exp(-alpha z_j)
};
/// "sigmoid", "rank", "exp".
[[nodiscard]] std::string_view name(ValueForm form) noexcept;
/// @throws UsageError naming the three.
[[nodiscard]] ValueForm value_form(std::string_view name);

struct ValueWeightOptions {
  ValueForm form = ValueForm::kSigmoid;
  double alpha = 1;  ///< 0 is the same weight for all; rank: at most 1

  static constexpr auto fields() {
    return std::tuple{Field{"alpha", &ValueWeightOptions::alpha,
                            "how much values matter; 0 is not at all, rank takes at most 1",
                            Accept::kNonNegative}};
  }
};

/// The weights alone: m positive numbers of mean 1, the lower the value the larger, from m values.
/// They do not change when values are shifted or multiplied by a positive number. m = 1, values
/// that are equal to rounding, and alpha = 0 give exactly 1.
/// Cost: O(m), rank O(m log m). Source: [He2025]; docs/mathematics.md section 4.5.
/// @throws UsageError for no value, values that are not finite, alpha out of range or above
/// largest_alpha().
[[nodiscard]] Vector value_factors(ConstVectorRef values, const ValueWeightOptions& options = {});

/// The alpha up to which no factor of these values vanishes in double precision: 700 over the
/// largest z (sigmoid), over the largest less the least (exp), which is at least 350 / sqrt(m); 1
/// of rank. @throws as value_factors() for the values.
[[nodiscard]] double largest_alpha(ConstVectorRef values, ValueForm form);

/// Where values come from; decides which rows they may weight.
enum class ValueMethod {
  kKnnShapley,       ///< of the rows alone, no model
  kNeighborSamples,  ///< semivalues of a vote of neighbours: of the rows alone
  kModelSamples,     ///< semivalues of models
  kLeaveOneOut,      ///< of models that start from the trained one
  kInfluence,        ///< at the trained model
  kGiven,            ///< from elsewhere
};
/// "knn_shapley", "neighbor_samples", "model_samples", "leave_one_out", "influence", "given".
[[nodiscard]] std::string_view name(ValueMethod method) noexcept;

/// A change of weights by value, and the plain deletion that it stands beside.
struct ValueWeights {
  Reweighting change;  ///< deleted rows: -omega_j w_j, and the total may be negative
  /// What retraining is compared with, never negative: deleted rows -omega_j.
  Reweighting target;
  /// n, change - target: omega_j (1 - w_j) on deleted rows. p = sum_j p_j g_j(theta) is what sets
  /// the step apart from plain deletion, and what a certificate pays for; 0 on all if w = 1.
  Vector p;
  std::vector<Index> rows;     ///< that are weighted, in row order
  Vector factors;              ///< w_j of `rows`, mean 1
  double factor_sd = 0;        ///< sd of the factors: the price relative to the whole step, about
  Index retained_changed = 0;  ///< retained rows whose weight changes: H must be rebuilt if > 0
};

/// Plain deletion as the special case w = 1.
/// @throws UsageError for a row that is out of range, listed twice or without weight; no row.
[[nodiscard]] ValueWeights uniform_weights(std::span<const Index> rows, ConstVectorRef weights);

/// First form: the weights go to the rows that are deleted.
/// `values` has n entries, of which those of `rows` are read; any method will do. `weights`
/// (omega) are the rows' own. Retained rows keep theirs.
/// @throws as uniform_weights() and value_factors().
[[nodiscard]] ValueWeights value_weights(ConstVectorRef values, std::span<const Index> rows,
                                         ConstVectorRef weights,
                                         const ValueWeightOptions& options = {});

/// Values of retained rows, with what must be known to use them.
struct RetainedValues {
  ConstVectorRef values;  ///< n; those of deleted rows are not read
  ValueMethod method = ValueMethod::kGiven;
  bool without_deleted_rows = false;  ///< computed when the deleted rows had left already
};

/// Second form: the rows are deleted whole and the retained ones weighted, high values more: a
/// retained row gets omega_i w_i with w from -v_i. `target` is `change`, p = 0: retraining on S
/// with these weights is what is compared with, so there is no price, but H has to be rebuilt.
/// The weights must be what someone would find who never had the deleted rows. So values must be
/// functions of rows (knn_shapley, neighbor_samples), computed without those deleted.
/// `weights` are the rows' own, without earlier weighting by value.
/// @throws UsageError as above, for any other method, for values that saw the deleted rows, if no
/// row with weight would be left, and for an alpha at which a row that stays has a w below 2e-16:
/// its weight would be rounding, or 0.
[[nodiscard]] ValueWeights retained_value_weights(const RetainedValues& values,
                                                  std::span<const Index> rows,
                                                  ConstVectorRef weights,
                                                  const ValueWeightOptions& options = {});

/// alpha = auto: which prices are accepted.
struct AutoAlphaOptions {
  double share = 0.5;      ///< of the allowance
  double max_alpha = 10;   ///< rank: at most 1
  double least = 1e-6;     ///< smaller ones are taken as 0
  double accuracy = 1e-3;  ///< relative, of alpha

  static constexpr auto fields() {
    using O = AutoAlphaOptions;
    return std::tuple{
        Field{"share", &O::share, "of the allowance that may be spent", Accept::kPositive},
        Field{"max_alpha", &O::max_alpha, "largest alpha that is tried", Accept::kPositive},
        Field{"least", &O::least, "an alpha below it is taken as 0", Accept::kPositive},
        Field{"accuracy", &O::accuracy, "of alpha, relative", Accept::kPositive}};
  }
};

enum class AlphaOutcome {
  kLimited,  ///< a larger alpha would cost too much
  kLargest,  ///< max_alpha is within the limit
  kNone,     ///< even plain deletion costs more; alpha = 0
};
/// "limited", "largest", "none".
[[nodiscard]] std::string_view name(AlphaOutcome outcome) noexcept;

struct AutoAlpha {
  AlphaOutcome outcome = AlphaOutcome::kNone;
  double alpha = 0;
  double price = 0;          ///< at alpha, as the callback said: <= limit unless `none`
  double uniform_price = 0;  ///< at 0
  double limit = 0;          ///< share * allowance
  int evaluations = 0;
};

/// The largest alpha with price(alpha) <= share * allowance.
/// price(alpha) is the bound B on the distance to retraining; NaN and infinity are over any limit.
/// Descends from max_alpha by tenths, then halves the bracket.
/// Assumes: price does not fall as alpha grows; else alpha is within the limit all the same, but
/// there may be a larger one.
/// Cost: 2 to 20 prices. Source: docs/mathematics.md section 4.5.
/// @throws UsageError for options out of range, an allowance that is not > 0.
[[nodiscard]] AutoAlpha auto_alpha(const std::function<double(double)>& price, double allowance,
                                   ValueForm form, const AutoAlphaOptions& options = {});

}  // namespace recant

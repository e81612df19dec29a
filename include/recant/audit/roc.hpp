// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "recant/linalg/types.hpp"

/// How well a score tells members from others: the curve of true against false positives.
/// A row counts as member if its score is above a threshold. docs/mathematics.md section 6.2.
namespace recant {

struct RocPoint {
  double threshold = 0;  ///< scores > threshold are called members
  Index true_positives = 0, false_positives = 0;
};

/// The curve from (0, 0) to (all, all), a point for every distinct score; equal scores move
/// together. Cost: O(n log n). @throws UsageError for NaN, or no score on a side.
[[nodiscard]] std::vector<RocPoint> roc_curve(ConstVectorRef members, ConstVectorRef others);

/// Rows on either side below which DeLong's variance says too little: an interval is then by pairs,
/// and there is no verdict.
inline constexpr Index kFewestRows = 10;

/// What an interval rests on.
enum class AucInterval {
  kDeLong,  ///< the variance seen in the rows: about the confidence
  kPairs,   ///< min(m, n) disjoint pairs, whatever the scores: covers at least as promised, wide
};
/// "delong", "pairs".
[[nodiscard]] std::string_view name(AucInterval interval) noexcept;

/// Area under the curve, P(member > other) + P(equal) / 2.
struct Auc {
  double value = 0.5;
  double low = 0, high = 1;
  double standard_error = 0;  ///< [DeLong1988]
  AucInterval interval = AucInterval::kPairs;
};

/// The AUC of m members and n others with an interval.
///
/// By pairs, [Hoeffding1963]: all A with KL(value || A) <= log(2 / (1 - confidence)) / min(m, n).
/// From kFewestRows on either side it is cut by that of DeLong's variance on the logit scale, with
/// Student's quantile for the degrees of freedom of [Welch1947] and one more row a side, placed at
/// 1/2: without it few rows near 0 or 1 claim too much. Where no placement varies (all scores are
/// equal, or the sides are apart) it is by pairs alone.
/// Errs: by pairs outward for any m and n. Else towards covering: measured at 95 % it is 95 to 99.9
/// % from 10 rows on, and 93.5 % at the least where scores are all but binary. Cost: O((m + n)
/// log(m + n)). Ref: [DeLong1988]; ranks as in [SunXu2014].
/// @throws UsageError as roc_curve(), confidence outside (0, 1).
[[nodiscard]] Auc auc(ConstVectorRef members, ConstVectorRef others, double confidence = 0.95);

/// One score against another on the same rows.
struct AucDifference {
  double value = 0;  ///< second AUC minus first
  double low = -1, high = 1;
  double standard_error = 0;
  AucInterval interval = AucInterval::kPairs;
};

/// The difference of the AUCs of two models on the same rows, by DeLong's paired variance and
/// Student's quantile as in auc(), but without its added rows and on the scale of the difference.
/// By pairs where auc() is: of (1 + difference) / 2, and where no row moved against those of the
/// other side, that none of min(m, n) pairs did.
/// Shapes: members m, others n, each under both models in the same order.
/// Assumes: rows are independent. @throws as auc(), and for sizes that differ.
[[nodiscard]] AucDifference auc_difference(ConstVectorRef first_members,
                                           ConstVectorRef first_others,
                                           ConstVectorRef second_members,
                                           ConstVectorRef second_others, double confidence = 0.95);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Area under the curve, P(member > other) + P(equal) / 2.
struct Auc {
  double value = 0.5;
  double low = 0, high = 1;
  double standard_error = 0;  ///< [DeLong1988]
};

/// The AUC of m members and n others with an interval: DeLong's variance on the logit scale, which
/// stays inside (0, 1). Its coverage is asymptotic: about the confidence for m, n >= 30. Where
/// every member is above every other (or below) the variance is 0; the interval then is that of
/// min(m, n) hits in as many trials, as min(m, n) disjoint pairs would be.
/// Cost: O((m + n) log(m + n)). Ref: [DeLong1988]; ranks as in [SunXu2014].
/// @throws UsageError as roc_curve(), confidence outside (0, 1).
[[nodiscard]] Auc auc(ConstVectorRef members, ConstVectorRef others, double confidence = 0.95);

/// One score against another on the same rows.
struct AucDifference {
  double value = 0;          ///< second AUC minus first
  double low = 0, high = 0;  ///< value -+ z standard errors
  double standard_error = 0;
};

/// The difference of the AUCs of two models on the same rows, by DeLong's paired variance.
/// Shapes: members m, others n, each under both models in the same order.
/// Assumes: rows are independent; asymptotic like auc().
/// @throws as auc(), and for sizes that differ.
[[nodiscard]] AucDifference auc_difference(ConstVectorRef first_members,
                                           ConstVectorRef first_others,
                                           ConstVectorRef second_members,
                                           ConstVectorRef second_others, double confidence = 0.95);

}  // namespace recant

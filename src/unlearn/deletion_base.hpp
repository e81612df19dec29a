// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/unlearn/deletion.hpp"

namespace recant {

/// A base with the rows kept aside, from which each state goes on forgetting by itself.
struct NewDeletionBase {
  Contrast contrast;
  DeletionBase base;
  ExtremeRows by_leverage, by_norm;
  Vector third;  ///< T_D, where it was asked for
};

/// @throws UsageError and DataError as DeletionState's constructor.
[[nodiscard]] NewDeletionBase build_deletion_base(const Objective& objective, ConstVectorRef theta,
                                                  ConstVectorRef weights,
                                                  const DeletionOptions& options);

/// What a row and its weight add to the mark by which weights are told from others.
[[nodiscard]] std::uint64_t weight_mark(Index row, double weight) noexcept;

/// Relative error of a computed phi'' at theta: the rounding of its score, times M. Infinite where
/// that is no small number.
[[nodiscard]] double score_rounding(const Objective& objective, ConstVectorRef theta,
                                    double largest_norm);

}  // namespace recant

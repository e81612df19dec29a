// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant {

/// Mistakes that would make a bound smaller than the truth. The library is compiled with none of
/// them; the tests compile it once more with RECANT_FAULTS, switch each on, and show that a check
/// notices.
struct DeletionFaults {
  bool leftover_dropped = false;       ///< the gradient left over at the base is taken as 0
  bool spread_forgotten = false;       ///< the sqrt(2) of softmax
  bool stale_leverage = false;         ///< c of the base although rows have left
  bool mean_shrinkage = false;         ///< trace over dimension in place of the largest eigenvalue
  bool rounding_forgotten = false;     ///< the gradient is taken as exact
  bool pull_forgotten = false;         ///< uneven weights bounded as if p were 0
  bool third_derivative_kept = false;  ///< T of rows that were deleted stays in T_S
  bool change_forgotten = false;       ///< a second look solves with H as if it were H at the model
  bool way_forgotten = false;          ///< curvature between the last pass and the model taken as H
  bool kept_pass_stale = false;        ///< rows that left since the last pass stay in its gradient
  bool share_forgotten = false;    ///< a step's norm in the base's Hessian: its last part as in A
  bool outside_forgotten = false;  ///< directions that the rows leave out taken as exactly flat
};

#ifdef RECANT_FAULTS
inline DeletionFaults deletion_faults;
#else
inline constexpr DeletionFaults deletion_faults;
#endif

}  // namespace recant

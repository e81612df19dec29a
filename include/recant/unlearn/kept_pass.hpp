// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// What a pass found at a model theta_1, carried along as rows leave: docs/mathematics.md section
/// 5.3, "From one pass to the next". In contrast coordinates where nothing else is said.
struct KeptPass {
  Vector theta;                                 ///< theta_1, C*p
  Vector gradient;                              ///< grad F_S(theta_1) of the rows that stay now
  double range = 0;                             ///< rho(theta_1 - theta_0)
  double sum_rounding = 0, score_rounding = 0;  ///< of the gradient as the pass found it
  // Of the rows that left since: additions, and sums of |delta| |phi'| |x| and |delta| |x|^2.
  Index changes = 0;
  double norm = 0;  ///< of the gradient as the pass found it
  double gross = 0, squares = 0;
};

}  // namespace recant

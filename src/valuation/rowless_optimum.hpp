// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/model/objective.hpp"

namespace recant {

/// argmin F(theta; 0), of the penalty and the linear term alone: -b/l2, or 0.   C*p.
[[nodiscard]] inline Vector rowless_optimum(const Objective& objective) {
  if (objective.linear_term().size() == 0) return Vector::Zero(objective.parameters());
  return -objective.linear_term() / objective.l2();
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant {

/// The lower triangle of C += sign A A^T, C p x p, A p x k; what is above the diagonal stays. An
/// InterruptCheck ends it, and leaves C half changed, where p is in the thousands.
/// Cost: k p^2/2 multiply-adds.
void add_symmetric_product(double sign, ConstMatrixRef a, Eigen::Ref<Matrix> c);

}  // namespace recant

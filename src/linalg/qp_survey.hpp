// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "qp_blocks.hpp"

namespace recant::qp {

/// What one pass over a program finds before it is solved.
struct Survey {
  double largest_linear = 0, linear_norm = 0;  // max |linear_j|, |linear|_2
  Vector largest, norms;                       // of the rows of C
  Vector least, greatest;                      // c_k^T e over the box
  Matrix products;                             // C C^T, its lower triangle
};

/// @throws UsageError for options and sizes that solve_qp() does not accept.
void check_form(const QpProblem& problem, const QpOptions& options);

/// @throws UsageError for numbers that solve_qp() does not accept.
[[nodiscard]] Survey survey(const QpProblem& problem, const Blocks& blocks);

}  // namespace recant::qp

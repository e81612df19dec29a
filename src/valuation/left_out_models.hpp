// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "recant/linalg/cholesky.hpp"
#include "recant/model/objective.hpp"

namespace recant {

/// The model that all left-out models start from, and what they share.
struct FullModel {
  const Objective& objective;
  ConstVectorRef weights;
  Vector theta;     ///< C*p, the optimum to rounding
  Vector gradient;  ///< what is left of it
  Cholesky hessian;
  double rounding = 0;  ///< gradient norms at or below are rounding
};

/// One row's model on its way to the optimum without the row.
struct LeftOutModel {
  Vector theta;
  double gradient_norm = 0, left = 0, moved = 0;  ///< as in LeaveOneOut
  Index passes = 0;
  bool converged = false;
};

/// Moves the models of `rows` to their optima; models[i] belongs to rows[i]. Those that do not
/// contract well with the factor they started with are given back where they started, not
/// converged. In the calling thread. docs/mathematics.md section 7.1.
void solve_left_out(const FullModel& full, std::span<const Index> rows, double tolerance,
                    std::span<LeftOutModel> models);

/// Trains the model of one row on its own, with line searches and Hessians of its own.
void refit_left_out(const FullModel& full, Index row, double tolerance, LeftOutModel& model);

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/model/objective.hpp"

namespace recant {

struct TrainerOptions {
  double tolerance = 1e-10;
  int max_iterations = 200;
  bool refine = true;

  static constexpr auto fields() {
    using O = TrainerOptions;
    return std::tuple{
        Field{"tolerance", &O::tolerance,
              "stop when the gradient norm is at most this times max(1, sum w |phi'| |x|)",
              Accept::kPositive},
        Field{"max_iterations", &O::max_iterations, "steps before giving up", Accept::kNonNegative},
        Field{"refine", &O::refine,
              "after the tolerance, repeat cheap steps while they at least halve the gradient"}};
  }
};

/// One accepted step.
struct TrainerIteration {
  int iteration = 0;
  double value = 0;          ///< F after the step
  double gradient_norm = 0;  ///< after the step
  double step_size = 0;      ///< 1 is a whole Newton step
  bool new_hessian = false;  ///< false: the factor of an earlier step was used again
};

/// What happened, with the leftover gradient: |theta - argmin F| <= gradient_norm / l2.
struct TrainerResult {
  Vector theta;            ///< C*p
  bool converged = false;  ///< false: the outcome is no; theta is the best point found
  double value = 0;        ///< F(theta; w)
  double data_loss = 0;    ///< sum_i w_i phi_i
  Vector gradient;         ///< the leftover; never taken as 0
  double gradient_norm = 0;
  double gradient_tolerance = 0;  ///< what it was compared with
  int iterations = 0, hessians = 0, passes = 0;
  std::vector<TrainerIteration> history;
  double seconds = 0;
};

/// Minimises F(.; w) by Newton steps with backtracking on F, from theta = 0.
///
/// The factor of an earlier Hessian is used again, corrected by the secants of the steps since
/// (BFGS started from the factor), while the contraction it gives, measured as the ratio of
/// gradient norms, costs fewer passes to the tolerance than new Hessians would. Where a Hessian
/// costs ten passes or more the first steps do without (BFGS started from the identity). Costs
/// are counted in operations, never in seconds: the same input gives the same bytes.
///
/// Assumes w >= 0 (UsageError). Failure outcome: converged = false after max_iterations or when
/// no step lowers F; never an exception.
/// Cost: 0 to 6 Hessians and 10 to 30 passes, more where rows are separable or badly scaled.
/// Source: docs/mathematics.md section 1; [NocedalWright2006] algorithms 3.1 and 7.4.
[[nodiscard]] TrainerResult train(const Objective& objective, ConstVectorRef weights,
                                  const TrainerOptions& options = {},
                                  const ProgressCallback& progress = {});

/// The same from a given start: polishing an update, warm retraining. `near`: the factor of a
/// Hessian near that at the start, where there is one: the first steps are taken with it.
[[nodiscard]] TrainerResult train_from(const Objective& objective, ConstVectorRef weights,
                                       Vector start, const TrainerOptions& options = {},
                                       const ProgressCallback& progress = {},
                                       const Cholesky* near = nullptr);

}  // namespace recant

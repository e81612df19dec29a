// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/model/objective.hpp"

/// What happens to a model's figures when one row is left out and the model is trained again, for
/// every row. docs/mathematics.md section 7.1.
namespace recant {

/// What is read off models: column k of `thetas` (C*p x m) is a model, column k of the result
/// (q x m) its q figures. Many models come at once so that validation rows are read once for all.
/// Called from the calling thread only; it may use threads.
using Measures = std::function<Matrix(ConstMatrixRef thetas)>;

struct LeaveOneOutOptions {
  double tolerance = 1e-6;

  static constexpr auto fields() {
    using O = LeaveOneOutOptions;
    return std::tuple{Field{"tolerance", &O::tolerance,
                            "distance to the optimum without the row that may be left, relative to "
                            "the distance the row's removal moves it",
                            Accept::kPositive}};
  }
};

/// The changes, and for every row how exact its model is.
struct LeaveOneOut {
  Matrix changes;         ///< n x q: figure without row j - figure with all rows; w_j = 0 gives 0
  Vector measures;        ///< q: the figures with all rows
  Vector theta;           ///< C*p: the optimum with all rows, refined to rounding
  Vector gradient_norms;  ///< n: |grad F_j| where row j's model was measured; / l2 bounds its
                          ///< distance to the optimum
  Vector left;            ///< n: |grad F_j|_{H_j^{-1}} there, the distance in the norm of H_j
  Vector moved;           ///< n: |w_j g_j|_{H_j^{-1}}, how far the row's removal moves the model
  /// Rows that are the only ones of their class with a weight above 0. Their change is that of the
  /// model trained on one class less, which the penalty keeps finite.
  std::vector<Index> last_of_class;
  std::vector<Index> not_converged;         ///< rows whose model did not reach its tolerance
  Index passes = 0;                         ///< gradients of left-out models, over all rows
  Index refits = 0;                         ///< rows that needed a training of their own
  double seconds = 0, measure_seconds = 0;  ///< all; of it in `measures`
};

/// Leaves out every row in turn: theta_j = argmin F_j, F_j(theta) = F(theta; w with w_j = 0), and
/// figures(theta_j) - figures(theta). For a loss, a positive change means that the row helps.
///
/// Every model starts with a Newton step, for which the factor of H is downdated by its row, and
/// goes on with the same factor and BFGS corrections until
///
///   |grad F_j|_{H_j^{-1}} <= tolerance * |w_j g_j|_{H_j^{-1}}    or    |grad F_j| <= 1e-14 gross
///
/// (rounding, accepted only where the left side of the first is at most 1e-2 of its right side
/// without the tolerance: a row that moves the model less than rounding does is not_converged;
/// gross as in Objective::Evaluation and |b| of a linear term, at least 1; H_j is H less row j's
/// part, at theta).
/// Hundreds of models share each pass, so that a gradient is a product of matrices. Rows that
/// contract too slowly for that are trained on their own.
///
/// Assumes: w >= 0 (UsageError); `theta` is near the optimum, to which it is refined first.
/// Errs: a figure m is off by at most |grad m|_{H_j^{-1}} * left(j) to first order, either side;
/// changes below the rounding of m itself are noise.
/// Failure outcome: not_converged, never an exception.
/// Cost: for every row 2 to 4 passes (4 n p C multiply-adds each) and O(p^2 C^2).
/// Memory: at most about 64 MB of models at once.
/// Source: docs/mathematics.md section 7.1. First-order counterpart: influences(), times w_j.
[[nodiscard]] LeaveOneOut leave_one_out(const Objective& objective, ConstVectorRef theta,
                                        ConstVectorRef weights, const Measures& measures,
                                        const LeaveOneOutOptions& options = {},
                                        const ProgressCallback& progress = {});

}  // namespace recant

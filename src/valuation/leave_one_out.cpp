// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/leave_one_out.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "left_out_models.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/influence/influence.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

/// Rows whose models one thread takes at a time.
constexpr Index kTaskRows = 512;
/// Values of all models between two calls of the measures: 64 MB.
constexpr Index kWaveValues = 8 << 20;
/// A gradient this small relative to its terms before anything cancels is rounding. At an optimum
/// the penalty's is no larger than those of the rows and of b together.
constexpr double kRounding = 1e-14;

FullModel full_model(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights) {
  // Refined to rounding, or what is left of its gradient would show in the changes of small rows.
  TrainerResult trained = train_from(objective, weights, theta);
  if (!trained.converged) {
    throw UsageError("is not the optimum, and training does not reach it", "theta",
                     "train the model to convergence first");
  }
  auto hessian = factor_hessian(objective, trained.theta, weights);
  if (!hessian) {
    throw UsageError("the Hessian is not positive definite in double precision", "l2",
                     "give a larger l2 or scale the features");
  }
  const double gross =
      objective.evaluate(trained.theta, weights).gross + objective.linear_term().norm();
  return {objective,
          weights,
          std::move(trained.theta),
          std::move(trained.gradient),
          std::move(*hessian),
          kRounding * std::max(1.0, gross)};
}

std::vector<Index> last_of_class(const Objective& objective, ConstVectorRef weights) {
  std::vector<Index> rows;
  if (objective.loss().kind() == LossKind::kSquared) return rows;
  std::map<double, std::vector<Index>> first_two;
  for (Index i = 0; i < weights.size(); ++i) {
    auto& found = first_two[objective.targets()(i)];
    if (weights(i) > 0 && found.size() < 2) found.push_back(i);
  }
  for (const auto& [target, found] : first_two) {
    if (found.size() == 1) rows.push_back(found.front());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// The models of a wave of rows: in batches, then those that are left one by one.
void solve_wave(const FullModel& full, std::span<const Index> rows, double tolerance,
                std::span<LeftOutModel> models, LeaveOneOut& result) {
  const Index count = std::ssize(rows);
  parallel_for((count + kTaskRows - 1) / kTaskRows, [&](Index task) {
    const auto first = static_cast<std::size_t>(task * kTaskRows);
    const auto size = std::min(static_cast<std::size_t>(kTaskRows), rows.size() - first);
    solve_left_out(full, rows.subspan(first, size), tolerance, models.subspan(first, size));
  });
  std::vector<std::size_t> stubborn;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!models[i].converged) stubborn.push_back(i);
  }
  parallel_for(std::ssize(stubborn), [&](Index i) {
    const std::size_t at = stubborn[static_cast<std::size_t>(i)];
    refit_left_out(full, rows[at], tolerance, models[at]);
  });
  result.refits += std::ssize(stubborn);
}

}  // namespace

LeaveOneOut leave_one_out(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights,
                          const Measures& measures, const LeaveOneOutOptions& options,
                          const ProgressCallback& progress) {
  validate(options);
  check_size("theta", theta.size(), objective.parameters());
  Stopwatch watch;
  const FullModel full = full_model(objective, theta, weights);
  const Index n = objective.rows();
  LeaveOneOut result;
  const auto measure = [&](const Matrix& thetas) {
    Stopwatch measuring;
    Matrix figures = measures(thetas);
    check_size("models that were measured", figures.cols(), thetas.cols());
    if (result.measures.size() > 0) {
      check_size("figures of a model", figures.rows(), result.measures.size());
    }
    result.measure_seconds += measuring.lap();
    return figures;
  };
  result.measures = measure(full.theta).col(0);
  result.theta = full.theta;
  result.changes = Matrix::Zero(n, result.measures.size());
  result.gradient_norms = Vector::Constant(n, full.gradient.norm());
  result.left = result.moved = Vector::Zero(n);
  result.last_of_class = last_of_class(objective, weights);

  std::vector<Index> rows;
  for (Index i = 0; i < n; ++i) {
    if (weights(i) > 0) rows.push_back(i);
  }
  const auto wave =
      static_cast<std::size_t>(std::clamp<Index>(kWaveValues / theta.size(), 1, 16 * kTaskRows));
  for (std::size_t first = 0; first < rows.size(); first += wave) {
    const auto part =
        std::span<const Index>(rows).subspan(first, std::min(wave, rows.size() - first));
    std::vector<LeftOutModel> models(part.size());
    solve_wave(full, part, options.tolerance, models, result);
    Matrix thetas(theta.size(), std::ssize(part));
    for (std::size_t i = 0; i < part.size(); ++i) {
      const LeftOutModel& model = models[i];
      thetas.col(static_cast<Index>(i)) = model.theta;
      result.gradient_norms(part[i]) = model.gradient_norm;
      result.left(part[i]) = model.left;
      result.moved(part[i]) = model.moved;
      result.passes += model.passes;
      if (!model.converged) result.not_converged.push_back(part[i]);
    }
    const Matrix figures = measure(thetas);
    for (std::size_t i = 0; i < part.size(); ++i) {
      result.changes.row(part[i]) =
          (figures.col(static_cast<Index>(i)) - result.measures).transpose();
    }
    if (progress) {
      progress({"leave one out", static_cast<double>(first + part.size()),
                static_cast<double>(rows.size())});
    }
  }
  result.seconds = watch.lap();
  return result;
}

}  // namespace recant

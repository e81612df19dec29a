// SPDX-License-Identifier: Apache-2.0
#include "left_out_models.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "recant/core/error.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/model/secant_memory.hpp"
#include "recant/model/trainer.hpp"
#include "rowless_optimum.hpp"

namespace recant {
namespace {

/// Scores of all models in a pass: enough columns for matrix products to run at full speed, few
/// enough that a piece's scores stay in the second-level cache.
constexpr Index kColumns = 96;
/// Values of features in a piece of rows, for the same reason.
constexpr Index kPieceValues = 32768;
/// Passes after which a training of its own is the cheaper way.
constexpr Index kMostPasses = 40;
/// A gradient that is rounding ends the way only where what it leaves is at most this share of how
/// far the row's removal moves the model; beyond, the change would be made of rounding.
constexpr double kRoundingShare = 1e-2;

bool has_arrived(const FullModel& full, const LeftOutModel& model, double tolerance) {
  return model.left <= tolerance * model.moved ||
         (model.gradient_norm <= full.rounding && model.left <= kRoundingShare * model.moved);
}

/// A^{-1} = (H - U U^T)^{-1} for the C columns of U that one row adds to H. With A^{-1}U = V and
/// K = I - U^T V:  A^{-1} b = H^{-1} b + V K^{-1} V^T b   (Sherman, Morrison and Woodbury).
class DowndatedInverse {
 public:
  /// Nothing if the row carries a direction of H so nearly alone that no digit of the rest is left.
  static std::optional<DowndatedInverse> of(const Cholesky& hessian, const Matrix& u) {
    const Index count = u.cols();
    Matrix v = hessian.solve_columns(u);
    auto k = Cholesky::factor(Matrix::Identity(count, count) - u.transpose() * v);
    if (!k) return std::nullopt;
    return DowndatedInverse(hessian, std::move(v), std::move(*k));
  }

  [[nodiscard]] Vector times(const Vector& b) const {
    return hessian_->solve(b) + v_ * k_.solve(v_.transpose() * b);
  }

 private:
  DowndatedInverse(const Cholesky& hessian, Matrix v, Cholesky k)
      : hessian_(&hessian), v_(std::move(v)), k_(std::move(k)) {}
  const Cholesky* hessian_;
  Matrix v_;
  Cholesky k_;
};

/// Row j's part of the gradient and of the Hessian at the full model: w_j g_j, and U (C*p x C)
/// with U U^T = w_j phi''_j (x) x_j x_j^T.
struct RowPart {
  Vector gradient;
  Matrix root;
};

RowPart row_part(const FullModel& full, Index row) {
  const Objective& objective = full.objective;
  const Index p = objective.width(), outputs = objective.loss().outputs();
  const Eigen::Map<const Matrix> columns(full.theta.data(), p, outputs);
  Vector x(p);
  x.head(objective.features().columns()) = objective.features().row(row).transpose();
  if (objective.intercept()) x(p - 1) = 1;
  const double weight = full.weights(row);

  Matrix t = x.transpose() * columns, residuals(1, outputs);
  objective.loss().residuals(t, objective.targets().segment(row, 1), residuals);
  // phi'' = B B^T. Softmax: diag(p) - p p^T has the root B = diag(sqrt p) - p sqrt(p)^T.
  Matrix b(outputs, outputs);
  if (objective.loss().kind() == LossKind::kSoftmax) {
    objective.loss().probabilities(t, t);
    const Vector probability = t.row(0).transpose();
    b = -probability * probability.cwiseSqrt().transpose();
    b.diagonal() += probability.cwiseSqrt();
  } else {
    objective.loss().curvatures(t, 0, 0, {b.data(), 1});
    b = b.cwiseSqrt().eval();
  }
  RowPart part{Vector(p * outputs), Matrix(p * outputs, outputs)};
  for (Index c = 0; c < outputs; ++c) {
    part.gradient.segment(c * p, p) = weight * residuals(0, c) * x;
    part.root.middleRows(c * p, p) = std::sqrt(weight) * x * b.row(c);
  }
  return part;
}

/// A model under way: where it is, its gradient there, and how to go on.
struct Active {
  Index row = 0, slot = 0;
  DowndatedInverse inverse;
  SecantMemory memory;
  Vector theta, gradient, step;
  double best = 0;  ///< least distance so far, in the norm of the downdated Hessian
};

/// Columns of `gradients` = grad F_j at the columns of `thetas`, each without its own row.
void left_out_gradients(const FullModel& full, const std::vector<Active>& models,
                        const Matrix& thetas, Matrix& gradients) {
  const Objective& objective = full.objective;
  const Index p = objective.width(), outputs = objective.loss().outputs();
  const Index columns = outputs * thetas.cols();
  const Index step = std::clamp<Index>(kPieceValues / p, 16, kBlockRows);
  const Eigen::Map<const Matrix> coefficients(thetas.data(), p, columns);
  gradients = objective.l2() * thetas;
  if (objective.linear_term().size() > 0) gradients.colwise() += objective.linear_term();
  Eigen::Map<Matrix> sums(gradients.data(), p, columns);
  Matrix scores(step, columns), residuals(step, columns);
  for (Index begin = 0; begin < objective.rows(); begin += step) {
    const RowBlock piece{begin, std::min(begin + step, objective.rows())};
    const FeatureRows x = objective.features().block(piece);
    auto t = scores.topRows(piece.size());
    auto r = residuals.topRows(piece.size());
    row_scores(x, objective.intercept(), coefficients, t);
    objective.loss().residuals(t, objective.targets().segment(begin, piece.size()), r);
    r.array().colwise() *= full.weights.segment(begin, piece.size()).array();
    for (std::size_t a = 0; a < models.size(); ++a) {
      const Index row = models[a].row;
      if (row < piece.begin || row >= piece.end) continue;
      r.block(row - begin, static_cast<Index>(a) * outputs, 1, outputs).setZero();
    }
    add_weighted_rows(x, objective.intercept(), r, sums);
  }
}

/// The models of some rows, as many at a time as a pass takes.
class LeftOutSolver {
 public:
  LeftOutSolver(const FullModel& full, std::span<const Index> rows, double tolerance,
                std::span<LeftOutModel> models)
      : full_(full), rows_(rows), tolerance_(tolerance), models_(models) {}

  void run() {
    const Index window = std::max<Index>(kColumns / full_.objective.loss().outputs(), Index{1});
    Matrix thetas, gradients;
    while (true) {
      while (std::ssize(active_) < window && next_ < rows_.size()) start();
      if (active_.empty()) return;
      thetas.resize(full_.theta.size(), std::ssize(active_));
      for (std::size_t a = 0; a < active_.size(); ++a) {
        thetas.col(static_cast<Index>(a)) = active_[a].theta;
      }
      left_out_gradients(full_, active_, thetas, gradients);
      std::size_t kept = 0;
      for (std::size_t a = 0; a < active_.size(); ++a) {
        if (!advance(active_[a], gradients.col(static_cast<Index>(a)))) continue;
        if (kept != a) active_[kept] = std::move(active_[a]);
        ++kept;
      }
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(kept), active_.end());
    }
  }

 private:
  /// The first Newton step. The gradient without the row follows from the full one: no pass.
  void start() {
    const auto slot = static_cast<Index>(next_);
    const Index row = rows_[next_++];
    LeftOutModel& model = models_[static_cast<std::size_t>(slot)];
    const RowPart part = row_part(full_, row);
    model.theta = full_.theta;
    auto inverse = DowndatedInverse::of(full_.hessian, part.root);
    if (!inverse) return;
    model.moved = std::sqrt(part.gradient.dot(inverse->times(part.gradient)));
    Active active{.row = row, .slot = slot, .inverse = std::move(*inverse)};
    active.gradient = full_.gradient - part.gradient;
    active.best = std::numeric_limits<double>::infinity();
    active.step = -active.inverse.times(active.gradient);
    active.theta = full_.theta + active.step;
    active_.push_back(std::move(active));
  }

  /// Takes in the gradient at the model's place and steps on. False when it is done with.
  bool advance(Active& active, const Vector& gradient) {
    LeftOutModel& model = models_[static_cast<std::size_t>(active.slot)];
    ++model.passes;
    const double left = std::sqrt(gradient.dot(active.inverse.times(gradient)));
    model.left = left;
    model.gradient_norm = gradient.norm();
    model.converged = has_arrived(full_, model, tolerance_);
    if (model.converged) {
      model.theta = std::move(active.theta);
      return false;
    }
    // A distance may rise by the way, but not once the gradient is rounding.
    const double allowed = model.gradient_norm <= full_.rounding ? active.best : 2 * active.best;
    if (!(left < allowed) || model.passes == kMostPasses) return false;
    active.best = std::min(active.best, left);
    active.memory.add(std::move(active.step), gradient - active.gradient);
    active.gradient = gradient;
    active.step =
        -active.memory.apply(gradient, [&](const Vector& q) { return active.inverse.times(q); });
    active.theta += active.step;
    return true;
  }

  const FullModel& full_;
  std::span<const Index> rows_;
  double tolerance_;
  std::span<LeftOutModel> models_;
  std::vector<Active> active_;
  std::size_t next_ = 0;
};

}  // namespace

void solve_left_out(const FullModel& full, std::span<const Index> rows, double tolerance,
                    std::span<LeftOutModel> models) {
  LeftOutSolver(full, rows, tolerance, models).run();
}

void refit_left_out(const FullModel& full, Index row, double tolerance, LeftOutModel& model) {
  const Objective& objective = full.objective;
  Vector weights = full.weights;
  weights(row) = 0;
  if (weights.maxCoeff() > 0) {
    try {
      TrainerResult trained = train_from(objective, weights, model.theta);
      model.theta = std::move(trained.theta);
      model.passes += trained.passes;
      model.converged = trained.converged;
    } catch (const UsageError&) {  // no Hessian that can be factored: this row's outcome alone
      model.converged = false;
    }
  } else {
    model.theta = rowless_optimum(objective);
    model.converged = true;
  }
  const Vector gradient = objective.evaluate(model.theta, weights).gradient;
  model.gradient_norm = gradient.norm();
  const auto factor = Cholesky::factor(objective.hessian(model.theta, weights));
  if (!factor) {
    model.converged = false;
    return;
  }
  const Vector removed = row_part(full, row).gradient;
  model.left = std::sqrt(gradient.dot(factor->solve(gradient)));
  model.moved = std::sqrt(removed.dot(factor->solve(removed)));
  model.converged = model.converged && has_arrived(full, model, tolerance);
}

}  // namespace recant

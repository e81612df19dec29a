// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/deletion.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "deletion_base.hpp"
#include "deletion_faults.hpp"
#include "deletion_parts.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/linalg/symmetric.hpp"
#include "recant/model/minimum_distance.hpp"
#include "third_derivative.hpp"

namespace recant {
namespace {

constexpr Index kBatchRows = LostCurvature::kRows;

/// phi'' of one row of probabilities as B B^T with C - 1 columns: class after class against all
/// that come later, sums and products of probabilities only.
Matrix softmax_root(ConstVectorRef p) {
  const Index classes = p.size();
  Matrix root = Matrix::Zero(classes, classes - 1);
  double later = p(classes - 1);
  for (Index k = classes - 2; k >= 0; --k) {
    const double from_here = p(k) + later;
    if (from_here > 0) {
      root(k, k) = std::sqrt(p(k) * later / from_here);
      if (later > 0)
        root.col(k).tail(classes - k - 1) = -root(k, k) / later * p.tail(classes - k - 1);
    }
    later = from_here;
  }
  return root;
}

double largest_left(const ExtremeRows& extreme) {
  for (std::size_t i = 0; i < extreme.rows.size(); ++i) {
    if (extreme.rows[i] != ExtremeRows::kForgotten) return extreme.sizes[i];
  }
  return extreme.next;
}

}  // namespace

struct DeletionState::Rows {
  Matrix removed, added;  // P x columns, so that the Hessian loses U U^T and gains the other
  Vector gradient;        // sum delta_j g_j(theta_0), P
  Vector along;           // gradient = removed along, of one row and one score
  double trace = 0, gross = 0, added_trace = 0, added_norms = 0;
};

DeletionState::DeletionState(const Objective& objective, ConstVectorRef theta,
                             ConstVectorRef weights, const DeletionOptions& options)
    : DeletionState(objective, weights, build_deletion_base(objective, theta, weights, options)) {}

DeletionState::DeletionState(const Objective& objective, ConstVectorRef weights,
                             NewDeletionBase built)
    : objective_(&objective),
      contrast_(std::move(built.contrast)),
      base_(std::make_shared<const DeletionBase>(std::move(built.base))),
      by_leverage_(std::move(built.by_leverage)),
      by_norm_(std::move(built.by_norm)),
      weights_(weights),
      rows_left_((weights.array() > 0).count()),
      gradient_(deletion_faults.leftover_dropped ? Vector(Vector::Zero(base_->gradient.size()))
                                                 : base_->gradient),
      hessian_(base_->hessian, base_->factor),
      third_(std::move(built.third)) {
  for (Index i = 0; i < weights_.size(); ++i) weights_mark_ += weight_mark(i, weights_(i));
  find_factor();
}

void DeletionState::check_rows(std::span<const Index> rows) const {
  std::vector<Index> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw UsageError("a row is listed twice", "rows", "list each row once");
  }
  if (!sorted.empty() && (sorted.front() < 0 || sorted.back() >= weights_.size())) {
    throw UsageError("a row is out of range", "rows", "rows are 0 to n - 1");
  }
  for (const Index row : rows) {
    if (!(weights_(row) > 0)) {
      throw UsageError("a row has no weight", "rows", "it was deleted before or never counted");
    }
  }
}

void DeletionState::check(std::span<const Index> rows, ConstVectorRef delta) const {
  check_size("delta", delta.size(), static_cast<Index>(rows.size()));
  if (!delta.allFinite()) throw UsageError("delta must be finite", "delta");
  check_rows(rows);
  Index leaving = 0;
  bool grows = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double change = delta(static_cast<Index>(i)), after = weights_(rows[i]) + change;
    if (!(after >= 0)) throw UsageError("a row's weight would be negative", "delta");
    if (!std::isfinite(after)) throw UsageError("a row's weight would not be finite", "delta");
    leaving += !(after > 0);
    grows = grows || change > 0;
  }
  if (grows) {
    Vector after = weights_;
    for (std::size_t i = 0; i < rows.size(); ++i) after(rows[i]) += delta(static_cast<Index>(i));
    check_distances_hold(*objective_, after);
  }
  if (leaving >= rows_left_) {
    throw UsageError("no row would be left", "rows", "keep at least one");
  }
}

void DeletionState::need_factor() const {
  if (status_ != DeletionStatus::kDone) {
    throw UsageError("too much has been deleted since the base", "deletion",
                     "build a new base with rebuilt_at()");
  }
}

DeletionState::Gathered DeletionState::gather(std::span<const Index> rows,
                                              const Vector& theta) const {
  const Index k = static_cast<Index>(rows.size()), outputs = objective_->loss().outputs();
  Gathered gathered{RowMatrix(k, objective_->features().columns()), Matrix(k, outputs),
                    Matrix(k, outputs)};
  Vector targets(k);
  for (Index i = 0; i < k; ++i) {
    gathered.x.row(i) = objective_->features().row(rows[static_cast<std::size_t>(i)]);
    targets(i) = objective_->targets()(rows[static_cast<std::size_t>(i)]);
  }
  const Eigen::Map<const Matrix> coefficients(theta.data(), objective_->width(), outputs);
  row_scores(gathered.view(), objective_->intercept(), coefficients, gathered.scores);
  objective_->loss().residuals(gathered.scores, targets, gathered.residuals);
  return gathered;
}

DeletionState::Rows DeletionState::rows_of(std::span<const Index> rows,
                                           ConstVectorRef delta) const {
  const Loss& loss = objective_->loss();
  const Index k = static_cast<Index>(rows.size()), p = objective_->width();
  const Index outputs = loss.outputs(), columns = contrast_.outputs();
  Gathered at_base = gather(rows, base_->theta);
  const RowMatrix& x = at_base.x;
  Matrix& residuals = at_base.residuals;
  Matrix roots(k, columns * columns);
  if (outputs == 1) {
    Vector curvature(k);
    loss.curvatures(at_base.scores, 0, 0, {curvature.data(), static_cast<std::size_t>(k)});
    roots.col(0) = curvature.cwiseSqrt();
  } else {
    Matrix probabilities(k, outputs);
    loss.probabilities(at_base.scores, probabilities);
    for (Index i = 0; i < k; ++i) {
      const Matrix root =
          contrast_.basis().transpose() * softmax_root(probabilities.row(i).transpose());
      roots.row(i) = Eigen::Map<const Vector>(root.data(), root.size()).transpose();
    }
  }

  Rows changed;
  const Index removals = (delta.array() < 0).count();
  changed.removed.resize(contrast_.size(), removals * columns);
  changed.added.resize(contrast_.size(), (k - removals) * columns);
  Index removed = 0, added = 0;
  for (Index i = 0; i < k; ++i) {
    const double size = std::abs(delta(i)), root = std::sqrt(size);
    const double norm = objective_->row_norms()(rows[static_cast<std::size_t>(i)]);
    const double trace = size * roots.row(i).squaredNorm() * norm * norm;
    changed.trace += trace;
    changed.gross += size * residuals.row(i).stableNorm() * norm;
    const bool grows = !(delta(i) < 0);
    if (grows) {
      changed.added_trace += trace;
      changed.added_norms += size * norm * norm;
    }
    for (Index c = 0; c < columns; ++c) {
      auto column = grows ? changed.added.col(added++) : changed.removed.col(removed++);
      for (Index a = 0; a < columns; ++a) {
        auto part = column.segment(a * p, p);
        part.head(x.cols()) = root * roots(i, c * columns + a) * x.row(i).transpose();
        if (objective_->intercept()) part(p - 1) = root * roots(i, c * columns + a);
      }
    }
  }
  Vector gradient = Vector::Zero(objective_->parameters());
  Eigen::Map<Matrix> sums(gradient.data(), p, outputs);
  residuals.array().colwise() *= delta.array();
  add_weighted_rows(at_base.view(), objective_->intercept(), residuals, sums);
  changed.gradient = contrast_.reduce(gradient);
  // Not where phi'' is nothing beside phi', as it is far from the boundary.
  const bool known = k == 1 && outputs == 1 && removals == 1 && std::abs(roots(0, 0)) > 1e-100;
  if (known) changed.along = residuals.row(0) / (std::sqrt(-delta(0)) * roots(0, 0));
  return changed;
}

void DeletionState::apply(const Rows& rows) {
  gradient_ += rows.gradient;
  changes_ += 2 * (rows.removed.cols() + rows.added.cols());
  changed_trace_ += rows.trace;
  changed_gross_ += rows.gross;
  if (rows.added.cols() > 0) {
    hessian_.look_at_kept_share();
    lost_.none_kept(kept_share());
    hessian_.add(rows.added);
    added_trace_ += rows.added_trace;
    added_norms_ += rows.added_norms;
  }
  if (rows.removed.cols() > 0) remove(rows);
  if (!(shrinkage_ < 0.5)) status_ = DeletionStatus::kRebuild;
}

/// Whether the factor of what is left bounds the share that leaves: it is of a matrix below the
/// base's as long as nothing was added, and of at most thrice its condition.
bool DeletionState::factor_serves() const {
  return added_trace_ == 0 && (at_base() || downdate_rounding() <= base_->least_eigenvalue / 8);
}

/// A half solve of each column serves the matrix and the bound of what leaves it, with the factor
/// of what is left: it is no shorter than with that of the base. It is another vector, though, and
/// where many have to be looked at together they are solved again.
void DeletionState::remove(const Rows& rows) {
  const Matrix& u = rows.removed;
  const bool own = factor_serves() && hessian_.can_keep(u.cols());
  const bool kept = own && hessian_.has_room(u.cols()), solved = !own || at_base();
  const Matrix half = own ? hessian_.half_solve(u) : base_->factor.half_solve(u);
  if (!kept) {
    hessian_.look_at_kept_share();
    lost_.none_kept(kept_share());
  }
  if (own) {
    hessian_.remove(u, half);
  } else {
    hessian_.remove(u);
  }
  if (kept && half_gradient_of_ == hessian_.changes() && rows.along.size() > 0) {
    half_gradient_ += half * rows.along;
  } else {
    half_gradient_of_ = kNoFactor;
  }
  note_shrinkage(solved ? half : u, solved, half.squaredNorm(), kept);
}

/// Of columns that hessian_ keeps aside, with what a product of columns that left may be off by.
double DeletionState::kept_share() const {
  if (!factor_serves()) return INFINITY;
  return hessian_.kept_share() + gamma(changes_ + contrast_.size() + 8) * lost_.total;
}

DeletionStatus DeletionState::reweight(std::span<const Index> rows, ConstVectorRef delta) {
  check(rows, delta);
  try {
    return reweight_checked(rows, delta);
  } catch (...) {
    status_ = DeletionStatus::kRebuild;
    throw;
  }
}

DeletionStatus DeletionState::reweight_checked(std::span<const Index> rows, ConstVectorRef asked) {
  const Index k = static_cast<Index>(rows.size());
  // By as much as the stored weights change: many small changes must not add up to others.
  Vector delta(k);
  for (Index i = 0; i < k; ++i) {
    const double weight = weights_(rows[static_cast<std::size_t>(i)]);
    delta(i) = (weight + asked(i)) - weight;
  }
  for (Index begin = 0; begin < k && status_ == DeletionStatus::kDone; begin += kBatchRows) {
    const Index count = std::min(kBatchRows, k - begin);
    check_interrupt();
    const auto some =
        rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    apply(rows_of(some, delta.segment(begin, count)));
    if (keeps_third_derivative()) take_from_third(some, delta.segment(begin, count));
    if (kept_) take_from_kept(some, delta.segment(begin, count));
  }
  find_factor();
  std::vector<Index> gone;
  for (Index i = 0; i < k; ++i) {
    const Index row = rows[static_cast<std::size_t>(i)];
    double& weight = weights_(row);
    weights_mark_ -= weight_mark(row, weight);
    weight += asked(i);
    weights_mark_ += weight_mark(row, weight);
    if (!(weight > 0)) gone.push_back(row);
  }
  rows_left_ -= static_cast<Index>(gone.size());
  by_norm_.forget(gone);
  by_leverage_.forget(gone);
  return status_;
}

/// What is left has a factor, and the half solve of the gradient is of that one.
void DeletionState::find_factor() {
  if (status_ != DeletionStatus::kDone) return;
  if (!hessian_.factored()) {
    status_ = DeletionStatus::kRebuild;
  } else if (half_gradient_of_ != hessian_.changes()) {
    half_gradient_ = hessian_.half_solve(gradient_);
    half_gradient_of_ = hessian_.changes();
  }
  if (status_ == DeletionStatus::kDone) find_near_step();
}

/// What measures steps in the base's Hessian, until A changes or as many columns have left as may
/// make that loose: the more, the less of the curvature is gone.
void DeletionState::find_near_step() {
  constexpr double kColumns = 8;
  if (at_base()) return;
  const auto since = static_cast<double>(hessian_.kept() - near_step_.kept);
  if (near_step_.changes == hessian_.changes() &&
      since * (1 - near_step_.share) < kColumns * near_step_.share) {
    return;
  }
  near_step_ = {.changes = hessian_.changes(), .kept = hessian_.kept()};
  if (added_trace_ > 0 || objective_->loss().self_concordance() == 0) return;
  near_step_.at = -hessian_.other_half_solve(half_gradient_);
  near_step_.in_h = symmetric_times(base_->hessian, near_step_.at);
  near_step_.in_a = symmetric_times(hessian_.matrix(), near_step_.at);
  near_step_.share = share_left();
}

void DeletionState::settle() {
  const DeletionStatus before = std::exchange(status_, DeletionStatus::kRebuild);
  lost_.solve(base_->factor);
  lost_.none_kept(INFINITY);
  hessian_.settle();
  kept_.reset();
  near_step_ = {};
  half_gradient_of_ = kNoFactor;
  status_ = before;
  find_factor();
}

DeletionStatus DeletionState::delete_rows(std::span<const Index> rows) {
  Vector delta(static_cast<Index>(rows.size()));
  for (Index i = 0; i < delta.size(); ++i) {
    const Index row = rows[static_cast<std::size_t>(i)];
    delta(i) = row >= 0 && row < weights_.size() ? -weights_(row) : 0;
  }
  return reweight(rows, delta);
}

/// `solved`: `columns` are half solves by the base's factor, else what left. `squared`: of half
/// solves, as computed. `kept`: hessian_ keeps them aside.
void DeletionState::note_shrinkage(const Matrix& columns, bool solved, double squared, bool kept) {
  const Index size = contrast_.size();
  if (lost_.pending.cols() == 0) {
    lost_.pending.resize(size, LostCurvature::room(size, contrast_.outputs()));
  }
  const double rounding = gamma(changes_ + size + 8);
  lost_.add(base_->factor, columns, solved, squared * 1.0001);
  if (!kept) lost_.none_kept(INFINITY);
  if (lost_.loose()) lost_.look_at_kept(kept_share());
  if (lost_.loose() && kept) {
    hessian_.look_at_kept_share();
    lost_.look_at_kept(kept_share());
  }
  if (lost_.loose()) {
    lost_.look(base_->factor, rounding);
    hessian_.start_share();
  }
  // The computed L^{-1} U is off by `slip` of its size, and L by factor_error. Of a later factor's
  // matrix, off by downdate_rounding(), the condition is at most thrice the base's.
  double slip =
      2 * gamma(size + 1) *
      std::sqrt(static_cast<double>(size) * base_->largest_eigenvalue / base_->least_eigenvalue);
  double error = 1 + base_->factor_error;
  if (!at_base()) {
    slip *= 2;
    error =
        (1 + 3 * base_->factor_error) * (1 + 1.02 * downdate_rounding() / base_->least_eigenvalue);
  }
  const double root = std::sqrt(lost_.largest()) + slip * std::sqrt(lost_.total);
  shrinkage_ = root * root * error;
  if (deletion_faults.mean_shrinkage) {
    shrinkage_ = lost_.total / static_cast<double>(contrast_.size());
  }
}

double DeletionState::largest_norm() const {
  return largest_left(by_norm_);
}

double DeletionState::downdate_rounding() const {
  return gamma(changes_ + 8) * 1.02 * (base_->frobenius + changed_trace_);
}

/// Of the base's Hessian, what the matrix of the rows that stay has of it at the least.
double DeletionState::share_left() const {
  return 1 - shrinkage_ - downdate_rounding() / base_->least_eigenvalue;
}

Vector DeletionState::newton_point() const {
  need_factor();
  return contrast_.expand(contrast_.reduce(base_->theta) -
                          hessian_.other_half_solve(half_gradient_));
}

Vector DeletionState::newton_point(ConstVectorRef p) const {
  need_factor();
  check_size("p", p.size(), objective_->parameters());
  const Vector pulled = gradient_ + contrast_.reduce(p);
  return contrast_.expand(contrast_.reduce(base_->theta) - hessian_.solve(pulled));
}

Vector DeletionState::row_gradients(std::span<const Index> rows, ConstVectorRef c) const {
  check_rows(rows);
  check_size("c", c.size(), static_cast<Index>(rows.size()));
  Vector sum = Vector::Zero(objective_->parameters());
  Eigen::Map<Matrix> sums(sum.data(), objective_->width(), objective_->loss().outputs());
  for (Index begin = 0; begin < c.size(); begin += kBatchRows) {
    const Index count = std::min(kBatchRows, c.size() - begin);
    Gathered some =
        gather(rows.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
               base_->theta);
    some.residuals.array().colwise() *= c.segment(begin, count).array();
    add_weighted_rows(some.view(), objective_->intercept(), some.residuals, sums);
  }
  return sum;
}

void DeletionState::need_third() const {
  need_factor();
  if (keeps_third_derivative()) return;
  throw UsageError("the state keeps no third derivative", "deletion",
                   "build it with DeletionOptions::third_derivative");
}

void DeletionState::take_from_third(std::span<const Index> rows, ConstVectorRef delta) {
  if (deletion_faults.third_derivative_kept) return;
  const Gathered some = gather(rows, base_->theta);
  const Index k = delta.size();
  Vector factors(k), tilts(k), x = Vector::Ones(contrast_.size());
  objective_->loss().curvatures(some.scores, 0, 0, {factors.data(), static_cast<std::size_t>(k)});
  objective_->loss().curvature_tilts(some.scores, tilts);
  for (Index i = 0; i < k; ++i) {
    x.head(some.x.cols()) = some.x.row(i).transpose();
    add_cube(third_, x, delta(i) * factors(i) * tilts(i));
  }
}

Vector DeletionState::third_order_point() const {
  need_third();
  const Vector v = -hessian_.solve(gradient_);
  return base_->theta + v - hessian_.solve(contract_twice(third_, v) / 2);
}

CurvatureFrame DeletionState::frame(FrameKind kind) const {
  need_factor();
  const Loss& loss = objective_->loss();
  CurvatureFrame frame;
  frame.l2 = objective_->l2();
  frame.shrinkage = shrinkage_;
  const double lost = downdate_rounding();
  const double mu_base = base_->least_eigenvalue;
  const double relative = gamma(objective_->width() + 2 * loss.outputs() + 16) +
                          score_rounding(*objective_, base_->theta, base_->largest_norm) +
                          2 * contrast_.rounding();
  frame.hessian_rounding = base_->hessian_rounding + lost + 2.04 * relative * changed_trace_;
  const double kept = deletion_faults.stale_leverage ? 1 : share_left();
  // The data of S have no more curvature outside V than those of D and what was added.
  frame.span_eigenvalue = base_->span_eigenvalue;
  frame.off_span_curvature = deletion_faults.outside_forgotten
                                 ? 0
                                 : base_->off_span_curvature + added_trace_ * (1 + 2.04 * relative);
  double leverage = largest_left(by_leverage_);
  if (kind == FrameKind::kBase) {
    frame.below = shrinkage_;
    frame.above = added_trace_ / mu_base;
    frame.least_eigenvalue = mu_base;
  } else {
    frame.least_eigenvalue =
        std::max((1 - shrinkage_) * mu_base - lost, objective_->l2() - frame.hessian_rounding);
    // |h|_H^2 >= (1 - g) |h|^2 in the norm of the base, less `lost` of each part of h.
    const bool both = (1 - shrinkage_) * mu_base > lost;
    frame.span_eigenvalue = both ? (1 - shrinkage_) * frame.span_eigenvalue - lost : 0;
    leverage = kept > 0 ? leverage / std::sqrt(kept) : INFINITY;
  }
  const double spread = deletion_faults.spread_forgotten ? 1 : loss.spread_factor();
  const double by_norm = spread * largest_norm() / std::sqrt(frame.least_eigenvalue);
  if (by_leverage_.rows.empty() || by_norm < leverage) leverage = by_norm;
  frame.leverage =
      loss.self_concordance() > 0 ? loss.self_concordance() * leverage * (1 + 8 * kUnit) : 0;
  return frame;
}

double DeletionState::base_norm(const Vector& v) const {
  return norm_from(v, symmetric_times(base_->hessian, v), base_->frobenius);
}

/// For whoever has A v, A what hessian_ has a factor of.
double DeletionState::base_norm(const Vector& v, const Vector& a_v) const {
  if (at_base()) return norm_from(v, a_v, base_->frobenius);
  const auto near = near_step_.of(v, a_v, scale());
  return near ? *near : base_norm(v);
}

/// `in_base`: at least the norm of the step in the base's Hessian, asked for where it may say more
/// than the step's length, as it is `low` at the least.
template <class Norm>
double DeletionState::range(ConstVectorRef step, double low, const Norm& in_base) const {
  const Loss& loss = objective_->loss();
  if (loss.self_concordance() == 0) return 0;
  const Eigen::Map<const Matrix> columns(step.data(), objective_->width(), loss.outputs());
  const double length =
      norm_above(step) * (deletion_faults.spread_forgotten ? 1 : loss.spread_factor());
  // The list that leaves less to the rows outside it: the other's result is below this one's by
  // the rounding of the lists at most, and either is a bound.
  const ExtremeRows* extreme = &by_norm_;
  double others = by_norm_.next * length;
  if (!by_leverage_.rows.empty() && by_leverage_.next * low < others) {
    const double by_leverage = by_leverage_.next * in_base();
    if (by_leverage < others) {
      extreme = &by_leverage_;
      others = by_leverage;
    }
  }
  double found = others;
  if (columns.cols() > 1 || !extreme->values.is_spread_at_most(columns.col(0), others)) {
    const double kept = extreme->values.largest_spread(columns);
    found = others > kept ? others : kept;  // a NaN, which `kept` is then, stays one
  }
  const double rounding = gamma(step.size() + 8) * base_->largest_norm * length;
  return loss.self_concordance() * (found + rounding) * (1 + 8 * kUnit);
}

double DeletionState::range(ConstVectorRef step) const {
  return range(step, 0, [&] { return base_norm(contrast_.reduce(step)); });
}

/// Of a vector in contrast coordinates.
double DeletionState::range_of(ConstVectorRef reduced) const {
  const Loss& loss = objective_->loss();
  return range(contrast_.expand(reduced), 0, [&] { return base_norm(reduced); }) +
         loss.self_concordance() * loss.spread_factor() * contrast_.rounding() *
             base_->largest_norm * norm_above(reduced) * (1 + 8 * kUnit);
}

double DeletionState::linear_rounding(ConstVectorRef step) const {
  const double frobenius = scale(), length = norm_above(step);
  const Index outputs = objective_->loss().outputs();
  return 1.02 * (product_gamma(contrast_.size()) * (frobenius * length + norm_above(gradient_)) +
                 frobenius * contrast_.rounding() * length + base_->gradient_rounding +
                 gamma(changes_ + outputs + 16) * (norm_above(base_->gradient) + changed_gross_) +
                 gamma(objective_->width() + outputs + 6) * norm_above(base_->theta) * 1.02 *
                     changed_trace_ +
                 contrast_.rounding() * changed_gross_);
}

StepMeasure DeletionState::measure_step(ConstVectorRef theta, FrameKind kind) const {
  need_factor();
  check_size("theta", theta.size(), objective_->parameters());
  const Vector step = theta - base_->theta;
  const Vector v = contrast_.reduce(step);
  const Vector a_v = symmetric_times(hessian_.matrix(), v);
  const Vector product = hessian_.less_kept(a_v, v);
  const double frobenius = scale();

  StepMeasure measure;
  const auto in_base = [&] { return base_norm(v, a_v); };
  // And H is below the base's, unless weights have grown.
  const double off = product_gamma(v.size()) * frobenius + downdate_rounding();
  const double least = v.dot(product) - off * v.squaredNorm();
  const double low = added_trace_ > 0 ? 0 : std::sqrt(std::max(least, 0.0)) * (1 - 8 * kUnit);
  measure.range = range_by_way(theta, range(step, low, in_base));
  measure.step_norm = kind == FrameKind::kDowndated ? norm_from(v, product, frobenius) : in_base();
  // v itself is rounded: theta - theta_0 is known to half a unit in the last place.
  measure.step_norm += std::sqrt(frobenius) * (2 * kUnit + contrast_.rounding()) * norm_above(step);
  measure.linear_residual = norm_above(gradient_ + product);
  measure.linear_rounding = linear_rounding(step);
  measure.dropped = contrast_.dropped(theta) + contrast_.rounding() * norm_above(theta);
  if (deletion_faults.pull_forgotten) measure.linear_residual = 0;
  if (measure.linear_residual > measure.linear_rounding) {
    const bool downdated = kind == FrameKind::kDowndated;
    const Vector z = gradient_ + product;
    const Solution solution =
        downdated ? solve_measured(hessian_, frobenius, z)
                  : measure_solution(
                        base_->factor.solve(z),
                        [&](const Vector& s) { return symmetric_times(base_->hessian, s); },
                        frobenius, z);
    measure.solution_norm = solution.norm;
    measure.solution_decrement = solution.decrement;
    measure.solve_residual = solution.residual;
  }
  return measure;
}

double DeletionState::third_rounding() const {
  const Index size = contrast_.size();
  const double relative =
      gamma(objective_->hessian_depth() + changes_ + size * size / 2 + 3 * size + 32) +
      score_rounding(*objective_, base_->theta, base_->largest_norm);
  // Half of what T may be off by, entry by entry, and its penalty that was added and taken away.
  return 0.52 * (relative * base_->largest_norm * 1.02 * (base_->data_trace + changed_trace_) +
                 12 * kUnit * objective_->l2() * std::sqrt(static_cast<double>(size)));
}

ResidualMeasure DeletionState::expanded_residual(ConstVectorRef theta) const {
  need_third();
  check_size("theta", theta.size(), objective_->parameters());
  const Vector v = theta - base_->theta;
  const Vector product = hessian_.times(v);
  const double frobenius = scale(), length = norm_above(v);
  const Vector r = gradient_ + product + contract_twice(third_, v) / 2;
  const Solution solution = solve_measured(hessian_, scale(), r);

  ResidualMeasure measure;
  measure.range = range(v);
  measure.step_norm = norm_from(v, product, frobenius) + std::sqrt(frobenius) * 2 * kUnit * length;
  measure.residual_norm = norm_above(r);
  measure.sum_rounding = linear_rounding(v) + third_rounding() * length * length;
  measure.solution_norm = solution.norm;
  measure.solution_decrement = solution.decrement;
  measure.solve_residual = solution.residual;
  measure.solution_range = range_of(solution.s);
  return measure;
}

DeletionState DeletionState::rebuilt_at(ConstVectorRef theta) const {
  return DeletionState(*objective_, theta, weights_,
                       {.third_derivative = keeps_third_derivative()});
}

}  // namespace recant

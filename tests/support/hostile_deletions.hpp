// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "exact_minimum.hpp"
#include "problems.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

/// Small deletion problems of every unpleasant kind, and the bounds beside the truth.
namespace recant::test {

struct HostileDeletion {
  Dataset data;
  Loss loss;
  bool intercept = false;
  double l2 = 1;
  Vector weights, theta;
  std::vector<Index> rows;
  Vector delta;
  Vector pull;  ///< factors of the rows' gradients in a step by value: w_j (1 - w'_j)
};

/// Instance number `seed` of a kind: rows of huge norm or leverage, duplicates, separable classes
/// with a tiny penalty, large deletions, uneven weights, weights that only shrink or grow, a base
/// far from its optimum, columns that depend on each other, wholly or nearly.
inline HostileDeletion hostile_deletion(LossKind kind, std::uint64_t seed) {
  Random random(seed * 2 + 1);
  HostileDeletion problem;
  problem.loss = Loss(kind, kind == LossKind::kSoftmax ? 2 + random.below(3) : 2);
  const Index most = kind == LossKind::kSoftmax ? 4 : 8;
  Random more(seed * 2 + 20'000'001);  // of its own, so that the other instances stay what they are
  const bool long_lists = more.uniform() < 0.1;  // more rows than are kept aside
  const Index d = 1 + (long_lists ? random.below(3) : random.below(most));
  const Index n = 3 + random.below(random.uniform() < 0.2 ? 12 : 70) + (long_lists ? 300 : 0);
  problem.intercept = random.uniform() < 0.5;
  problem.data = made_up_rows(random, n, d, problem.loss);
  RowMatrix x = problem.data.features.view();
  if (random.uniform() < 0.3) x.row(random.below(n)) *= std::pow(10, random.between(1, 4));
  if (d > 1 && random.uniform() < 0.4) {
    const Index column = random.below(d);
    Vector combined = random.uniform() < 0.3 ? Vector(Vector::Constant(n, random.normal()))
                                             : Vector(Vector::Zero(n));
    for (Index j = 0; j < d; ++j) {
      if (j != column) combined += random.normal() * x.col(j);
    }
    x.col(column) = combined;
    if (random.uniform() < 0.5) {
      x.col(column) += std::pow(10, random.between(-12, -2)) * random.normals(n);
    }
  }
  if (random.uniform() < 0.2) x.col(random.below(d)) *= std::pow(10, random.between(-4, 3));
  if (random.uniform() < 0.3) {  // duplicates
    const Index from = random.below(n);
    for (Index copies = random.below(n); copies > 0; --copies) {
      const Index to = random.below(n);
      x.row(to) = x.row(from);
      problem.data.targets(to) = problem.data.targets(from);
    }
  }
  if (random.uniform() < 0.15) x.row(random.below(n)).setZero();
  if (random.uniform() < 0.2 && kind == LossKind::kLogistic) {  // separable
    for (Index i = 0; i < n; ++i) problem.data.targets(i) = x(i, 0) > 0.3 ? 1 : 0;
  }
  problem.data.features = FeatureMatrix(std::move(x));
  problem.l2 =
      std::pow(10, random.uniform() < 0.2 ? random.between(-6, -2) : random.between(-2, 2));
  problem.weights = random.uniform() < 0.6 ? Vector(Vector::Ones(n)) : random.weights(n);
  if (!((problem.weights.array() > 0).count() > 1)) problem.weights.setOnes();
  const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
  problem.theta = train(objective, problem.weights).theta;
  if (random.uniform() < 0.2) {
    problem.theta += std::pow(10, random.between(-8, -1)) * random.normals(problem.theta.size());
  }
  if (kind == LossKind::kSquared && more.uniform() < 0.3) {  // rows with phi' = 0
    const LinearModel model{problem.loss, problem.intercept, d, problem.theta};
    const Matrix fitted = scores(model, problem.data.features);
    for (Index i = more.below(n); i < n; ++i) problem.data.targets(i) = fitted(i, 0);
  }

  std::vector<Index> candidates;
  for (const Index i : random.permutation(n)) {
    if (problem.weights(i) > 0) candidates.push_back(i);
  }
  if (random.uniform() < 0.3) {  // the longest rows first
    std::sort(candidates.begin(), candidates.end(), [&](Index a, Index b) {
      return objective.row_norms()(a) > objective.row_norms()(b);
    });
  }
  const auto left = static_cast<Index>(candidates.size()) - 1;
  const Index count =
      random.uniform() < 0.5 ? 1 : 1 + random.below(random.uniform() < 0.5 ? 5 : left);
  candidates.resize(static_cast<std::size_t>(std::min(count, left)));
  problem.rows = candidates;
  problem.delta = -pick(problem.weights, problem.rows);
  if (random.uniform() < 0.2) {
    for (double& change : problem.delta) change *= random.between(-0.5, 1);
  }
  problem.pull = problem.delta;
  for (double& factor : problem.pull) factor *= random.between(-1, 1);
  return problem;
}

/// Instance `seed` with features, row weights and targets of any size that doubles have, l2 half of
/// the time of the size of the curvature; nothing where no parameters of that size would do.
inline std::optional<HostileDeletion> hostile_deletion_of_any_size(LossKind kind,
                                                                   std::uint64_t seed) {
  HostileDeletion problem = hostile_deletion(kind, seed);
  Random random(seed * 2 + 60'000'001);
  const double features = random.between(-180, 100), weights = random.between(-170, 170);
  const double targets = kind == LossKind::kSquared ? random.between(-170, 100) : 0;
  const double curvature = 2 * features + weights + random.between(-4, 2);
  const double l2 = random.uniform() < 0.5 ? curvature : random.between(-99, 99);
  if (!(l2 >= -99 && l2 < 290 && std::abs(weights + features + targets - l2) < 140))
    return std::nullopt;
  problem.data.features =
      FeatureMatrix(RowMatrix(problem.data.features.view() * std::pow(10, features)));
  problem.weights *= std::pow(10, weights);
  problem.delta *= std::pow(10, weights);
  problem.pull *= std::pow(10, weights);
  if (kind == LossKind::kSquared) problem.data.targets *= std::pow(10, targets);
  problem.l2 = std::pow(10, l2);
  const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
  problem.theta = train(objective, problem.weights).theta;
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {  // away is away
    double& change = problem.delta(static_cast<Index>(i));
    const double weight = problem.weights(problem.rows[i]);
    if (std::abs(weight + change) < 1e-12 * weight) change = -weight;
  }
  return problem;
}

/// Its rows taken away, half of the time in two calls: deletions add up.
struct AfterDeletion {
  DeletionState state;
  Vector weights;
  bool rebuilt = false;  ///< the rows carried too much: a new base, where the fit was
};

inline AfterDeletion delete_hostile(const HostileDeletion& problem, const Objective& objective,
                                    std::uint64_t seed) {
  const DeletionOptions options{.third_derivative = problem.loss.bounds_fourth_derivative()};
  AfterDeletion after{{objective, problem.theta, problem.weights, options}, problem.weights};
  for (std::size_t i = 0; i < problem.rows.size(); ++i) {
    after.weights(problem.rows[i]) += problem.delta(static_cast<Index>(i));
  }
  const std::size_t half = seed % 2 == 0 ? 0 : problem.rows.size() / 2;
  const std::span<const Index> rows(problem.rows);
  DeletionStatus status = DeletionStatus::kDone;
  for (const auto& [begin, end] : {std::pair{std::size_t{0}, half}, {half, rows.size()}}) {
    if (begin == end || status != DeletionStatus::kDone) continue;
    status = after.state.reweight(
        rows.subspan(begin, end - begin),
        problem.delta.segment(static_cast<Index>(begin), static_cast<Index>(end - begin)));
  }
  if (status == DeletionStatus::kRebuild) {
    after.rebuilt = true;
    after.state = DeletionState(objective, problem.theta, after.weights, options);
  }
  return after;
}

/// The same rows, with a pass on the way: after half of them, or before the only one, half of the
/// time at a model that is some way off; half of the time the others leave one by one. Nothing
/// where they ask for a new base.
inline std::optional<DeletionState> delete_past_a_pass(const HostileDeletion& problem,
                                                       const Objective& objective,
                                                       std::uint64_t seed) {
  DeletionState state(objective, problem.theta, problem.weights);
  const auto half = static_cast<Index>(problem.rows.size()) / 2;
  const std::span<const Index> rows(problem.rows);
  const auto first = rows.first(static_cast<std::size_t>(half));
  const auto others = rows.subspan(static_cast<std::size_t>(half));
  if (state.reweight(first, problem.delta.head(half)) != DeletionStatus::kDone) return {};
  Random random(seed * 2 + 40'000'001);
  Vector theta = state.newton_point();
  if (random.uniform() < 0.5) {
    theta += std::pow(10, random.between(-6, -1)) * random.normals(theta.size());
  }
  static_cast<void>(state.measure_and_keep(theta));
  const Vector left = problem.delta.tail(problem.delta.size() - half);
  const std::size_t together = random.uniform() < 0.5 ? others.size() : 1;
  for (std::size_t i = 0; i < others.size(); i += together) {
    const Vector delta = left.segment(static_cast<Index>(i), static_cast<Index>(together)).eval();
    if (state.reweight(others.subspan(i, together), delta) != DeletionStatus::kDone) return {};
  }
  return state;
}

/// To look again whatever the first look found.
inline bool always(const ResidualMeasure& /*first*/) {
  return true;
}

/// How often a bound was finite, and its least ratio to the truth.
struct Tightness {
  int instances = 0, finite = 0;
  double least_ratio = INFINITY;
  std::vector<double> ratios;
  static constexpr double kFar = 1e-8;  ///< more than rounding, on nearly all of these
  double largest_far = 0;               ///< ratio of a distance of kFar or more

  void add(double bound, double truth) {
    ++instances;
    if (!(bound < INFINITY)) return;
    ++finite;
    if (truth > 0) ratios.push_back(bound / truth);
    if (truth > 0) least_ratio = std::min(least_ratio, bound / truth);
    if (truth >= kFar) largest_far = std::max(largest_far, bound / truth);
  }
  void add(const Tightness& other) {
    instances += other.instances;
    finite += other.finite;
    least_ratio = std::min(least_ratio, other.least_ratio);
    largest_far = std::max(largest_far, other.largest_far);
    ratios.insert(ratios.end(), other.ratios.begin(), other.ratios.end());
  }
  /// Of the finite ones that are not at the minimum to rounding.
  [[nodiscard]] double quantile(double share) {
    if (ratios.empty()) return INFINITY;
    std::sort(ratios.begin(), ratios.end());
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size() - 1))];
  }
};

struct TierTightness {
  Tightness downdated, base, by_value, expanded, third_order, measured, twice, rebuilt;
  Tightness retrained;            ///< of every kRetrainEvery-th instance
  Tightness near_pass, carried;   ///< tier 0 after a pass: with its range, from its gradient
  int rebuilds = 0, spanned = 0;  ///< `spanned`: rows in nearly a subspace, and bounded so
  int wide = 0;                   ///< instances whose truth was computed with 128 bits as well
};

/// Of how many instances one has its truth computed with 128 bits as well; odd, so that deletions
/// in one call and in two are among them.
constexpr std::uint64_t kWideEvery = 19;

/// Of how many instances one is trained again, as the dearest tier does.
constexpr std::uint64_t kRetrainEvery = 3;

/// Of theta from the minimum, at least.
template <class T>
double distance(const Vector& theta, const ExactMinimum<T>& truth) {
  const T found = (theta.cast<T>() - truth.theta).norm() - truth.error;
  return std::max(static_cast<double>(found), 0.0);
}

/// The minimum with 128 bits: a failure where the one with 64 is not as near to it as it says.
inline ExactMinimum<WideReal> wide_minimum(const HostileDeletion& problem, const Vector& weights,
                                           const ExactMinimum<Real>& truth) {
  auto wide = exact_minimum<WideReal>(problem.data, problem.loss, problem.intercept, problem.l2,
                                      weights, truth.theta.cast<double>());
  const WideReal apart = (truth.theta.cast<WideReal>() - wide.theta).norm();
  EXPECT_TRUE(apart <= truth.error + wide.error)
      << static_cast<double>(apart) << " apart, at most " << static_cast<double>(truth.error);
  return wide;
}

/// Every bound on one instance against the truth: a failure where one is below it, or where the
/// truth is not known to `most_error` and, where that is finite, much better with 128 bits.
inline void compare_with_truth(const HostileDeletion& problem, std::uint64_t seed,
                               double most_error, TierTightness& seen) {
  const LossKind kind = problem.loss.kind();
  const Objective objective(problem.data, problem.loss, problem.intercept, problem.l2);
  const Vector p = DeletionState(objective, problem.theta, problem.weights)
                       .row_gradients(problem.rows, problem.pull);
  auto [state, after, rebuilt] = delete_hostile(problem, objective, seed);
  seen.rebuilds += rebuilt;
  const CurvatureFrame frame = state.frame();
  seen.spanned += frame.span_eigenvalue > 2 * frame.least_eigenvalue;
  const auto truth = exact_minimum(problem.data, problem.loss, problem.intercept, problem.l2, after,
                                   problem.theta);
  EXPECT_LT(truth.error, most_error)
      << name(kind) << " instance " << seed << ": no minimum was found";
  std::optional<ExactMinimum<WideReal>> wide;
  if (seed % kWideEvery == 0) {
    wide = wide_minimum(problem, after, truth);
    EXPECT_TRUE(most_error == INFINITY || wide->error <= 1e-15L * truth.error)
        << "twice the bits have not made " << static_cast<double>(truth.error)
        << " less: " << static_cast<double>(wide->error);
    ++seen.wide;
  }
  const auto compare = [&](const DistanceBound& bound, const Vector& theta, Tightness& tightness,
                           const char* tier) {
    const double true_distance = theta.allFinite() ? distance(theta, truth) : INFINITY;
    for (const double value : {bound.value, bound.newton, bound.corrected,
                               bound.corrected_by_second_look, bound.strong_convexity}) {
      EXPECT_FALSE(std::isnan(value));
      EXPECT_LE(true_distance, value) << name(kind) << " instance " << seed << " tier " << tier;
      if (!wide) continue;
      EXPECT_LE(distance(theta, *wide), value)
          << name(kind) << " instance " << seed << " tier " << tier << ", truth of 128 bits";
    }
    EXPECT_GT(bound.value, 0);
    tightness.add(bound.value, true_distance);
  };
  const Vector theta = state.newton_point();
  const DistanceBound tight = bound_from_step(state.frame(), state.measure_step(theta));
  const DistanceBound loose =
      bound_from_step(state.frame(FrameKind::kBase), state.measure_step(theta, FrameKind::kBase));
  compare(tight, theta, seen.downdated, "0");
  compare(loose, theta, seen.base, "0 with the Hessian of the base");
  compare(bound_from_residual(state.frame(), state.measure_residual(theta)), theta, seen.measured,
          "1");
  compare(bound_from_residual(state.frame(), state.measure_residual(theta, always)), theta,
          seen.twice, "1, twice");
  if (state.keeps_third_derivative()) {
    compare(bound_from_residual(state.frame(), state.expanded_residual(theta)), theta,
            seen.expanded, "half");
    const Vector third = state.third_order_point();
    compare(bound_from_residual(state.frame(), state.expanded_residual(third)), third,
            seen.third_order, "half, at the third-order point");
  }
  const Vector by_value = state.newton_point(p);
  compare(bound_from_step(state.frame(), state.measure_step(by_value)), by_value, seen.by_value,
          "0 by value");
  compare(bound_from_step(state.frame(FrameKind::kBase),
                          state.measure_step(by_value, FrameKind::kBase)),
          by_value, seen.by_value, "0 by value with the Hessian of the base");
  if (const auto past = delete_past_a_pass(problem, objective, seed)) {
    const Vector there = past->newton_point();
    compare(bound_from_step(past->frame(), past->measure_step(there)), there, seen.near_pass,
            "0 after a pass");
    for (const Vector& at : {there, by_value}) {
      compare(bound_from_residual(past->frame(), past->carried_residual(at)), at, seen.carried,
              "0 from the last pass");
    }
  }
  const DeletionState again = state.rebuilt_at(theta);
  const Vector better = again.newton_point();
  compare(bound_from_residual(again.frame(), again.measure_residual(better)), better, seen.rebuilt,
          "2");
  if (seed % kRetrainEvery == 0) {
    const Vector trained = train_from(objective, after, better).theta;
    const DeletionState there = again.rebuilt_at(trained);
    compare(bound_from_residual(there.frame(), there.measure_residual(trained)), trained,
            seen.retrained, "retrain");
  }
}

/// The same for instances first .. first + count - 1.
inline TierTightness compare_with_truth(LossKind kind, std::uint64_t first, std::uint64_t count) {
  TierTightness seen;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    compare_with_truth(hostile_deletion(kind, seed), seed, 1e-3, seen);
  }
  return seen;
}

}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Cholesky>
#include <cmath>
#include <vector>

#include "naive_model.hpp"

/// Training to rounding in extended precision: the truth that bounds are compared with.
namespace recant::test {

using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

struct ExactMinimum {
  RealVector theta;
  Real error = 0;  ///< |theta - argmin| <= (|grad F| + what rounding may hide of it) / l2
};

namespace detail {

struct Derivatives {
  Real value = 0;
  RealVector gradient;
  RealMatrix hessian;
  Real gross = 0;  // sum w |phi'| |x|
};

inline Derivatives derivatives(const Dataset& data, const Loss& loss, bool intercept, double l2,
                               const Vector& weights, const RealVector& theta) {
  const Index p = data.features.columns() + (intercept ? 1 : 0), outputs = loss.outputs();
  Derivatives sum{static_cast<Real>(l2) / 2 * theta.squaredNorm(), static_cast<Real>(l2) * theta,
                  RealMatrix::Identity(theta.size(), theta.size()) * static_cast<Real>(l2), 0};
  for (Index i = 0; i < data.rows(); ++i) {
    if (weights(i) == 0) continue;
    const Reals features = naive_row(data.features, i, intercept);
    const Eigen::Map<const RealVector> x(features.data(), p);
    Reals t(static_cast<std::size_t>(outputs));
    for (Index k = 0; k < outputs; ++k) {
      t[static_cast<std::size_t>(k)] = x.dot(theta.segment(k * p, p));
    }
    const NaiveLoss row = naive_loss(loss.kind(), t, data.targets(i));
    const Real w = weights(i);
    sum.value += w * row.value;
    Real slope2 = 0;
    for (const Real slope : row.slope) slope2 += slope * slope;
    sum.gross += w * sqrtl(slope2) * x.norm();
    for (Index k = 0; k < outputs; ++k) {
      const auto a = static_cast<std::size_t>(k);
      sum.gradient.segment(k * p, p) += w * row.slope[a] * x;
      for (Index l = 0; l < outputs; ++l) {
        sum.hessian.block(k * p, l * p, p, p) +=
            w * row.curvature[a][static_cast<std::size_t>(l)] * x * x.transpose();
      }
    }
  }
  return sum;
}

}  // namespace detail

inline ExactMinimum exact_minimum(const Dataset& data, const Loss& loss, bool intercept, double l2,
                                  const Vector& weights, const Vector& start) {
  RealVector theta = start.cast<Real>();
  auto now = detail::derivatives(data, loss, intercept, l2, weights, theta);
  for (int step = 0; step < 200; ++step) {
    const RealVector direction = now.hessian.ldlt().solve(now.gradient);
    const Real slope = direction.dot(now.gradient);
    bool moved = false;
    for (Real size = 1; size > 1e-6L; size /= 2) {
      const RealVector tried = theta - size * direction;
      auto there = detail::derivatives(data, loss, intercept, l2, weights, tried);
      // Near the end F cannot tell any more, but the gradient can.
      const bool lower = there.value < now.value - 1e-4L * size * slope &&
                         slope > 1e-12L * (1 + std::abs(now.value));
      const bool flatter = there.gradient.norm() < now.gradient.norm() * 0.7L;
      if (!lower && !flatter) continue;
      theta = tried;
      now = std::move(there);
      moved = true;
      break;
    }
    if (!moved) break;
  }
  const Index outputs = loss.outputs(), p = theta.size() / outputs;
  if (outputs > 1) {
    // At the optimum the classes add up to 0; only the penalty knows, and it may be tiny.
    Eigen::Map<RealMatrix> columns(theta.data(), p, outputs);
    const RealVector mean = columns.rowwise().mean();
    columns.colwise() -= mean;
    now = detail::derivatives(data, loss, intercept, l2, weights, theta);
    Eigen::Map<RealMatrix> gradient(now.gradient.data(), p, outputs);
    const RealVector common = gradient.rowwise().mean();
    gradient.colwise() -= common;
  }
  const Real rounding = 0x1p-64L * static_cast<Real>(data.rows() + p + 16) * now.gross;
  return {theta, (now.gradient.norm() + rounding) / static_cast<Real>(l2)};
}

}  // namespace recant::test

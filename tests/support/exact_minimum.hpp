// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Cholesky>
#include <cmath>
#include <type_traits>
#include <vector>

#include "naive_model.hpp"
#include "wide_real.hpp"

/// Training to rounding in extended precision, of 64 bits or with T = WideReal of 128: the truth
/// that bounds are compared with.
namespace recant::test {

template <class T>
using VectorOf = Eigen::Matrix<T, Eigen::Dynamic, 1>;
template <class T>
using MatrixOf = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

template <class T>
struct ExactMinimum {
  VectorOf<T> theta;
  T error = 0;  ///< |theta - argmin| <= (|grad F| + what rounding may hide of it) / l2
};

namespace detail {

/// Half a unit in the last place of 1.
template <class T>
T unit_roundoff() {
  return std::is_same_v<T, WideReal> ? 0x1p-128L : 0x1p-64L;
}

template <class T>
struct Derivatives {
  T value = 0;
  VectorOf<T> gradient;
  MatrixOf<T> hessian;
  T gross = 0;  // sum w |phi'| |x|
};

template <class T>
Derivatives<T> derivatives(const Dataset& data, const Loss& loss, bool intercept, double l2,
                           const Vector& weights, const VectorOf<T>& theta) {
  using std::sqrt;
  const Index p = data.features.columns() + (intercept ? 1 : 0), outputs = loss.outputs();
  Derivatives<T> sum{static_cast<T>(l2) / 2 * theta.squaredNorm(), static_cast<T>(l2) * theta,
                     MatrixOf<T>::Identity(theta.size(), theta.size()) * static_cast<T>(l2), 0};
  for (Index i = 0; i < data.rows(); ++i) {
    if (weights(i) == 0) continue;
    const std::vector<T> features = naive_row<T>(data.features, i, intercept);
    const Eigen::Map<const VectorOf<T>> x(features.data(), p);
    std::vector<T> t(static_cast<std::size_t>(outputs));
    for (Index k = 0; k < outputs; ++k) {
      t[static_cast<std::size_t>(k)] = x.dot(theta.segment(k * p, p));
    }
    const NaiveLossIn<T> row = naive_loss(loss.kind(), t, data.targets(i));
    const T w = weights(i);
    sum.value += w * row.value;
    T slope2 = 0;
    for (const T& slope : row.slope) slope2 += slope * slope;
    sum.gross += w * sqrt(slope2) * x.norm();
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

template <class T = Real>
ExactMinimum<T> exact_minimum(const Dataset& data, const Loss& loss, bool intercept, double l2,
                              const Vector& weights, const Vector& start) {
  using std::abs;
  VectorOf<T> theta = start.cast<T>();
  auto now = detail::derivatives<T>(data, loss, intercept, l2, weights, theta);
  const auto rounding = [&] {
    const auto terms = static_cast<T>(data.rows() + theta.size() / loss.outputs() + 16);
    return T(detail::unit_roundoff<T>() * terms * now.gross);
  };
  for (int step = 0; step < 1000 && now.gradient.norm() > rounding() / 16; ++step) {
    const VectorOf<T> direction = now.hessian.ldlt().solve(now.gradient);
    const T slope = direction.dot(now.gradient);
    // Near the end F cannot tell any more, but the gradient can.
    const bool near = slope < 1e5L * detail::unit_roundoff<T>() * (1 + abs(now.value));
    bool moved = false;
    for (T size = 1; size > 1e-15L; size /= 2) {
      const VectorOf<T> tried = theta - size * direction;
      auto there = detail::derivatives<T>(data, loss, intercept, l2, weights, tried);
      const bool better = near ? there.gradient.norm() < now.gradient.norm() * 0.7L
                               : there.value < now.value - 0.25L * size * slope;
      if (!better) continue;
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
    Eigen::Map<MatrixOf<T>> columns(theta.data(), p, outputs);
    const VectorOf<T> mean = columns.rowwise().mean();
    columns.colwise() -= mean;
    now = detail::derivatives<T>(data, loss, intercept, l2, weights, theta);
    Eigen::Map<MatrixOf<T>> gradient(now.gradient.data(), p, outputs);
    const VectorOf<T> common = gradient.rowwise().mean();
    gradient.colwise() -= common;
  }
  return {theta, (now.gradient.norm() + rounding()) / static_cast<T>(l2)};
}

}  // namespace recant::test

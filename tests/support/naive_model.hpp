// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "recant/data/dataset.hpp"
#include "recant/model/linear_model.hpp"

/// The formulas as they stand on paper, in straight loops and extended precision: what the passes
/// over blocks are compared with. Of recant it uses types only. What the truth of a deletion needs
/// takes any real type T (wide_real.hpp).
namespace recant::test {

using Real = long double;
using Reals = std::vector<Real>;

/// phi, its gradient and its Hessian in the scores of one row.
template <class T>
struct NaiveLossIn {
  T value = 0;
  std::vector<T> slope;
  std::vector<std::vector<T>> curvature;
};
using NaiveLoss = NaiveLossIn<Real>;

template <class T>
NaiveLossIn<T> naive_loss(LossKind kind, const std::vector<T>& t, double y) {
  using std::exp, std::log1p;
  const std::size_t outputs = t.size();
  NaiveLossIn<T> loss{0, std::vector<T>(outputs),
                      std::vector<std::vector<T>>(outputs, std::vector<T>(outputs))};
  switch (kind) {
    case LossKind::kLogistic: {
      const T side = y == 1 ? 1 : -1;
      const T wrong = -side * t[0];
      loss.value = wrong > 0 ? T(wrong + log1p(exp(-wrong))) : T(log1p(exp(wrong)));
      loss.slope[0] = -side / (1 + exp(side * t[0]));
      loss.curvature[0][0] = 1 / ((1 + exp(t[0])) * (1 + exp(-t[0])));
      break;
    }
    case LossKind::kSquared:
      loss.value = (t[0] - y) * (t[0] - y) / 2;
      loss.slope[0] = t[0] - y;
      loss.curvature[0][0] = 1;
      break;
    case LossKind::kSoftmax: {
      const auto right = static_cast<std::size_t>(y);
      // Beside the largest score, so that nothing overflows and 1 - p is a sum of small terms.
      const std::size_t top = std::max_element(t.begin(), t.end()) - t.begin();
      std::vector<T> p(outputs);
      T rest = 0;  // of all but the largest
      for (std::size_t l = 0; l < outputs; ++l) {
        if (l != top) rest += exp(t[l] - t[top]);
      }
      loss.value = t[top] - t[right] + log1p(rest);
      for (std::size_t k = 0; k < outputs; ++k) {
        T others = 0;
        for (std::size_t l = 0; l < outputs; ++l) {
          if (l != k) others += exp(t[l] - t[top]);
        }
        p[k] = exp(t[k] - t[top]) / (1 + rest);
        loss.slope[k] = k == right ? T(-others / (1 + rest)) : p[k];
        loss.curvature[k][k] = p[k] * others / (1 + rest);
      }
      for (std::size_t k = 0; k < outputs; ++k) {
        for (std::size_t l = 0; l < outputs; ++l) {
          if (k != l) loss.curvature[k][l] = -p[k] * p[l];
        }
      }
      break;
    }
  }
  return loss;
}

/// The features of a row, the intercept's 1 last.
template <class T = Real>
std::vector<T> naive_row(const FeatureMatrix& features, Index i, bool intercept) {
  std::vector<T> x;
  for (Index j = 0; j < features.columns(); ++j) x.push_back(features.row(i)(0, j));
  if (intercept) x.push_back(1);
  return x;
}

/// The scores of features x; theta is class after class.
inline Reals naive_scores(const Reals& x, const Vector& theta) {
  const std::size_t p = x.size(), outputs = static_cast<std::size_t>(theta.size()) / p;
  Reals t(outputs);
  for (std::size_t k = 0; k < outputs; ++k) {
    for (std::size_t j = 0; j < p; ++j) t[k] += x[j] * theta(static_cast<Index>(k * p + j));
  }
  return t;
}

/// F and its derivatives at theta.
struct NaiveObjective {
  Real value = 0, data_loss = 0, gross = 0;
  Vector gradient;
  Matrix hessian;
};

inline NaiveObjective naive_objective(const Dataset& data, const Loss& loss, bool intercept,
                                      double l2, const Vector& theta, const Vector& weights) {
  const auto size = static_cast<std::size_t>(theta.size());
  const auto p = static_cast<std::size_t>(data.features.columns() + (intercept ? 1 : 0));
  const std::size_t outputs = size / p;
  NaiveObjective sum;
  Reals gradient(size);
  std::vector<Reals> hessian(size, Reals(size));
  for (Index i = 0; i < data.rows(); ++i) {
    const Reals x = naive_row(data.features, i, intercept);
    const NaiveLoss row = naive_loss(loss.kind(), naive_scores(x, theta), data.targets(i));
    const Real w = weights(i);
    sum.data_loss += w * row.value;
    Real length2 = 0, slope2 = 0;
    for (const Real value : x) length2 += value * value;
    for (const Real value : row.slope) slope2 += value * value;
    sum.gross += fabsl(w) * sqrtl(slope2) * sqrtl(length2);
    for (std::size_t k = 0; k < outputs; ++k) {
      for (std::size_t j = 0; j < p; ++j) {
        gradient[k * p + j] += w * row.slope[k] * x[j];
        for (std::size_t l = 0; l < outputs; ++l) {
          for (std::size_t m = 0; m < p; ++m) {
            hessian[k * p + j][l * p + m] += w * row.curvature[k][l] * x[j] * x[m];
          }
        }
      }
    }
  }
  sum.gradient.resize(theta.size());
  sum.hessian.resize(theta.size(), theta.size());
  sum.value = sum.data_loss;
  for (std::size_t a = 0; a < size; ++a) {
    const auto i = static_cast<Index>(a);
    sum.value += static_cast<Real>(l2) / 2 * theta(i) * theta(i);
    sum.gradient(i) = static_cast<double>(gradient[a] + static_cast<Real>(l2) * theta(i));
    for (std::size_t b = 0; b < size; ++b) {
      const Real entry = hessian[a][b] + (a == b ? static_cast<Real>(l2) : 0);
      sum.hessian(i, static_cast<Index>(b)) = static_cast<double>(entry);
    }
  }
  return sum;
}

/// The gradient of the loss of one row, without penalty.
inline Vector naive_row_gradient(const Dataset& data, const Loss& loss, bool intercept, Index i,
                                 const Vector& theta) {
  const Reals x = naive_row(data.features, i, intercept);
  const NaiveLoss row = naive_loss(loss.kind(), naive_scores(x, theta), data.targets(i));
  Vector gradient(theta.size());
  for (std::size_t k = 0; k < row.slope.size(); ++k) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      gradient(static_cast<Index>(k * x.size() + j)) = static_cast<double>(row.slope[k] * x[j]);
    }
  }
  return gradient;
}

}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "problems.hpp"
#include "recant/valuation/knn_shapley.hpp"

/// Small valuation problems and slow, plain answers to them.
namespace recant::test {

/// Rows of features and targets; features on a coarse grid are full of ties.
inline Dataset knn_rows(Random& random, Index n, Index d, Index classes, bool grid) {
  Dataset data;
  RowMatrix x(n, d);
  data.targets.resize(n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) {
      x(i, j) = grid ? static_cast<double>(random.below(3)) : 3 + 2 * random.normal();
    }
    data.targets(i) = classes > 0 ? static_cast<double>(i < classes ? i : random.below(classes))
                                  : 5 + 2 * random.normal();
  }
  data.features = FeatureMatrix(std::move(x));
  data.weights = Vector::Ones(n);
  return data;
}

/// All rows by distance and then by number, in long double.
inline std::vector<Index> naive_order(const Dataset& training, const Dataset& validation, Index v) {
  std::vector<std::pair<long double, Index>> rows;
  for (Index i = 0; i < training.rows(); ++i) {
    if (training.weights(i) == 0) continue;
    long double sum = 0;
    for (Index j = 0; j < training.features.columns(); ++j) {
      const long double difference = static_cast<long double>(training.features.row(i)(0, j)) -
                                     validation.features.row(v)(0, j);
      sum += difference * difference;
    }
    rows.emplace_back(sum, i);
  }
  std::sort(rows.begin(), rows.end());
  std::vector<Index> order;
  for (const auto& [distance, row] : rows) order.push_back(row);
  return order;
}

/// v(S) of one validation row, S the rows of `order` with their bit (by row) in the mask.
inline double naive_utility(const Dataset& training, double wanted, const std::vector<Index>& order,
                            unsigned mask, int k, bool vote, double baseline) {
  double sum = 0;
  int found = 0;
  for (const Index row : order) {
    if ((mask >> row & 1) == 0 || found == k) continue;
    sum += vote ? (training.targets(row) == wanted ? 1.0 : 0.0) : training.targets(row);
    ++found;
  }
  if (vote) return sum / k;
  const double off = (sum + (k - found) * baseline) / k - wanted;
  return -off * off;
}

/// Shapley values of a game of n players given by its utility of every subset.
inline Vector enumerate_shapley(Index n, const std::function<double(unsigned)>& utility) {
  std::vector<double> v(std::size_t{1} << n), weight(static_cast<std::size_t>(n));
  for (unsigned mask = 0; mask < v.size(); ++mask) v[mask] = utility(mask);
  for (Index s = 0; s < n; ++s) {  // s! (n-1-s)! / n!
    weight[static_cast<std::size_t>(s)] =
        std::exp(std::lgamma(static_cast<double>(s) + 1) + std::lgamma(static_cast<double>(n - s)) -
                 std::lgamma(static_cast<double>(n) + 1));
  }
  Vector values = Vector::Zero(n);
  for (Index i = 0; i < n; ++i) {
    for (unsigned mask = 0; mask < v.size(); ++mask) {
      if ((mask >> i & 1) != 0) continue;
      values(i) +=
          weight[static_cast<std::size_t>(std::popcount(mask))] * (v[mask | 1U << i] - v[mask]);
    }
  }
  return values;
}

inline double mean_target(const Dataset& training) {
  double sum = 0, count = 0;
  for (Index i = 0; i < training.rows(); ++i) {
    if (training.weights(i) == 0) continue;
    sum += training.targets(i);
    ++count;
  }
  return sum / count;
}

/// KNN-Shapley by enumerating every subset.
inline Vector enumerate_knn(const Dataset& training, const Dataset& validation, int k, bool vote,
                            double baseline = 0) {
  Vector values = Vector::Zero(training.rows());
  for (Index v = 0; v < validation.rows(); ++v) {
    const auto order = naive_order(training, validation, v);
    values += enumerate_shapley(training.rows(), [&](unsigned mask) {
      return naive_utility(training, validation.targets(v), order, mask, k, vote, baseline);
    });
  }
  return values / static_cast<double>(validation.rows());
}

}  // namespace recant::test

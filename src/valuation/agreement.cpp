// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Ranks from 1; equal values share the mean of the ranks they take up.
Vector ranks(ConstVectorRef values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values(a) < values(b); });
  Vector rank(values.size());
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() && values(order[end]) == values(order[first])) ++end;
    const double mean = static_cast<double>(first + 1 + end) / 2;
    for (std::size_t i = first; i < end; ++i) rank(order[i]) = mean;
  }
  return rank;
}

bool constant(ConstVectorRef values) {
  return values.minCoeff() == values.maxCoeff();
}

/// Deviations from the mean, scaled to a largest of 1 so that no square underflows; the scale.
std::pair<Vector, double> deviations(ConstVectorRef values) {
  Vector d = values.array() - values.mean();
  const double scale = d.cwiseAbs().maxCoeff();
  return {d / scale, scale};
}

double correlation(ConstVectorRef a, ConstVectorRef b) {
  const Vector x = deviations(a).first, y = deviations(b).first;
  return std::clamp(x.dot(y) / (x.norm() * y.norm()), -1.0, 1.0);
}

}  // namespace

Agreement agreement(ConstVectorRef predicted, ConstVectorRef actual) {
  check_at_least("predicted changes", predicted.size(), 1);
  check_size("actual changes", actual.size(), predicted.size());
  if (!predicted.allFinite()) throw UsageError("must be finite", "predicted changes");
  if (!actual.allFinite()) throw UsageError("must be finite", "actual changes");
  Agreement found{.count = predicted.size()};
  found.largest_error = (predicted - actual).cwiseAbs().maxCoeff(&found.worst);
  if (constant(actual)) return found;
  const auto [x, x_scale] = deviations(actual);
  if (constant(predicted)) {
    found.slope = 0;
    return found;
  }
  const auto [y, y_scale] = deviations(predicted);
  found.slope = y_scale / x_scale * (x.dot(y) / x.squaredNorm());
  found.pearson = correlation(predicted, actual);
  found.spearman = correlation(ranks(predicted), ranks(actual));
  return found;
}

}  // namespace recant

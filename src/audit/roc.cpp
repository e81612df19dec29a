// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/roc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "recant/audit/rate.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

// docs/mathematics.md section 6.2.
namespace recant {
namespace {

void check(ConstVectorRef members, ConstVectorRef others) {
  check_at_least("number of members", members.size(), 1);
  check_at_least("number of others", others.size(), 1);
  if (members.hasNaN() || others.hasNaN()) throw UsageError("scores must not be NaN");
}

/// Twice the mean rank of each value, from 1; equal values share theirs.
std::vector<Index> doubled_ranks(const Vector& values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size())), ranks(order.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values[a] < values[b]; });
  for (auto first = order.begin(); first != order.end();) {
    const auto last =
        std::find_if(first, order.end(), [&](Index i) { return values[i] > values[*first]; });
    const Index doubled = (first - order.begin()) + 1 + (last - order.begin());
    for (; first != last; ++first) ranks[static_cast<std::size_t>(*first)] = doubled;
  }
  return ranks;
}

/// For each row the share of the other side that it is above, ties half: their means are the AUC.
struct Placements {
  Vector members;  ///< share of others below
  Vector others;   ///< share of members above
};

Placements placements(ConstVectorRef members, ConstVectorRef others) {
  check(members, others);
  const Index m = members.size(), n = others.size();
  Vector both(m + n);
  both << members, others;
  const auto all = doubled_ranks(both), own = doubled_ranks(members), rest = doubled_ranks(others);
  Placements out{Vector(m), Vector(n)};
  for (Index i = 0; i < m; ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.members[i] = static_cast<double>(all[k] - own[k]) / (2 * static_cast<double>(n));
  }
  for (Index j = 0; j < n; ++j) {
    const auto k = static_cast<std::size_t>(j);
    const Index below = all[k + static_cast<std::size_t>(m)] - rest[k];
    out.others[j] = 1 - static_cast<double>(below) / (2 * static_cast<double>(m));
  }
  return out;
}

/// Of the mean of independent values.
double variance_of_mean(const Vector& values) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) return 0;
  return (values.array() - values.mean()).square().sum() / (n * (n - 1));
}

double normal_width(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw UsageError(fmt::format("confidence must be between 0 and 1, but is {}", confidence));
  }
  return normal_quantile(1 - (1 - confidence) / 2);
}

}  // namespace

std::vector<RocPoint> roc_curve(ConstVectorRef members, ConstVectorRef others) {
  check(members, others);
  std::vector<double> in(members.begin(), members.end()), out(others.begin(), others.end());
  std::sort(in.begin(), in.end(), std::greater<>());
  std::sort(out.begin(), out.end(), std::greater<>());
  std::vector<RocPoint> curve;
  std::size_t i = 0, j = 0;
  // The threshold of a point is the highest score that is not called a member.
  const auto add = [&] {
    double next = -std::numeric_limits<double>::infinity();
    if (i < in.size()) next = in[i];
    if (j < out.size()) next = std::max(next, out[j]);
    curve.push_back({next, static_cast<Index>(i), static_cast<Index>(j)});
  };
  add();
  while (i < in.size() || j < out.size()) {
    const double score = curve.back().threshold;
    while (i < in.size() && in[i] >= score) ++i;
    while (j < out.size() && out[j] >= score) ++j;
    add();
  }
  return curve;
}

Auc auc(ConstVectorRef members, ConstVectorRef others, double confidence) {
  const double width = normal_width(confidence);
  const Placements placed = placements(members, others);
  Auc out{.value = placed.members.mean()};
  out.standard_error =
      std::sqrt(variance_of_mean(placed.members) + variance_of_mean(placed.others));
  const Index pairs = std::min(members.size(), others.size());
  const bool apart = placed.members.minCoeff() == 1 || placed.members.maxCoeff() == 0;
  if (apart || out.standard_error == 0) {
    const Rate exact = rate(out.value >= 0.5 ? pairs : 0, pairs, confidence);
    out.low = std::min(exact.low, out.value);
    out.high = std::max(exact.high, out.value);
    return out;
  }
  const double spread = out.value * (1 - out.value), logit = std::log(out.value / (1 - out.value));
  const double reach = width * out.standard_error / spread;
  out.low = 1 / (1 + std::exp(reach - logit));
  out.high = 1 / (1 + std::exp(-reach - logit));
  return out;
}

AucDifference auc_difference(ConstVectorRef first_members, ConstVectorRef first_others,
                             ConstVectorRef second_members, ConstVectorRef second_others,
                             double confidence) {
  check_size("second members", second_members.size(), first_members.size());
  check_size("second others", second_others.size(), first_others.size());
  const double width = normal_width(confidence);
  const Placements first = placements(first_members, first_others);
  const Placements second = placements(second_members, second_others);
  const Vector members = second.members - first.members, others = second.others - first.others;
  AucDifference out{.value = members.mean()};
  out.standard_error = std::sqrt(variance_of_mean(members) + variance_of_mean(others));
  out.low = out.value - width * out.standard_error;
  out.high = out.value + width * out.standard_error;
  return out;
}

}  // namespace recant

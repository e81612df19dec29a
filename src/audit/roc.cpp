// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/roc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "recant/audit/rate.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "score_order.hpp"

// docs/mathematics.md section 6.2.
namespace recant {
namespace {

void check(ConstVectorRef members, ConstVectorRef others) {
  check_at_least("number of members", members.size(), 1);
  check_at_least("number of others", others.size(), 1);
  if (members.hasNaN() || others.hasNaN()) throw UsageError("scores must not be NaN");
}

/// For each row the share of the other side that it is above, ties half: their means are the AUC.
struct Placements {
  Vector members;  ///< share of others below
  Vector others;   ///< share of members above
};

Placements placements(ConstVectorRef members, ConstVectorRef others) {
  check(members, others);
  const Index m = members.size(), n = others.size();
  const AscendingRows order(members, others);
  const auto member_pairs = 2 * static_cast<double>(m), other_pairs = 2 * static_cast<double>(n);
  Placements out{Vector(m), Vector(n)};
  Index members_below = 0;
  for (Index first = 0, end = 0; first < order.size(); first = end) {
    end = order.tie_end(first);
    Index tied = 0;
    for (Index i = first; i < end; ++i) tied += order.row(i) < m;
    // Twice the mean number below, as ties count half.
    const Index below_members = 2 * members_below + tied;
    const double of_others = static_cast<double>(first + end - below_members) / other_pairs;
    const double of_members = 1 - static_cast<double>(below_members) / member_pairs;
    for (Index i = first; i < end; ++i) {
      const Index row = order.row(i);
      double* const place = row < m ? &out.members[row] : &out.others[row - m];
      *place = row < m ? of_others : of_members;  // no branch: the sides come in no order
    }
    members_below += tied;
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
  sort_descending(in);
  sort_descending(out);
  std::vector<RocPoint> curve;
  curve.reserve(in.size() + out.size() + 1);  // as many as there can be
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

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

/// Of the mean of independent values, with `added` squares beside theirs.
double variance_of_mean(const Vector& values, double added = 0) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) return 0;
  return ((values.array() - values.mean()).square().sum() + added) / (n * (n - 1));
}

/// All the same, but for rounding: placements differ by 1 / (2 rows) or not at all.
bool constant(const Vector& values) {
  return values.maxCoeff() - values.minCoeff() < 1e-12;
}

struct Ends {
  double low = 0, high = 1;
};

/// x log(x / y), 0 at x = 0.
double entropy(double x, double y) {
  return x > 0 ? x * std::log(x / y) : 0;
}

/// [Hoeffding1963]: a mean of independent pairs in [0, 1] is off so far with probability
/// exp(-pairs * KL) at most on either side; averages over all ways to pair off, too.
Ends by_pairs(double value, Index pairs, double confidence) {
  const double most = std::log(2 / (1 - confidence)) / static_cast<double>(pairs);
  const auto end = [&](double beyond) {
    double outside = beyond, inside = value;
    for (int i = 0; i < 64; ++i) {
      const double middle = outside + (inside - outside) / 2;
      const double kl = entropy(value, middle) + entropy(1 - value, 1 - middle);
      (kl > most ? outside : inside) = middle;
    }
    return outside;
  };
  return {end(0), end(1)};
}

/// Of a sum of two variances, by m and n values ([Welch1947]).
double student_width(double members, Index m, double others, Index n, double confidence) {
  const double all = members + others, x = members / all, y = others / all;
  const double degrees =
      1 / (x * x / static_cast<double>(m - 1) + y * y / static_cast<double>(n - 1));
  return student_quantile(1 - (1 - confidence) / 2, degrees) * std::sqrt(all);
}

void check_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1)) {
    throw UsageError(fmt::format("confidence must be between 0 and 1, but is {}", confidence));
  }
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

std::string_view name(AucInterval interval) noexcept {
  return interval == AucInterval::kDeLong ? "delong" : "pairs";
}

Auc auc(ConstVectorRef members, ConstVectorRef others, double confidence) {
  check_confidence(confidence);
  const Placements placed = placements(members, others);
  const Index m = members.size(), n = others.size();
  Auc out{.value = placed.members.mean()};
  out.standard_error =
      std::sqrt(variance_of_mean(placed.members) + variance_of_mean(placed.others));
  const Ends pairs = by_pairs(out.value, std::min(m, n), confidence);
  out.low = pairs.low;
  out.high = pairs.high;
  if (std::min(m, n) < kFewestRows) return out;
  if (constant(placed.members) && constant(placed.others)) return out;
  const double spread = out.value * (1 - out.value), logit = std::log(out.value / (1 - out.value));
  const double added = (out.value - 0.5) * (out.value - 0.5);
  const double reach = student_width(variance_of_mean(placed.members, added), m,
                                     variance_of_mean(placed.others, added), n, confidence) /
                       spread;
  out.low = std::max(out.low, 1 / (1 + std::exp(reach - logit)));
  out.high = std::min(out.high, 1 / (1 + std::exp(-reach - logit)));
  out.interval = AucInterval::kDeLong;
  return out;
}

AucDifference auc_difference(ConstVectorRef first_members, ConstVectorRef first_others,
                             ConstVectorRef second_members, ConstVectorRef second_others,
                             double confidence) {
  const Index m = first_members.size(), n = first_others.size(), pairs = std::min(m, n);
  check_size("second members", second_members.size(), m);
  check_size("second others", second_others.size(), n);
  check_confidence(confidence);
  const Placements first = placements(first_members, first_others);
  const Placements second = placements(second_members, second_others);
  const Vector members = second.members - first.members, others = second.others - first.others;
  AucDifference out{.value = members.mean()};
  const double of_members = variance_of_mean(members), of_others = variance_of_mean(others);
  out.standard_error = std::sqrt(of_members + of_others);
  if (members.isZero(0) && others.isZero(0)) {
    out.high = rate(0, pairs, confidence).high;
    out.low = -out.high;
    return out;
  }
  const Ends ends = by_pairs((1 + out.value) / 2, pairs, confidence);
  out.low = 2 * ends.low - 1;
  out.high = 2 * ends.high - 1;
  if (pairs < kFewestRows || (constant(members) && constant(others))) return out;
  const double reach = student_width(of_members, m, of_others, n, confidence);
  out.low = std::max(out.low, out.value - reach);
  out.high = std::min(out.high, out.value + reach);
  out.interval = AucInterval::kDeLong;
  return out;
}

}  // namespace recant

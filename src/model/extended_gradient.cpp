// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/model/minimum_distance.hpp"

// docs/mathematics.md section 6: the gradient in long double, and what even that may lose.
namespace recant {
namespace {

using Wide = long double;
using WideVector = Eigen::Matrix<Wide, Eigen::Dynamic, 1>;

constexpr Wide kWideUnit = std::numeric_limits<Wide>::epsilon() / 2;
constexpr Index kGroups = 64;

Wide wide_gamma(Index k) {
  const Wide lost = static_cast<Wide>(k) * kWideUnit;
  return lost / (1 - lost);
}

/// |v|, never less, also where a long double is a double.
Wide norm_of(const WideVector& v) {
  return v.norm() * (1 + wide_gamma(v.size() + 4)) + vanished_norm(v.size());
}

/// t_c of one row; the intercept's coefficient is the last of each class.
void scores_of(const Objective& objective, Index row, const WideVector& theta, WideVector& scores) {
  const Index d = objective.features().columns(), p = objective.width();
  const double* x = objective.features().row(row).data();
  for (Index c = 0; c < scores.size(); ++c) {
    const Wide* coefficients = theta.data() + c * p;
    Wide sum = objective.intercept() ? coefficients[d] : 0;
    for (Index j = 0; j < d; ++j) sum += x[j] * coefficients[j];
    scores(c) = sum;
  }
}

/// d phi / d t in place of t, never as p - y: each is off by little of itself.
void derive(LossKind kind, double y, WideVector& t) {
  if (kind == LossKind::kSquared) {
    t(0) -= y;
  } else if (kind == LossKind::kLogistic) {
    t(0) = y > 0 ? -1 / (1 + std::exp(t(0))) : 1 / (1 + std::exp(-t(0)));
  } else {
    const auto own = static_cast<Index>(y);
    t = (t.array() - t.maxCoeff()).exp();
    const Wide sum = t.sum();
    t(own) = 0;
    t(own) = -t.sum();
    t /= sum;
  }
}

/// Units that each derivative is off by, of itself. Softmax: t - max is off by one unit of itself,
/// and below -12,000, where exp() is 0, it is nothing.
Wide units_of_derivative(const Loss& loss) {
  return loss.kind() == LossKind::kSoftmax ? 12'100 + 4 * static_cast<Wide>(loss.outputs()) : 16;
}

struct Sums {
  WideVector gradient;
  Wide gross = 0, squares = 0;  ///< sum |w| |phi'| |x| and sum |w| |x|^2
};

Sums sums_over_rows(const Objective& objective, const WideVector& theta, ConstVectorRef weights) {
  const Index d = objective.features().columns(), p = objective.width();
  const Sums zero{WideVector::Zero(theta.size())};
  const auto add_block = [&](Sums& into, RowBlock block) {
    Sums sums = zero;
    WideVector slopes(objective.loss().outputs());
    for (Index i = block.begin; i < block.end; ++i) {
      const Wide weight = weights(i);
      if (weight == 0) continue;
      scores_of(objective, i, theta, slopes);
      derive(objective.loss().kind(), objective.targets()(i), slopes);
      const Wide norm = objective.row_norms()(i), size = std::abs(weight) * norm;
      sums.gross += size * norm_of(slopes);
      sums.squares += size * norm;
      const double* x = objective.features().row(i).data();
      for (Index c = 0; c < slopes.size(); ++c) {
        const Wide factor = weight * slopes(c);
        Wide* gradient = sums.gradient.data() + c * p;
        for (Index j = 0; j < d; ++j) gradient[j] += factor * x[j];
        if (objective.intercept()) gradient[d] += factor;
      }
    }
    into.gradient += sums.gradient;
    into.gross += sums.gross;
    into.squares += sums.squares;
  };
  return reduce_rows(objective.rows(), kGroups, zero, add_block, [](Sums& into, const Sums& from) {
    into.gradient += from.gradient;
    into.gross += from.gross;
    into.squares += from.squares;
  });
}

}  // namespace

double close_minimum_distance(const Objective& objective, ConstVectorRef theta,
                              ConstVectorRef weights) {
  check_size("theta", theta.size(), objective.parameters());
  check_size("row weights", weights.size(), objective.rows());
  check_distances_hold(objective, weights);
  const Loss& loss = objective.loss();
  const WideVector at = theta.cast<Wide>();
  Sums sums = sums_over_rows(objective, at, weights);
  const Wide l2 = objective.l2(), length = norm_of(at);
  Wide linear = 0;
  if (objective.linear_term().size() > 0) {
    const WideVector b = objective.linear_term().cast<Wide>();
    sums.gradient += b;
    linear = norm_of(b);
  }
  sums.gradient += l2 * at;
  const Wide norm = norm_of(sums.gradient);
  // Rows of a block stand behind one another, then blocks of a group, then groups.
  const Index depth = kBlockRows + block_count(objective.rows()) / kGroups + 1 + 8;
  const Wide of_sums =
      (wide_gamma(depth + loss.outputs() + 8) + units_of_derivative(loss) * kWideUnit) *
          sums.gross +
      4 * kWideUnit * (l2 * length + linear + norm);
  const Wide of_scores = wide_gamma(objective.width() + loss.outputs() + 6) * length *
                         loss.largest_curvature() * loss.spread_factor() * sums.squares;
  // Norms of rows are doubles, and the sums of sizes are rounded themselves.
  const Wide most = norm + Wide(1.02) * (of_sums + of_scores);
  return static_cast<double>(most / l2) * (1 + 8 * kUnit) + kVanishedDistance;
}

}  // namespace recant

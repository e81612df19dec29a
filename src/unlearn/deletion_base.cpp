// SPDX-License-Identifier: Apache-2.0
#include "deletion_base.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/packed_factor.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/model/minimum_distance.hpp"
#include "third_derivative.hpp"

namespace recant {
namespace {

/// So many rows that walking them costs about what a solve does, up to what a second-level cache
/// holds.
Index kept_rows(Index rows, Index width) {
  const Index cached = (Index{1} << 18) / width;
  return std::min(rows, std::max<Index>(64, std::min(12 * width, cached)));
}

/// The rows of largest size; those without weight have none.
ExtremeRows extreme_rows(const Objective& objective, const Vector& sizes, ConstVectorRef weights) {
  std::vector<Index> order;
  for (Index i = 0; i < sizes.size(); ++i) {
    if (weights(i) > 0) order.push_back(i);
  }
  const auto larger = [&](Index a, Index b) {
    return sizes(a) != sizes(b) ? sizes(a) > sizes(b) : a < b;
  };
  const auto count =
      static_cast<std::size_t>(kept_rows(static_cast<Index>(order.size()), objective.width()));
  ExtremeRows extreme;
  if (count < order.size()) {
    const auto first_out = order.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(order.begin(), first_out, order.end(), larger);
    extreme.next = sizes(order[count]);
    order.resize(count);
  }
  std::sort(order.begin(), order.end(), larger);
  const Index columns = objective.features().columns();
  Vector row = Vector::Ones(objective.width());
  extreme.values = UnitRows(static_cast<Index>(order.size()), row.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    row.head(columns) = objective.features().row(order[i]).transpose();
    extreme.values.set(static_cast<Index>(i), row);
    extreme.sizes.push_back(sizes(order[i]));
  }
  extreme.rows = std::move(order);
  return extreme;
}

/// Cuts the eigenvalues of H in two where it pays most: above are those of the space V that the
/// rows span, below it the data have next to no curvature. V is spanned by eigenvectors of the
/// stored H exactly, and none of them is needed. Rounding of H adds `sums` and multiplies the
/// data's curvature, in every direction alike, by `grown`.
void find_span(const Eigenvalues& all, double l2, double sums, double grown, DeletionBase& base) {
  double best = 1 / std::sqrt(base.least_eigenvalue);
  for (Index k = 1; k < all.values.size(); ++k) {
    const double inside = all.values(k) - all.error;
    const double outside = grown * (std::max(all.values(k - 1) + all.error - l2, 0.0) + sums);
    // What a length costs per unit of the norm of H: a few times the root of the curvature outside.
    const double cost = 1 / std::sqrt(inside) + 4 * std::sqrt(outside) / l2;
    if (!(cost < best)) continue;
    best = cost;
    base.span_eigenvalue = inside;
    base.off_span_curvature = outside;
  }
}

/// The largest leverages, where they say more than norms do.
ExtremeRows rows_by_leverage(const Objective& objective, const DeletionBase& base,
                             ConstVectorRef weights) {
  const Loss& loss = objective.loss();
  if (loss.outputs() > 1 || loss.self_concordance() == 0) return {};
  const PackedFactor packed(base.factor);
  Vector leverages(objective.rows());
  for_each_block(objective.rows(), [&](RowBlock block) {
    leverages.segment(block.begin, block.size()) =
        packed.inverse_norms(objective.features().block(block), objective.intercept());
  });
  leverages *= std::sqrt(1 + base.factor_error) * (1 + gamma(base.factor.size() + 8));
  leverages.array() += vanished_norm(base.factor.size());
  return extreme_rows(objective, leverages, weights);
}

}  // namespace

void ExtremeRows::forget(std::span<const Index> gone) {
  for (const Index row : gone) {
    const auto found = std::find(rows.begin(), rows.end(), row);
    if (found == rows.end()) continue;
    const auto i = found - rows.begin();
    *found = kForgotten;
    sizes[static_cast<std::size_t>(i)] = 0;
    values.clear(i);
  }
}

std::uint64_t weight_mark(Index row, double weight) noexcept {
  Fingerprint mark;
  mark.add(row);
  mark.add(weight);
  return mark.value();
}

double score_rounding(const Objective& objective, ConstVectorRef theta, double largest_norm) {
  const Loss& loss = objective.loss();
  if (loss.self_concordance() == 0) return 0;
  const double change = loss.self_concordance() * loss.spread_factor() *
                        gamma(objective.width() + loss.outputs() + 6) * largest_norm *
                        norm_above(theta);
  return change <= 0.01 ? 2 * change : std::numeric_limits<double>::infinity();
}

NewDeletionBase build_deletion_base(const Objective& objective, ConstVectorRef theta,
                                    ConstVectorRef weights, const DeletionOptions& options) {
  check_size("theta", theta.size(), objective.parameters());
  check_size("row weights", weights.size(), objective.rows());
  if (!theta.allFinite()) throw UsageError("theta must be finite", "deletion");
  if (!weights.allFinite() || !(weights.minCoeff() >= 0) || !(weights.maxCoeff() > 0)) {
    throw UsageError("row weights must be finite and >= 0, and some > 0", "deletion");
  }
  check_distances_hold(objective, weights);
  const Loss& loss = objective.loss();
  if (loss.outputs() > 1 && objective.linear_term().size() > 0) {
    // The optimum is -b/l2 where contrasts see nothing, and no bound counts that.
    throw UsageError("deletions of a softmax model bound none with a linear term", "deletion",
                     "delete with the objective without it");
  }
  const Contrast contrast(loss, objective.width());
  const Index size = contrast.size(), p = objective.width();
  const Matrix full = objective.hessian(theta, weights);
  Matrix hessian = contrast.reduce_hessian(full);
  auto factor = Cholesky::factor(hessian);
  if (!factor) {
    throw DataError("the Hessian is not positive definite in double precision", "deletion",
                    "raise l2 or scale the features");
  }
  const Eigenvalues all = eigenvalues(hessian);
  DeletionBase base{
      .theta = theta, .gradient = {}, .hessian = std::move(hessian), .factor = *std::move(factor)};
  const Vector& norms = objective.row_norms();
  ExtremeRows by_norm = extreme_rows(objective, norms * (1 + gamma(p + 4)), weights);
  const double largest_norm = base.largest_norm = by_norm.sizes.front();
  base.squared_norms = 1.02 * weights.cwiseProduct(norms).dot(norms);  // not squares: some vanish
  base.frobenius = 1.02 * base.hessian.norm();
  const double trace = base.hessian.trace();
  base.data_trace =
      std::max(trace - objective.l2() * static_cast<double>(size), 0.0) + gamma(size + 4) * trace;

  // For softmax the sizes of the entries of phi'' add up to at most twice its trace.
  const double entries = loss.outputs() > 1 ? 2 : 1;
  const double curvatures = score_rounding(objective, theta, largest_norm);
  const double sums = 1.02 * entries * gamma(objective.hessian_depth() + p + 16) * base.data_trace +
                      4 * kUnit * base.hessian.diagonal().maxCoeff() +
                      2 * contrast.rounding() * 1.02 * full.norm();
  base.hessian_rounding = sums + 1.02 * entries * curvatures * base.data_trace;
  base.largest_eigenvalue = all.upper();
  base.least_eigenvalue = std::max(all.lower(), objective.l2() - base.hessian_rounding);
  find_span(all, objective.l2(), sums, 1 + 1.02 * curvatures, base);
  base.factor_error = base.least_eigenvalue > 0
                          ? 4 * static_cast<double>(size) * gamma(size + 1) *
                                base.largest_eigenvalue / base.least_eigenvalue
                          : std::numeric_limits<double>::infinity();

  const auto at_base = objective.residual(theta, weights, Vector::Zero(theta.size()));
  base.gradient = contrast.reduce(at_base.gradient);
  const double curvature_sum =
      std::min(1.02 * base.data_trace * (1 + score_rounding(objective, theta, largest_norm)),
               loss.largest_curvature() * loss.spread_factor() * base.squared_norms);
  base.gradient_rounding =
      gradient_rounding(objective, contrast, theta, at_base, curvature_sum).total();
  ExtremeRows by_leverage = rows_by_leverage(objective, base, weights);
  Vector third;
  if (options.third_derivative) {
    if (!loss.bounds_fourth_derivative()) {
      throw UsageError("the third derivative serves losses of one score", "third_derivative",
                       "leave it out for softmax");
    }
    third = third_derivative(objective, theta, weights);
  }
  return {contrast, std::move(base), std::move(by_leverage), std::move(by_norm), std::move(third)};
}

}  // namespace recant

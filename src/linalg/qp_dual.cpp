// SPDX-License-Identifier: Apache-2.0
#include "qp_dual.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace recant::qp {
namespace {

using Buffer = std::array<double, static_cast<std::size_t>(kBlockRows)>;

}  // namespace

struct Dual::Sums {
  std::vector<double> values;  // as the kernels want them
  simd::QpMeasured measured;

  Sums& operator+=(const Sums& from) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += from.values[i];
    measured += from.measured;
    return *this;
  }
};

Dual::Dual(const QpProblem& problem)
    : blocks_(problem),
      kappa_(problem.kappa),
      limits_(static_cast<Index>(problem.constraints.size())) {
  const Survey found = survey(problem, blocks_);
  ++passes_;
  least_ = found.least;
  greatest_ = found.greatest;
  largest_linear_ = found.largest_linear;
  linear_norm_ = found.linear_norm / (2 * kappa_);
  if (!std::isfinite(factor())) {
    linear_scale_ = 0x1p64;
    scaled_linear_ = problem.linear * linear_scale_;
    blocks_.set_linear(scaled_linear_.data());
  }
  const Index q = limits_.size();
  gram_ = Matrix(q, q);
  for (Index k = 0; k < q; ++k) {
    const QpConstraint& constraint = problem.constraints[static_cast<std::size_t>(k)];
    Row row{.largest = found.largest[k], .equality = constraint.relation == QpRelation::kEqual};
    const double inverse = 1 / found.norms[k];
    if (std::isfinite(inverse)) {
      row.scale = inverse;
    } else {
      row.largest = 0;  // nothing but zeros or denormal numbers
    }
    if (constraint.relation == QpRelation::kAtLeast) row.scale = -row.scale;
    constexpr double kFar = std::numeric_limits<double>::max() / 4;
    limits_[k] = std::clamp(row.scale * constraint.limit, -kFar, kFar);
    rows_.push_back(row);
    for (Index l = 0; l <= k; ++l) {
      gram_(k, l) = gram_(l, k) = found.products(k, l) * (row.scale * this->row(l).scale);
    }
  }
}

Vector Dual::weights(const Vector& nu) const {
  Vector out(nu.size());
  for (Index k = 0; k < nu.size(); ++k) out[k] = nu[k] * row(k).scale;
  return out;
}

/// The sums as those of the scaled rows.
DualPoint Dual::point(const Sums& sums) const {
  const Index q = constraints();
  DualPoint out{.activity = Vector(q),
                .free_gram = Matrix(q, q),
                .norm2_e = sums.values[static_cast<std::size_t>(q)]};
  const double* product = sums.values.data() + q + 1;
  for (Index k = 0; k < q; ++k) {
    out.activity[k] = sums.values[static_cast<std::size_t>(k)] * row(k).scale;
    for (Index l = 0; l <= k; ++l) {
      out.free_gram(k, l) = out.free_gram(l, k) = *product++ * (row(k).scale * row(l).scale);
    }
  }
  return out;
}

/// add(sums, block, first unknown, how many) for every block.
template <class Add>
Dual::Sums Dual::sum_over(Add&& add) const {
  ++passes_;
  const Sums zero{.values = std::vector<double>(simd::qp_sum_count(rows_.size())), .measured = {}};
  return reduce_rows(
      blocks_.n(), groups(blocks_.n()), zero,
      [&](Sums& into, RowBlock rows) {
        blocks_.for_each(rows, [&](const simd::QpBlock& block, Index first, Index count) {
          add(into, block, first, count);
        });
      },
      [](Sums& into, const Sums& from) { into += from; });
}

DualPoint Dual::evaluate(const Vector& nu) const {
  const Vector w = weights(nu);
  return point(sum_over([&](Sums& into, const simd::QpBlock& block, Index, Index) {
    simd::add_qp_sums(block, factor(), w.data(), into.values.data());
  }));
}

Vector Dual::free_activity(const Vector& nu) const {
  const Vector w = weights(nu);
  return point(sum_over([&](Sums& into, const simd::QpBlock& block, Index, Index) {
           Buffer e;
           simd::unclipped_qp(block, factor(), w.data(), e.data());
           for (std::size_t i = 0; i < block.count; ++i) {
             if (!(e[i] > block.lower[i] && e[i] < block.upper[i])) e[i] = 0;
           }
           simd::add_qp_sums_at(block, e.data(), into.values.data());
         }))
      .activity;
}

DualPoint Dual::shift(const Vector& nu, const Vector& step, Vector& e, Measured& measured) const {
  const Vector w = weights(nu), change = weights(step);
  const simd::QpShift shift{
      .factor = factor(), .weights = w.data(), .step = change.data(), .first = e.size() == 0};
  e.resize(blocks_.n());
  const Sums sums = sum_over([&](Sums& into, const simd::QpBlock& block, Index first, Index count) {
    double* values = e.data() + first;
    const auto size = static_cast<std::size_t>(count);
    if (size == block.count) {
      simd::shift_qp(block, shift, values, into.measured);
      simd::add_qp_sums_at(block, values, into.values.data());
      return;
    }
    Buffer filled_up;
    std::fill_n(std::copy_n(values, size, filled_up.begin()), block.count - size, 0.0);
    simd::shift_qp(block, shift, filled_up.data(), into.measured);
    simd::add_qp_sums_at(block, filled_up.data(), into.values.data());
    std::copy_n(filled_up.begin(), size, values);
    into.measured.at_lower -= block.count - size;
  });
  const simd::QpMeasured& found = sums.measured;
  measured = {.stationarity = found.stationarity,
              .objective = kappa_ * sums.values[rows_.size()] - found.linear_e / linear_scale_,
              .at_lower = static_cast<Index>(found.at_lower),
              .at_upper = static_cast<Index>(found.at_upper)};
  double scale = largest_linear_ / (2 * kappa_);
  for (Index k = 0; k < w.size(); ++k) scale += std::abs(w[k]) * row(k).largest;
  if (scale > 0) measured.stationarity /= scale;
  return point(sums);
}

Recession Dual::recession(const Vector& d) const {
  ++passes_;
  const Vector w = weights(d);
  const simd::QpRecession sums = reduce_rows(
      blocks_.n(), groups(blocks_.n()), simd::QpRecession{},
      [&](simd::QpRecession& into, RowBlock rows) {
        blocks_.for_each(rows, [&](const simd::QpBlock& block, Index, Index) {
          simd::add_qp_recession(block, w.data(), into);
        });
      },
      [](simd::QpRecession& into, const simd::QpRecession& from) { into += from; });
  Recession out{.value = sums.value, .scale = sums.scale};
  for (Index k = 0; k < d.size(); ++k) {
    out.value -= limits_[k] * d[k];
    out.scale += std::abs(limits_[k] * d[k]);
  }
  return out;
}

namespace {

/// At t an unknown with slope s becomes free (s2 = s^2) or stops being free (s2 = -s^2).
struct Breakpoint {
  double t, s2;
};

struct Breakpoints {
  std::vector<Breakpoint> inside;
  double curvature = 0;  // just after the lower end of the bracket
};

/// Follows the slope, linear between breakpoints, down to 0. It halves the breakpoints as long as
/// they are many, and sorts few.
double root(Breakpoints& points, std::pair<double, double> bracket, double slope) {
  constexpr std::ptrdiff_t kFew = 32;
  auto first = points.inside.begin(), last = points.inside.end();
  auto [t, end] = bracket;
  double curvature = points.curvature;
  const auto before = [](const Breakpoint& x, const Breakpoint& y) { return x.t < y.t; };
  while (last - first > kFew) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, before);
    double there = slope - curvature * (middle->t - t), curvature_there = curvature;
    for (auto point = first; point != middle; ++point) {
      there -= point->s2 * (middle->t - point->t);
      curvature_there += point->s2;
    }
    if (there <= 0) {
      last = middle;
      end = middle->t;
    } else {
      first = middle;
      t = middle->t;
      slope = there;
      curvature = std::max(curvature_there, 0.0);
    }
  }
  std::sort(first, last, before);
  for (auto point = first; point != last; ++point) {
    const double next = slope - curvature * (point->t - t);
    if (next <= 0) return t + slope / curvature;
    slope = next;
    t = point->t;
    curvature = std::max(curvature + point->s2, 0.0);
  }
  const double found = curvature > 0 ? t + slope / curvature : end;
  if (std::isfinite(found)) return std::min(found, end);
  return std::isfinite(end) ? end : t;
}

}  // namespace

double Dual::root_between_breakpoints(const Vector& nu, const Vector& d,
                                      std::pair<double, double> bracket, double slope) const {
  ++passes_;
  const Vector at = weights(nu), along = weights(d);
  const simd::QpWay way{.factor = factor(),
                        .weights = at.data(),
                        .along = along.data(),
                        .begin = bracket.first,
                        .end = bracket.second};
  Breakpoints points = reduce_rows(
      blocks_.n(), groups(blocks_.n()), Breakpoints{},
      [&](Breakpoints& into, RowBlock rows) {
        blocks_.for_each(rows, [&](const simd::QpBlock& block, Index, Index) {
          simd::QpBreakpoints found;
          simd::find_qp_breakpoints(block, way, found);
          for (std::size_t i = 0; i < found.enters; ++i) {
            into.inside.push_back({found.enter[i], found.enter_s2[i]});
          }
          for (std::size_t i = 0; i < found.leaves; ++i) {
            into.inside.push_back({found.leave[i], -found.leave_s2[i]});
          }
          into.curvature += found.curvature;
        });
      },
      [](Breakpoints& into, const Breakpoints& from) {
        into.inside.insert(into.inside.end(), from.inside.begin(), from.inside.end());
        into.curvature += from.curvature;
      });
  return root(points, bracket, slope);
}

Vector Dual::unscale(const Vector& d) const {
  return weights(d).cwiseProduct(
      Vector::NullaryExpr(d.size(), [this](Index k) { return row(k).scale < 0 ? -1.0 : 1.0; }));
}

Vector Dual::multipliers(const Vector& nu) const {
  return 2 * kappa_ * unscale(nu);
}

Vector Dual::unscaled_activity(const Vector& activity) const {
  Vector out(activity.size());
  for (Index k = 0; k < activity.size(); ++k) out[k] = activity[k] / row(k).scale;
  return out;
}

}  // namespace recant::qp

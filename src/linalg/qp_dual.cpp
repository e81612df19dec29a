// SPDX-License-Identifier: Apache-2.0
#include "qp_dual.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "recant/linalg/symmetric.hpp"

namespace recant::qp {
namespace {

/// Few unknowns are summed by one thread: waiting for others takes longer.
Index groups(Index n) {
  constexpr Index kUnknowns = 32768, kMost = 64;
  return std::clamp<Index>(n / kUnknowns, 1, kMost);
}

using Buffer = std::array<double, static_cast<std::size_t>(kBlockRows)>;

// A product is reduced in an order that does not depend on where its factors lie in memory.
double dot(const double* x, const double* y, Index n) {
  return VectorView(x, n).dot(VectorView(y, n));
}

double largest_entry(const double* values, Index n) {
  return reduce_rows(
      n, groups(n), 0.0,
      [&](double& most, RowBlock block) {
        for (Index i = block.begin; i < block.end; ++i) most = std::max(most, std::abs(values[i]));
      },
      [](double& into, double from) { into = std::max(into, from); });
}

/// |values|_2 without overflow or underflow, given the largest entry.
double norm(const double* values, Index n, double largest) {
  if (largest == 0) return 0;
  const double inverse = 1 / largest;
  if (!std::isfinite(inverse)) return largest;  // denormal numbers only
  const double sum = reduce_rows(
      n, groups(n), 0.0,
      [&](double& total, RowBlock block) {
        Buffer scaled;
        for (Index i = 0; i < block.size(); ++i)
          scaled[static_cast<std::size_t>(i)] = values[block.begin + i] * inverse;
        total += dot(scaled.data(), scaled.data(), block.size());
      },
      [](double& into, double from) { into += from; });
  return largest * std::sqrt(sum);
}

/// x * y where 0 times infinity is 0.
double product(double x, double y) {
  return y == 0 ? 0 : x * y;
}

}  // namespace

struct Dual::Sums {
  Vector activity;
  Matrix gram;
  double norm2_e = 0;
};

Index first_not_finite(VectorView values) {
  const Index n = values.size();
  return reduce_rows(
      n, groups(n), n,
      [&](Index& first, RowBlock block) {
        // The sum of x * 0 is 0 unless some x is NaN or infinite.
        double probe = 0;
        for (Index i = block.begin; i < block.end; ++i) probe += values[i] * 0.0;
        if (probe == 0 || first < n) return;
        for (first = block.begin; std::isfinite(values[first]);) ++first;
      },
      [](Index& into, Index from) { into = std::min(into, from); });
}

Dual::Dual(const QpProblem& problem)
    : linear_(problem.linear.data()),
      lower_(problem.lower.data()),
      upper_(problem.upper.data()),
      n_(problem.linear.size()),
      kappa_(problem.kappa),
      limits_(static_cast<Index>(problem.constraints.size())) {
  largest_linear_ = largest_entry(linear_, n_);
  linear_norm_ = norm(linear_, n_, largest_linear_) / (2 * kappa_);
  for (const QpConstraint& constraint : problem.constraints) {
    Row row{.coefficients = constraint.coefficients.data(),
            .largest = largest_entry(constraint.coefficients.data(), n_),
            .equality = constraint.relation == QpRelation::kEqual};
    const double inverse = 1 / norm(row.coefficients, n_, row.largest);
    if (std::isfinite(inverse)) {
      row.scale = inverse;
    } else {
      row.largest = 0;  // nothing but zeros or denormal numbers
    }
    if (constraint.relation == QpRelation::kAtLeast) row.scale = -row.scale;
    constexpr double kFar = std::numeric_limits<double>::max() / 4;
    limits_[static_cast<Index>(rows_.size())] =
        std::clamp(row.scale * constraint.limit, -kFar, kFar);
    rows_.push_back(row);
  }
  gram_ = sum_over([](RowBlock block, double* e, double* free) {
            std::fill_n(e, block.size(), 0.0);
            std::fill_n(free, block.size(), 1.0);
          }).free_gram;
}

Vector Dual::weights(const Vector& nu) const {
  Vector out(nu.size());
  for (Index k = 0; k < nu.size(); ++k) out[k] = nu[k] * row(k).scale;
  return out;
}

/// y = linear / (2 kappa) - sum_k weights_k c_k on one block.
void Dual::unclipped(const Vector& weights, RowBlock block, double* y) const {
  const Index m = block.size();
  const double factor = 1 / (2 * kappa_);
  const double divisor = 2 * kappa_;
  const double* a = linear_ + block.begin;
  if (std::isfinite(factor)) {
    for (Index i = 0; i < m; ++i) y[i] = a[i] * factor;
  } else {
    for (Index i = 0; i < m; ++i) y[i] = a[i] / divisor;
  }
  for (Index k = 0; k < weights.size(); ++k) {
    const double weight = weights[k];
    if (weight == 0) continue;
    const double* c = row(k).coefficients + block.begin;
    for (Index i = 0; i < m; ++i) y[i] -= weight * c[i];
  }
}

/// s = sum_k weights_k c_k on one block; what is left of a cancellation counts as 0.
void Dual::combine(const Vector& weights, RowBlock block, double* s) const {
  constexpr double kCancelled = 1e-14;
  for (Index i = 0; i < block.size(); ++i) {
    double sum = 0, size = 0;
    for (Index k = 0; k < weights.size(); ++k) {
      const double term = weights[k] * row(k).coefficients[block.begin + i];
      sum += term;
      size += std::abs(term);
    }
    s[i] = std::abs(sum) <= kCancelled * size ? 0 : sum;
  }
}

void Dual::add_sums(RowBlock block, const double* e, const double* free, Sums& sums) const {
  const Index m = block.size(), q = constraints();
  for (Index k = 0; k < q; ++k) {
    sums.activity[k] += dot(row(k).coefficients + block.begin, e, m);
  }
  sums.norm2_e += dot(e, e, m);
  constexpr Index kFew = 8;
  q <= kFew ? add_products(block, free, sums.gram) : add_product(block, free, sums.gram);
}

/// Of the free unknowns of few constraints: product by product.
void Dual::add_products(RowBlock block, const double* free, Matrix& gram) const {
  const Index m = block.size(), q = constraints();
  Buffer masked;
  for (Index k = 0; k < q; ++k) {
    const double* c = row(k).coefficients + block.begin;
    for (Index i = 0; i < m; ++i) masked[static_cast<std::size_t>(i)] = free[i] * c[i];
    for (Index l = 0; l <= k; ++l) {
      gram(k, l) += dot(masked.data(), row(l).coefficients + block.begin, m);
    }
  }
}

/// The same of many: as one product of matrices, of which a strip stays in the cache.
void Dual::add_product(RowBlock block, const double* free, Matrix& gram) const {
  constexpr Index kStrip = 128;
  const Index q = constraints();
  Matrix masked(std::min(kStrip, block.size()), q);
  for (Index begin = 0; begin < block.size(); begin += kStrip) {
    const Index m = std::min(kStrip, block.size() - begin);
    for (Index k = 0; k < q; ++k) {
      const double* c = row(k).coefficients + block.begin + begin;
      for (Index i = 0; i < m; ++i) masked(i, k) = free[begin + i] * c[i];
    }
    gram += inner_products(masked.topRows(m));
  }
}

/// fill(block, e, free) writes e and whether it is strictly inside its bounds (1 or 0).
template <class Fill>
DualPoint Dual::sum_over(Fill&& fill) const {
  ++passes_;
  const Index q = constraints();
  const Sums zero{.activity = Vector::Zero(q), .gram = Matrix::Zero(q, q)};
  Sums sums = reduce_rows(
      n_, groups(n_), zero,
      [&](Sums& into, RowBlock block) {
        Buffer e, free;
        fill(block, e.data(), free.data());
        add_sums(block, e.data(), free.data(), into);
      },
      [](Sums& into, const Sums& from) {
        into.activity += from.activity;
        into.gram += from.gram;
        into.norm2_e += from.norm2_e;
      });
  DualPoint point{.activity = sums.activity, .free_gram = sums.gram, .norm2_e = sums.norm2_e};
  for (Index k = 0; k < q; ++k) {
    point.activity[k] *= row(k).scale;
    for (Index l = 0; l <= k; ++l) {
      point.free_gram(k, l) *= row(k).scale * row(l).scale;
      point.free_gram(l, k) = point.free_gram(k, l);
    }
  }
  return point;
}

namespace {

void clip(const double* y, const double* lower, const double* upper, Index m, double* e,
          double* free) {
  for (Index i = 0; i < m; ++i) {
    const double low = lower[i], high = upper[i], value = y[i];
    const double raised = value > low ? value : low;
    e[i] = raised < high ? raised : high;
    free[i] = ((value > low) & (value < high)) ? 1.0 : 0.0;
  }
}

}  // namespace

DualPoint Dual::evaluate(const Vector& nu) const {
  const Vector w = weights(nu);
  return sum_over([&](RowBlock block, double* e, double* free) {
    unclipped(w, block, e);
    clip(e, lower_ + block.begin, upper_ + block.begin, block.size(), e, free);
  });
}

Vector Dual::free_activity(const Vector& nu) const {
  const Vector w = weights(nu);
  return sum_over([&](RowBlock block, double* e, double* free) {
           unclipped(w, block, e);
           clip(e, lower_ + block.begin, upper_ + block.begin, block.size(), e, free);
           for (Index i = 0; i < block.size(); ++i) e[i] *= free[i];
         })
      .activity;
}

DualPoint Dual::primal(const Vector& nu, Vector& e) const {
  const Vector w = weights(nu);
  e.resize(n_);
  return sum_over([&](RowBlock block, double* values, double* free) {
    unclipped(w, block, values);
    clip(values, lower_ + block.begin, upper_ + block.begin, block.size(), values, free);
    std::copy_n(values, block.size(), e.data() + block.begin);
  });
}

DualPoint Dual::shift_free(const Vector& step, Vector& e) const {
  const Vector w = weights(step);
  return sum_over([&](RowBlock block, double* values, double* free) {
    const Index m = block.size();
    double* here = e.data() + block.begin;
    const double *low = lower_ + block.begin, *high = upper_ + block.begin;
    clip(here, low, high, m, values, free);
    for (Index k = 0; k < w.size(); ++k) {
      const double* c = row(k).coefficients + block.begin;
      for (Index i = 0; i < m; ++i) values[i] += free[i] * w[k] * c[i];
    }
    clip(values, low, high, m, values, free);
    std::copy_n(values, m, here);
  });
}

Recession Dual::recession(const Vector& d) const {
  ++passes_;
  const Vector w = weights(d);
  Recession out = reduce_rows(
      n_, groups(n_), Recession{},
      [&](Recession& into, RowBlock block) {
        Buffer s;
        combine(w, block, s.data());
        for (Index i = 0; i < block.size(); ++i) {
          const double slope = s[static_cast<std::size_t>(i)];
          const double least = std::min(product(lower_[block.begin + i], slope),
                                        product(upper_[block.begin + i], slope));
          into.value += least;
          into.scale += std::abs(least);
        }
      },
      [](Recession& into, const Recession& from) {
        into.value += from.value;
        into.scale += from.scale;
      });
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

/// Follows the slope, linear between breakpoints, down to 0.
double walk(const Breakpoints& points, std::pair<double, double> bracket, double slope) {
  double t = bracket.first, curvature = points.curvature;
  for (const Breakpoint& point : points.inside) {
    const double next = slope - curvature * (point.t - t);
    if (next <= 0) return t + slope / curvature;
    slope = next;
    t = point.t;
    curvature = std::max(curvature + point.s2, 0.0);
  }
  const double root = curvature > 0 ? t + slope / curvature : bracket.second;
  if (std::isfinite(root)) return std::min(root, bracket.second);
  return std::isfinite(bracket.second) ? bracket.second : t;
}

}  // namespace

double Dual::root_between_breakpoints(const Vector& nu, const Vector& d,
                                      std::pair<double, double> bracket, double slope) const {
  ++passes_;
  const Vector at = weights(nu), along = weights(d);
  Breakpoints points = reduce_rows(
      n_, groups(n_), Breakpoints{},
      [&](Breakpoints& into, RowBlock block) {
        Buffer y, s;
        unclipped(at, block, y.data());
        combine(along, block, s.data());
        for (std::size_t i = 0; i < static_cast<std::size_t>(block.size()); ++i) {
          const Index j = block.begin + static_cast<Index>(i);
          if (s[i] == 0 || lower_[j] == upper_[j]) continue;
          double enter = (y[i] - upper_[j]) / s[i], leave = (y[i] - lower_[j]) / s[i];
          if (enter > leave) std::swap(enter, leave);
          const double s2 = s[i] * s[i];
          if (enter <= bracket.first && bracket.first < leave) into.curvature += s2;
          if (enter > bracket.first && enter < bracket.second) into.inside.push_back({enter, s2});
          if (leave > bracket.first && leave < bracket.second) into.inside.push_back({leave, -s2});
        }
      },
      [](Breakpoints& into, const Breakpoints& from) {
        into.inside.insert(into.inside.end(), from.inside.begin(), from.inside.end());
        into.curvature += from.curvature;
      });
  std::sort(points.inside.begin(), points.inside.end(),
            [](const Breakpoint& x, const Breakpoint& y) { return x.t < y.t; });
  return walk(points, bracket, slope);
}

Measured Dual::measure(const Vector& nu, const Vector& e) const {
  ++passes_;
  const Vector w = weights(nu);
  Measured out = reduce_rows(
      n_, groups(n_), Measured{},
      [&](Measured& into, RowBlock block) {
        const Index m = block.size();
        Buffer y;
        unclipped(w, block, y.data());
        const double* values = e.data() + block.begin;
        for (Index i = 0; i < m; ++i) {
          const Index j = block.begin + i;
          // The projected gradient over 2 kappa.
          double slope = values[i] - y[static_cast<std::size_t>(i)];
          const bool at_lower = values[i] == lower_[j], at_upper = values[i] == upper_[j];
          if (at_lower) slope = std::min(slope, 0.0);
          if (at_upper) slope = std::max(slope, 0.0);
          if (at_lower && at_upper) slope = 0;
          into.stationarity = std::max(into.stationarity, std::abs(slope));
          into.at_lower += at_lower;
          into.at_upper += at_upper && !at_lower;
        }
        into.objective += kappa_ * dot(values, values, m) - dot(linear_ + block.begin, values, m);
      },
      [](Measured& into, const Measured& from) {
        into.stationarity = std::max(into.stationarity, from.stationarity);
        into.objective += from.objective;
        into.at_lower += from.at_lower;
        into.at_upper += from.at_upper;
      });
  double scale = largest_linear_ / (2 * kappa_);
  for (Index k = 0; k < w.size(); ++k) scale += std::abs(w[k]) * row(k).largest;
  if (scale > 0) out.stationarity /= scale;
  return out;
}

void Dual::reach(Vector& least, Vector& greatest) const {
  const Index q = constraints();
  const Vector zero = Vector::Zero(q);
  using Pair = std::pair<Vector, Vector>;
  ++passes_;
  std::tie(least, greatest) = reduce_rows(
      n_, groups(n_), Pair(zero, zero),
      [&](Pair& into, RowBlock block) {
        for (Index k = 0; k < q; ++k) {
          const double* c = row(k).coefficients;
          for (Index j = block.begin; j < block.end; ++j) {
            const double down = product(lower_[j], c[j]), up = product(upper_[j], c[j]);
            into.first[k] += std::min(down, up);
            into.second[k] += std::max(down, up);
          }
        }
      },
      [](Pair& into, const Pair& from) {
        into.first += from.first;
        into.second += from.second;
      });
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

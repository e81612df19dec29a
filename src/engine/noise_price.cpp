// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/noise_price.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/model/objective.hpp"

// docs/mathematics.md section 5.8.
namespace recant {
namespace {

constexpr int kLargestExponent = 800;  // of 2^(k/2): what a PrivacyBudget can have

/// Standard normals from a stream of their own, by Box and Muller.
Vector normals(std::uint64_t seed, Index draw, Index count) {
  SeededRandom random(seed, static_cast<std::uint64_t>(draw));
  Vector out(count);
  for (double& value : out) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    value = radius * std::cos(2 * std::numbers::pi * random.uniform());
  }
  return out;
}

/// Mean and standard error of numbers that are added in their order.
struct Mean {
  double value = 0, standard_error = 0;
};
Mean mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

/// The rows' losses around theta: what every sigma is priced with.
class Pricing {
 public:
  Pricing(const LinearModel& model, const Dataset& rows, const NoisePriceOptions& options,
          const ProgressCallback& progress)
      : objective_(rows, model.loss, model.intercept, 1),
        theta_(model.theta),
        ones_(Vector::Ones(rows.rows())),
        options_(options),
        progress_(progress) {
    validate(options);
    check_at_least("draws", options.draws, 2);
    check_size("theta", theta_.size(), objective_.parameters());
    loss_ = mean_loss(theta_);
    half_trace_ = trace(model, rows) / 2;
    curvatures_.resize(static_cast<std::size_t>(options.draws));
    parallel_for(options.draws, [&](Index t) {
      const Vector xi = normals(options_.seed, t, theta_.size());
      // hessian_times() adds the penalty, here of strength 1.
      const double with_penalty = xi.dot(objective_.hessian_times(theta_, ones_, xi));
      curvatures_[static_cast<std::size_t>(t)] = (with_penalty - xi.squaredNorm()) / 2 / rows_();
    });
  }

  [[nodiscard]] double loss() const { return loss_; }
  /// tr H / 2n: the second-order rise of sigma = 1.
  [[nodiscard]] double half_trace() const { return half_trace_; }

  [[nodiscard]] NoisePrice price(double sigma) const {
    if (progress_) progress_({"price of noise", static_cast<double>(tried_), 0});
    ++tried_;
    // Of each pair: what is beyond the second order, and the rises of both releases.
    std::vector<double> beyond(curvatures_.size()), rises(2 * curvatures_.size());
    parallel_for(options_.draws, [&](Index t) {
      const auto at = static_cast<std::size_t>(t);
      const Vector step = sigma * normals(options_.seed, t, theta_.size());
      rises[2 * at] = mean_loss(theta_ + step) - loss_;
      rises[2 * at + 1] = mean_loss(theta_ - step) - loss_;
      beyond[at] = (rises[2 * at] + rises[2 * at + 1]) / 2 - sigma * sigma * curvatures_[at];
    });
    const Mean higher = mean_of(beyond);
    NoisePrice out{
        .sigma = sigma,
        .loss = loss_,
        .second_order_rise = sigma * sigma * half_trace_,
        .standard_error = higher.standard_error,
        .spread = mean_of(rises).standard_error * std::sqrt(static_cast<double>(rises.size()))};
    out.rise = out.second_order_rise + higher.value;
    if (loss_ > 0) {
      out.relative_rise = out.rise / loss_;
      out.relative_standard_error = out.standard_error / loss_;
    }
    return out;
  }

 private:
  [[nodiscard]] double rows_() const { return static_cast<double>(objective_.rows()); }
  [[nodiscard]] double mean_loss(ConstVectorRef theta) const {
    return objective_.evaluate(theta, ones_).data_loss / rows_();
  }
  /// sum_i tr(phi''_i) |x_i|^2 / n.
  [[nodiscard]] double trace(const LinearModel& model, const Dataset& rows) const {
    const Matrix t = scores(model, rows.features);
    std::vector<double> curvature(static_cast<std::size_t>(rows.rows()));
    double sum = 0;
    for (Index k = 0; k < t.cols(); ++k) {
      model.loss.curvatures(t, k, k, curvature);
      for (Index i = 0; i < rows.rows(); ++i) {
        const double norm = objective_.row_norms()[i];
        sum += curvature[static_cast<std::size_t>(i)] * norm * norm;
      }
    }
    return sum / rows_();
  }

  Objective objective_;
  Vector theta_, ones_;
  NoisePriceOptions options_;
  const ProgressCallback& progress_;
  double loss_ = 0, half_trace_ = 0;
  std::vector<double> curvatures_;  // xi^T H xi / 2n of each draw
  mutable int tried_ = 0;
};

double power_of_sqrt2(int k) {
  return std::ldexp(k % 2 == 0 ? 1.0 : std::numbers::sqrt2, k >= 0 ? k / 2 : (k - 1) / 2);
}

bool within(const NoisePrice& price, double most) {
  return *price.relative_rise + 2 * *price.relative_standard_error <= most;
}

}  // namespace

NoisePrice noise_price(const LinearModel& model, const Dataset& rows, double sigma,
                       const NoisePriceOptions& options, const ProgressCallback& progress) {
  check_positive("sigma", sigma);
  return Pricing(model, rows, options, progress).price(sigma);
}

std::optional<PricedSigma> sigma_for_price(const LinearModel& model, const Dataset& rows,
                                           double price, const NoisePriceOptions& options,
                                           const ProgressCallback& progress) {
  check_positive("price", price);
  const Pricing pricing(model, rows, options, progress);
  if (!(pricing.half_trace() > 0)) {
    throw DataError("noise moves no score of these rows, so it has no price");
  }
  if (!(pricing.loss() > 0)) return std::nullopt;
  // The second order says where to begin; from there the answer is a step or two away.
  const double start = 2 * std::log2(std::sqrt(price * pricing.loss() / pricing.half_trace()));
  if (!(std::abs(start) < kLargestExponent)) return std::nullopt;
  int k = static_cast<int>(std::floor(start));
  NoisePrice best = pricing.price(power_of_sqrt2(k));
  while (!within(best, price)) {
    if (--k < -kLargestExponent) return std::nullopt;
    best = pricing.price(power_of_sqrt2(k));
  }
  while (k < kLargestExponent) {
    NoisePrice next = pricing.price(power_of_sqrt2(k + 1));
    if (!within(next, price)) break;
    best = next;
    ++k;
  }
  return PricedSigma{k, best};
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/noise_price.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/model/objective.hpp"

// docs/mathematics.md section 5.8.
namespace recant {
namespace {

constexpr int kLargestExponent = 800;  // of 2^(k/2): what a PrivacyBudget can have

// Of the price, the most that may be rounding R. A sigma is found then: with ever less noise the
// rise that is measured goes to R at most, two standard errors of 64 draws to R/4, and R is added.
constexpr double kShareOfRounding = 0.25;
// Roundings of one row's loss beside those of its scores; those of sums of sizes above.
constexpr Index kRoundingsOfLoss = 32;

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

/// The mean loss of some rows, and what rounding may have done to it.
class MeanLoss {
 public:
  MeanLoss(const LinearModel& model, const Dataset& rows)
      : objective_(rows, model.loss, model.intercept, 1), ones_(Vector::Ones(rows.rows())) {
    check_size("theta", model.theta.size(), objective_.parameters());
    const Vector& norms = objective_.row_norms();
    norms_ = norms.sum();
    squares_ = norms.squaredNorm();
  }

  struct At {
    double loss = 0, rounding = 0;
  };
  /// Rounding, docs/mathematics.md section 5.8: of the sum; of every score, at most gamma
  /// |x||theta| (theta itself was rounded), which moves a loss by its slope and its curvature; and
  /// of softmax's logsumexp, from which a score is taken.
  [[nodiscard]] At operator()(ConstVectorRef theta) const {
    const Objective::Evaluation at = objective_.evaluate(theta, ones_);
    const Loss& loss = objective_.loss();
    const double n = rows(), length = theta.norm();
    const double of_score = gamma(objective_.parameters() + kRoundingsOfLoss);
    double scores = at.gross * length;
    if (loss.outputs() > 1) scores += norms_ * length + n * std::log(loss.outputs());
    const double bent = loss.largest_curvature() / 2 * squares_ * std::pow(of_score * length, 2);
    const double sum = gamma(depth() + kRoundingsOfLoss) * at.data_loss;
    return {at.data_loss / n, 1.01 * (sum + of_score * scores + bent) / n};
  }

  [[nodiscard]] const Objective& objective() const { return objective_; }
  [[nodiscard]] const Vector& ones() const { return ones_; }
  [[nodiscard]] double rows() const { return static_cast<double>(objective_.rows()); }
  /// Additions behind one another in a sum over rows, however it is made.
  [[nodiscard]] Index depth() const {
    return 2 * objective_.rows() * objective_.loss().outputs() + kRoundingsOfLoss;
  }

 private:
  Objective objective_;
  Vector ones_;
  double norms_ = 0, squares_ = 0;
};

double least_price_of(const MeanLoss::At& without) {
  if (!(without.loss > 0)) return std::numeric_limits<double>::infinity();
  return 2 * without.rounding / kShareOfRounding / without.loss;
}

/// The rows' losses around theta: what every sigma is priced with.
class Pricing {
 public:
  Pricing(const LinearModel& model, const Dataset& rows, const NoisePriceOptions& options,
          const ProgressCallback& progress)
      : mean_loss_(model, rows), theta_(model.theta), options_(options), progress_(progress) {
    validate(options);
    check_at_least("draws", options.draws, 2);
    without_ = mean_loss_(theta_);
    half_trace_ = trace(model, rows) / 2;
    const double score = mean_loss_.objective().row_norms().maxCoeff() * theta_.norm();
    of_curvature_ =
        gamma(mean_loss_.depth()) + gamma(theta_.size() + kRoundingsOfLoss) * (1 + 2 * score);
    curvatures_.resize(static_cast<std::size_t>(options.draws));
    curvature_roundings_.resize(curvatures_.size());
    parallel_for(options.draws, [&](Index t) {
      const Vector xi = normals(options_.seed, t, theta_.size());
      // hessian_times() adds the penalty, here of strength 1.
      const double with_penalty =
          xi.dot(mean_loss_.objective().hessian_times(theta_, mean_loss_.ones(), xi));
      const auto at = static_cast<std::size_t>(t);
      curvatures_[at] = (with_penalty - xi.squaredNorm()) / 2 / mean_loss_.rows();
      curvature_roundings_[at] =
          of_curvature_ * (with_penalty + xi.squaredNorm()) / 2 / mean_loss_.rows();
    });
  }

  [[nodiscard]] double loss() const { return without_.loss; }
  [[nodiscard]] double least_price() const { return least_price_of(without_); }
  /// tr H / 2n: the second-order rise of sigma = 1.
  [[nodiscard]] double half_trace() const { return half_trace_; }

  [[nodiscard]] NoisePrice price(double sigma) const {
    if (progress_) progress_({"price of noise", static_cast<double>(tried_), 0});
    ++tried_;
    // Of each pair: what is beyond the second order, and the rises of both releases.
    std::vector<double> beyond(curvatures_.size()), rises(2 * curvatures_.size()),
        roundings(curvatures_.size());
    parallel_for(options_.draws, [&](Index t) {
      const auto at = static_cast<std::size_t>(t);
      const Vector step = sigma * normals(options_.seed, t, theta_.size());
      const MeanLoss::At up = mean_loss_(theta_ + step), down = mean_loss_(theta_ - step);
      rises[2 * at] = up.loss - loss();
      rises[2 * at + 1] = down.loss - loss();
      beyond[at] = (rises[2 * at] + rises[2 * at + 1]) / 2 - sigma * sigma * curvatures_[at];
      roundings[at] = (up.rounding + down.rounding) / 2 + sigma * sigma * curvature_roundings_[at];
    });
    const Mean higher = mean_of(beyond);
    NoisePrice out{
        .sigma = sigma,
        .loss = loss(),
        .second_order_rise = sigma * sigma * half_trace_,
        .standard_error = higher.standard_error,
        .spread = mean_of(rises).standard_error * std::sqrt(static_cast<double>(rises.size()))};
    out.rise = out.second_order_rise + higher.value;
    out.rounding =
        without_.rounding + mean_of(roundings).value + of_curvature_ * out.second_order_rise;
    if (loss() > 0) {
      out.relative_rise = out.rise / loss();
      out.relative_standard_error = out.standard_error / loss();
    }
    return out;
  }

 private:
  /// sum_i tr(phi''_i) |x_i|^2 / n.
  [[nodiscard]] double trace(const LinearModel& model, const Dataset& rows) const {
    const Matrix t = scores(model, rows.features);
    std::vector<double> curvature(static_cast<std::size_t>(rows.rows()));
    double sum = 0;
    for (Index k = 0; k < t.cols(); ++k) {
      model.loss.curvatures(t, k, k, curvature);
      for (Index i = 0; i < rows.rows(); ++i) {
        const double norm = mean_loss_.objective().row_norms()[i];
        sum += curvature[static_cast<std::size_t>(i)] * norm * norm;
      }
    }
    return sum / mean_loss_.rows();
  }

  MeanLoss mean_loss_;
  Vector theta_;
  NoisePriceOptions options_;
  const ProgressCallback& progress_;
  MeanLoss::At without_;
  double half_trace_ = 0;
  double of_curvature_ = 0;         // what rounding may do to second-order rises, as a share
  std::vector<double> curvatures_;  // xi^T H xi / 2n of each draw
  std::vector<double> curvature_roundings_;
  mutable int tried_ = 0;
};

double power_of_sqrt2(int k) {
  return std::ldexp(k % 2 == 0 ? 1.0 : std::numbers::sqrt2, k >= 0 ? k / 2 : (k - 1) / 2);
}

bool within(const NoisePrice& price, double most) {
  return *price.relative_rise + 2 * *price.relative_standard_error + price.rounding / price.loss <=
         most;
}

}  // namespace

NoisePrice noise_price(const LinearModel& model, const Dataset& rows, double sigma,
                       const NoisePriceOptions& options, const ProgressCallback& progress) {
  check_positive("sigma", sigma);
  return Pricing(model, rows, options, progress).price(sigma);
}

double least_price(const LinearModel& model, const Dataset& rows) {
  return least_price_of(MeanLoss(model, rows)(model.theta));
}

std::optional<PricedSigma> sigma_for_price(const LinearModel& model, const Dataset& rows,
                                           double price, const NoisePriceOptions& options,
                                           const ProgressCallback& progress) {
  check_positive("price", price);
  const Pricing pricing(model, rows, options, progress);
  if (!(pricing.half_trace() > 0)) {
    throw DataError("noise moves no score of these rows, so it has no price");
  }
  if (!(price >= pricing.least_price())) return std::nullopt;  // also where the loss is 0
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

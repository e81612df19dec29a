// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/value_weighted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/weighting/hard.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.5.
namespace recant {
namespace {

/// Values this close together, relative to their size, differ by rounding alone.
constexpr double kRounding = 64 * std::numeric_limits<double>::epsilon();

/// alpha times the reach of z: exp(-700) / 2 is still a normal number.
constexpr double kLargestPower = 700;
/// Of a row that stays: omega + omega (w - 1) is 0, or has few digits, for a w below.
constexpr double kLeastRetained = std::numeric_limits<double>::epsilon();

[[noreturn]] void refuse_alpha(double alpha, const char* why) {
  throw UsageError(fmt::format("{:g} {}", alpha, why), "alpha",
                   "give a smaller alpha, or take the form rank");
}

void check(const ValueWeightOptions& options) {
  validate(options);
  if (options.form == ValueForm::kRank) check_between("alpha of rank", options.alpha, 0, 1);
}

/// (v - mean) / sd, from values scaled to a largest entry of 1 so that no square overflows.
Vector standardized(ConstVectorRef values, double largest) {
  Vector z = values / largest;
  z.array() -= z.mean();
  z.array() -= z.mean();  // what rounding of the first mean left
  return z / std::sqrt(z.squaredNorm() / static_cast<double>(z.size()));
}

Vector of_ranks(ConstVectorRef values, double alpha) {
  const Index m = values.size();
  std::vector<Index> order(static_cast<std::size_t>(m));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values[a] < values[b]; });
  Vector factors(m);
  for (auto first = order.begin(); first != order.end();) {
    const auto last =
        std::find_if(first, order.end(), [&](Index j) { return values[j] > values[*first]; });
    // Ranks first+1 .. last have the mean (first + 1 + last) / 2.
    const auto middle = static_cast<double>((first - order.begin()) + (last - order.begin()));
    for (; first != last; ++first)
      factors[*first] = 1 + alpha * (1 - middle / static_cast<double>(m));
  }
  return factors;
}

/// The power of the least factor at alpha = 1: of the sigmoid the largest z, and exp begins at the
/// least.
double reach_of(const Vector& z, ValueForm form) {
  return form == ValueForm::kExp ? z.maxCoeff() - z.minCoeff() : z.maxCoeff();
}

/// Divided first: the difference of two finite values may overflow.
bool equal(ConstVectorRef values, double largest) {
  return largest == 0 || values.maxCoeff() / largest - values.minCoeff() / largest <= kRounding;
}

Vector rescaled(const Vector& raw) {
  return raw / raw.mean();
}

ValueWeights deletion_of(std::span<const Index> rows, ConstVectorRef weights) {
  if (rows.empty()) throw UsageError("at least one row must be deleted");
  ValueWeights out;
  out.target = delete_rows(rows, weights);
  return out;
}

/// p, and what is said about the factors.
void finish(ValueWeights& out) {
  out.p = out.change.delta - out.target.delta;
  out.factor_sd =
      std::sqrt((out.factors.array() - 1).square().sum() / static_cast<double>(out.factors.size()));
}

void check_source(const RetainedValues& values) {
  if (values.method != ValueMethod::kKnnShapley && values.method != ValueMethod::kNeighborSamples) {
    throw UsageError(
        fmt::format("values of retained rows must come from rows alone (knn_shapley, "
                    "neighbor_samples), but are {}",
                    name(values.method)),
        {},
        "a model that has seen the deleted rows would leave its trace in the weights; or weight "
        "the deleted rows");
  }
  if (!values.without_deleted_rows) {
    throw UsageError("values of retained rows must be computed without the deleted ones", {},
                     "value the rows again when those to delete have left");
  }
}

}  // namespace

std::string_view name(ValueForm form) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"sigmoid", "rank", "exp"};
  return kNames[static_cast<std::size_t>(form)];
}

ValueForm value_form(std::string_view text) {
  for (const ValueForm form : {ValueForm::kSigmoid, ValueForm::kRank, ValueForm::kExp}) {
    if (text == name(form)) return form;
  }
  throw UsageError(fmt::format("form must be sigmoid, rank or exp, but is '{}'", text));
}

std::string_view name(ValueMethod method) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {
      "knn_shapley", "neighbor_samples", "model_samples", "leave_one_out", "influence", "given"};
  return kNames[static_cast<std::size_t>(method)];
}

std::string_view name(AlphaOutcome outcome) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"limited", "largest", "none"};
  return kNames[static_cast<std::size_t>(outcome)];
}

Vector value_factors(ConstVectorRef values, const ValueWeightOptions& options) {
  check(options);
  check_at_least("number of values", values.size(), 1);
  const double largest = largest_finite_entry("values", values);
  if (equal(values, largest) || options.alpha == 0) return Vector::Ones(values.size());
  if (options.form == ValueForm::kRank) return of_ranks(values, options.alpha);
  const Vector z = standardized(values, largest);
  if (!(options.alpha * reach_of(z, options.form) <= kLargestPower)) {
    refuse_alpha(options.alpha, "is so large that a row's weight vanishes");
  }
  if (options.form == ValueForm::kSigmoid) {
    return rescaled((2 / (1 + (options.alpha * z.array()).exp())).matrix());
  }
  // From the least z, so that the largest factor before rescaling is 1.
  return rescaled((-options.alpha * (z.array() - z.minCoeff())).exp().matrix());
}

double largest_alpha(ConstVectorRef values, ValueForm form) {
  if (form == ValueForm::kRank) return 1;
  check_at_least("number of values", values.size(), 1);
  const double largest = largest_finite_entry("values", values);
  if (equal(values, largest)) return std::numeric_limits<double>::max();
  // Less than the quotient by more than its rounding.
  return kLargestPower / reach_of(standardized(values, largest), form) * (1 - 1e-12);
}

ValueWeights uniform_weights(std::span<const Index> rows, ConstVectorRef weights) {
  ValueWeights out = deletion_of(rows, weights);
  out.rows.assign(rows.begin(), rows.end());
  std::sort(out.rows.begin(), out.rows.end());
  out.factors = Vector::Ones(static_cast<Index>(rows.size()));
  out.change = out.target;
  finish(out);
  return out;
}

ValueWeights value_weights(ConstVectorRef values, std::span<const Index> rows,
                           ConstVectorRef weights, const ValueWeightOptions& options) {
  check_size("values", values.size(), weights.size());
  ValueWeights out = uniform_weights(rows, weights);
  out.factors = value_factors(values(out.rows), options);
  for (std::size_t k = 0; k < out.rows.size(); ++k) {
    out.change.delta[out.rows[k]] *= out.factors[static_cast<Index>(k)];
  }
  finish(out);
  return out;
}

ValueWeights retained_value_weights(const RetainedValues& values, std::span<const Index> rows,
                                    ConstVectorRef weights, const ValueWeightOptions& options) {
  check_source(values);
  check_size("values", values.values.size(), weights.size());
  ValueWeights out = deletion_of(rows, weights);
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0 && out.target.delta[i] == 0) out.rows.push_back(i);
  }
  if (out.rows.empty()) throw UsageError("every row that has weight would be deleted");
  out.factors = value_factors(-values.values(out.rows), options);
  if (!(out.factors.minCoeff() >= kLeastRetained)) {
    refuse_alpha(options.alpha, "is so large that a row that stays would have no weight");
  }
  for (std::size_t k = 0; k < out.rows.size(); ++k) {
    const Index i = out.rows[k];
    out.target.delta[i] = weights[i] * (out.factors[static_cast<Index>(k)] - 1);
    out.retained_changed += out.target.delta[i] != 0;
  }
  out.change = out.target;
  finish(out);
  return out;
}

AutoAlpha auto_alpha(const std::function<double(double)>& price, double allowance, ValueForm form,
                     const AutoAlphaOptions& options) {
  validate(options);
  check_positive("allowance", allowance);
  AutoAlpha out{.limit = options.share * allowance};
  const auto within = [&](double alpha) {
    ++out.evaluations;
    const double asked = price(alpha);
    if (alpha == 0) out.price = out.uniform_price = asked;
    if (!(asked <= out.limit)) return false;
    out.alpha = alpha;
    out.price = asked;
    return true;
  };
  if (!within(0)) return out;
  double high = options.max_alpha;
  if (form == ValueForm::kRank) high = std::min(high, 1.0);
  if (within(high)) {
    out.outcome = AlphaOutcome::kLargest;
    return out;
  }
  out.outcome = AlphaOutcome::kLimited;
  double low = high / 10;
  for (; !within(low); low /= 10) {
    high = low;
    if (low < options.least) return out;
  }
  while (high > low * (1 + options.accuracy)) {
    const double middle = std::sqrt(low * high);
    if (!(low < middle && middle < high)) break;
    (within(middle) ? low : high) = middle;
  }
  return out;
}

}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/grid_noise.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <cmath>
#include <numbers>

#include "faults.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr auto kLargestInteger =
    static_cast<double>(std::int64_t{1} << GridNoise::kLargestExponent);

const PrivacyBudget& checked(const PrivacyBudget& budget) {
  const BudgetRefusal refusal = check_budget(budget);
  if (refusal != BudgetRefusal::kNone) {
    throw UsageError(fmt::format("the privacy budget does not hold: {}", name(refusal)));
  }
  return budget;
}

/// Draws for d entries, rounded up to whole batches; wiped at the end.
class Draws {
 public:
  explicit Draws(Index size)
      : values_((static_cast<std::size_t>(size) + GridNoise::kBatch - 1) / GridNoise::kBatch *
                GridNoise::kBatch) {}
  ~Draws() { sodium_memzero(values_.data(), values_.size() * sizeof values_[0]); }
  Draws(const Draws&) = delete;
  Draws& operator=(const Draws&) = delete;

  std::span<std::int64_t> values() { return values_; }

 private:
  std::vector<std::int64_t> values_;
};

/// What faults.continuous_noise adds, by Box and Muller: right in size, wrong in its last digits.
double continuous_normal() {
  const double radius = std::sqrt(-2 * std::log((randombytes_random() + 0.5) * 0x1p-32));
  return radius * std::cos(2 * std::numbers::pi * randombytes_random() * 0x1p-32);
}

GridParameters add(ConstVectorRef theta, std::span<const std::int64_t> noise,
                   const PrivacyBudget& budget) {
  const int grid_exponent = budget.grid_exponent;
  GridParameters out{.grid_exponent = grid_exponent, .parameters = Vector(theta.size())};
  out.integers.reserve(static_cast<std::size_t>(theta.size()));
  for (Index j = 0; j < theta.size(); ++j) {
    const double scaled = std::ldexp(theta[j], -grid_exponent);
    const std::int64_t y = noise[static_cast<std::size_t>(j)];
    if (!(std::abs(scaled) <= kLargestInteger)) {
      throw DataError(
          fmt::format("parameter {} is not finite or more than 2^52 steps of the grid", j), {},
          "enrol the model again with a larger sigma, or scale its features");
    }
    if (std::abs(y) > static_cast<std::int64_t>(kLargestInteger)) {
      throw InternalError("a draw beyond 2^52, which has probability below exp(-500000)");
    }
    // Both are at most 2^52, so that the sum has an exact image.
    const std::int64_t sum = static_cast<std::int64_t>(std::nearbyint(scaled)) + y;
    out.integers.push_back(sum);
    out.parameters[j] = faults.off_the_grid
                            ? theta[j] + std::ldexp(static_cast<double>(y), grid_exponent)
                            : std::ldexp(static_cast<double>(sum), grid_exponent);
    if (faults.continuous_noise) {
      out.parameters[j] = std::ldexp(static_cast<double>(sum - y), grid_exponent) +
                          budget.sigma() * continuous_normal();
    }
  }
  return out;
}

}  // namespace

GridNoise::GridNoise(const PrivacyBudget& budget)
    : budget_(checked(budget)), gaussian_(budget.noise_variance()) {}

NoisyRelease GridNoise::publish(ConstVectorRef theta) const {
  check_size("theta", theta.size(), budget_.dimension);
  Draws noise(theta.size());
  gaussian_.draw(noise.values());
  return {add(theta, noise.values(), budget_)};
}

UncertifiedRelease GridNoise::publish_uncertified(ConstVectorRef theta, std::uint64_t seed) const {
  check_size("theta", theta.size(), budget_.dimension);
  Draws noise(theta.size());
  gaussian_.draw_uncertified(seed, noise.values());
  return {add(theta, noise.values(), budget_)};
}

}  // namespace recant

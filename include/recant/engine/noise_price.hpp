// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/data/dataset.hpp"
#include "recant/model/linear_model.hpp"

/// What noise on published parameters costs in loss, before it is applied: docs/mathematics.md
/// section 5.8.
namespace recant {

struct NoisePriceOptions {
  std::int64_t draws = 64;  ///< pairs theta + sigma xi, theta - sigma xi
  std::uint64_t seed = 1;

  static constexpr auto fields() {
    using O = NoisePriceOptions;
    return std::tuple{
        Field{"draws", &O::draws, "pairs of noisy models, at least 2", Accept::kPositive},
        Field{"seed", &O::seed, "of the noise that is tried out; never that of a release"}};
  }
};

/// By how much the mean loss of some rows rises when N(0, sigma^2 I) is added to the parameters.
struct NoisePrice {
  double sigma = 0;
  double loss = 0;               ///< mean phi without noise
  double second_order_rise = 0;  ///< sigma^2/2 tr H / n, H the Hessian of the rows' losses
  double rise = 0;               ///< expected, all orders
  double standard_error = 0;     ///< of `rise`
  double rounding = 0;           ///< by how much arithmetic may have changed `rise`, at most
  double spread = 0;             ///< standard deviation of the rise that a single release has
  /// rise / loss and its standard error; none where the loss is 0.
  std::optional<double> relative_rise, relative_standard_error;
};

/// The expected rise, and how it varies from release to release:
///
///   rise = E phi(theta + sigma xi) - phi(theta),  the mean over the rows, each counted once
///
/// Its second order is exact; what is beyond it is the mean over pairs +-xi, so that the standard
/// error is of fourth order in sigma and the answer hardly depends on the seed. Never negative but
/// by the standard error and by rounding: every loss is convex. The noise is seeded, drawn for this
/// figure alone: no release is ever made from it. Assumes: continuous noise; that of a grid
/// (section 5.2) has the same variance to 2^-20. Cost: 2 + 3 draws passes over the rows. The same
/// bytes for any number of threads.
/// @throws UsageError for sigma that is not finite and > 0, options out of range, parameters of
/// another shape; DataError for no row.
[[nodiscard]] NoisePrice noise_price(const LinearModel& model, const Dataset& rows, double sigma,
                                     const NoisePriceOptions& options = {},
                                     const ProgressCallback& progress = {});

struct PricedSigma {
  int sigma_exponent = 0;  ///< k: sigma = 2^(k/2), as PrivacyBudget has it
  NoisePrice price;
};

/// The least share of the rows' mean loss that sigma_for_price() answers: four times what rounding
/// may do to the rise of next to no noise. Below it nothing that is measured says what noise costs.
/// Infinite where the loss is 0. Cost: one pass over the rows.
/// @throws UsageError, DataError as noise_price().
[[nodiscard]] double least_price(const LinearModel& model, const Dataset& rows);

/// The largest sigma = 2^(k/2), |k| <= 800, whose relative rise, two standard errors and rounding
/// are within `price` (0.001: a tenth of a percent of the rows' mean loss).
/// Assumes: that the rows stand for those the model will be used on. A sigma that was found so
/// carries something of these rows; if any of them may be deleted it is an assumption to be named.
/// Failure outcome: none, where the price is below least_price() (so where the loss is 0), or no
/// exponent in range is within.
/// Cost: about three times noise_price(). @throws UsageError for a price that is not finite and
/// > 0, otherwise as noise_price(); DataError if noise moves no score of these rows.
[[nodiscard]] std::optional<PricedSigma> sigma_for_price(const LinearModel& model,
                                                         const Dataset& rows, double price,
                                                         const NoisePriceOptions& options = {},
                                                         const ProgressCallback& progress = {});

}  // namespace recant

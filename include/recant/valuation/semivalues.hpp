// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/valuation/subset_utility.hpp"

/// Values of rows by sampling: the mean of what a row adds to sets of other rows.
/// docs/mathematics.md section 7.2.
namespace recant {

/// Which sizes r of the set S of others count how much. With n rows and q_r the probability of r,
/// S being uniform among the sets of its size:
///
///   data_shapley   q_r = 1/n                                              [GhorbaniZou2019]
///   beta_shapley   q_r = C(n-1, r) B(r + beta, n-1-r + alpha) / B(alpha, beta)  [KwonZou2022]
///   data_banzhaf   q_r = C(n-1, r) / 2^(n-1)                              [WangJia2023]
///
/// alpha > beta favours small sets; Beta(1, 1) is Shapley.
enum class Semivalue { kDataShapley, kBetaShapley, kDataBanzhaf };
/// "data_shapley", "beta_shapley", "data_banzhaf".
[[nodiscard]] std::string_view name(Semivalue kind) noexcept;
/// @throws UsageError naming the three.
[[nodiscard]] Semivalue semivalue(std::string_view name);

/// q_0 .. q_{n-1}; adds up to 1. @throws UsageError for rows < 1, alpha, beta <= 0, or such that q
/// is not finite in double precision.
[[nodiscard]] Vector beta_size_probabilities(Index rows, double alpha, double beta);

struct SamplingOptions {
  std::int64_t max_samples = 1000;
  double standard_error = 0;
  double truncation = 0;
  double alpha = 16, beta = 1;
  std::uint64_t seed = 0;
  std::filesystem::path state_file;  ///< empty: nothing is kept

  static constexpr auto fields() {
    using O = SamplingOptions;
    return std::tuple{
        Field{"max_samples", &O::max_samples,
              "permutations (data_banzhaf: subsets) to draw at most, counted over all runs that "
              "share a state file",
              Accept::kPositive},
        Field{"standard_error", &O::standard_error,
              "stop when no row's standard error is above this, which biases values by about a "
              "tenth of it, less with more samples; 0: draw max_samples",
              Accept::kNonNegative},
        Field{"truncation", &O::truncation,
              "permutations: the rest adds nothing once |v(all) - v(S)| is at most this times "
              "|v(all) - v(none)|; below 1; 0, or where that is 0: never",
              Accept::kUnitInterval},
        Field{"alpha", &O::alpha, "beta_shapley: above beta favours small sets", Accept::kPositive},
        Field{"beta", &O::beta, "beta_shapley: above alpha favours large sets", Accept::kPositive}};
  }
};

/// The values, and how well they are known. Those of a number of samples that was given estimate
/// what they stand for without bias, unless truncation is above 0: its bias shows in no standard
/// error. Where the standard error ends the sampling, which samples are the last depends on their
/// values, and biases them by about skewness / sqrt(samples) of the standard error, with terms that
/// are mostly 0 by 1 / sqrt(terms that are not): a ninth was measured after 76 samples. As many
/// samples from another seed, with standard_error = 0, have none of it.
struct SampledValues {
  Vector values;           ///< n
  Vector standard_errors;  ///< n, of the values
  double largest_standard_error = 0;
  bool precise = false;          ///< the standard error asked for was reached (and asked for)
  std::int64_t samples = 0;      ///< behind the values
  std::int64_t resumed = 0;      ///< of them from the state file
  double all = 0, none = 0;      ///< v(all rows), v(no row)
  double truncation = 0;         ///< as used
  std::int64_t truncated = 0;    ///< permutations that were cut short
  std::int64_t evaluations = 0;  ///< values of v behind the values
  double seconds = 0;
};

/// Values of all rows.
///
/// Shapley and Beta: in a random permutation, row i at position r+1 adds v(S + i) - v(S) to the r
/// rows before it, weighted by n q_r; the value is the mean over permutations. For Shapley the
/// terms of one whole permutation add up to v(all) - v(none), and so do the values.
/// Banzhaf: maximum sample reuse: subsets that hold each row with probability 1/2, value_i = mean
/// of v with i - mean without, se^2 = s_1^2/n_1 + s_0^2/n_0.
///
/// A row that does not count (SubsetUtility::counts) is worth 0, with a standard error of 0.
///
/// Sample t is drawn from stream t of the seed and samples are added in their order: the same bytes
/// for any number of threads, and for work resumed as for work not interrupted. `standard_error` is
/// asked at every 32nd sample, from 64 on. Standard errors are those of a mean of independent
/// terms; where few samples have a term that is not 0 they are too small.
///
/// Samples are drawn in batches of one a thread, or of as many, up to 32, as take about a second;
/// `progress` is called after each. With `state_file`, work goes on from it if it exists, and it is
/// rewritten after the batch with which 10 seconds have passed, at the end, and when anything
/// throws (`progress`, a training): then with all samples before the one that failed. A batch
/// cannot be left: one sample of models may take longer. Format: docs/formats/sampling-state.md.
/// Cost: n values of v a permutation, one a subset; memory O(n) and a set a thread.
/// @throws UsageError for options out of range, fewer than 2 samples, or so few that some row that
/// counts is without a value: (data_banzhaf) not twice in and twice out, (others) without a term
/// that was found out, n q_r >= 0.01; DamagedError for a state file that does not check or belongs
/// to other inputs or options. What the utility throws.
[[nodiscard]] SampledValues sample_values(const SubsetUtility& utility, Semivalue kind,
                                          const SamplingOptions& options = {},
                                          const ProgressCallback& progress = {});

}  // namespace recant

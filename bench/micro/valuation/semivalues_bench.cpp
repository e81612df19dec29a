// SPDX-License-Identifier: Apache-2.0
// Sampling with both utilities; an iteration is a round of 32 permutations or subsets. The floor:
// of neighbours, reading once for each sample 8 bytes for every row and, for each validation row,
// 8 for as many rows as are near it in the fewest looks, twice sqrt(n K); of models, one gradient
// over the rows of each set and the scores of the validation rows, at the peak of fused
// multiply-adds.
#include "recant/valuation/semivalues.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "exact_values.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/trainer.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"

namespace recant::bench {
namespace {

constexpr std::int64_t kSamples = 32;
constexpr Index kValidation = 500;  // rows that models are scored on

/// Of the rows, how many join a set in a sample: all of them one by one, or half of them at once.
double joining(Semivalue kind, Index rows) {
  return static_cast<double>(rows) * (kind == Semivalue::kDataShapley ? 1.0 : 0.5);
}

/// Of few rows, next to the sum over all sets of the others, by the size of the set.
void require_unbiased(const SubsetUtility& utility, Semivalue kind) {
  const Index n = utility.rows();
  const Vector shares = kind == Semivalue::kDataShapley
                            ? Vector(Vector::Constant(n, 1 / static_cast<double>(n)))
                            : test::banzhaf_size_probabilities(n);
  const Vector wanted = test::exact_values(test::all_utilities(utility), shares);
  const SampledValues found = sample_values(utility, kind, {.max_samples = 4096});
  for (Index i = 0; i < n; ++i) {
    require(std::abs(found.values(i) - wanted(i)) <= 7 * found.standard_errors(i) + 1e-12,
            "values of few rows");
  }
}

void sample(benchmark::State& state, const SubsetUtility& utility, Semivalue kind,
            double floor_seconds) {
  const SamplingOptions options{.max_samples = kSamples};
  const SampledValues found = sample_values(utility, kind, options);
  if (kind == Semivalue::kDataShapley) {
    require(std::abs(found.values.sum() - (found.all - found.none)) <= 1e-12, "sum of values");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(sample_values(utility, kind, options).values.data());
  }
  report(state, {.floor_seconds = floor_seconds});
  state.counters["seconds_a_sample"] =
      benchmark::Counter(kSamples * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  set_threads(0);
}

void neighbors(benchmark::State& state, Semivalue kind) {
  set_threads(static_cast<int>(state.range(2)));
  const Dataset& data = logistic_data(state.range(0) + state.range(1), 20);
  require_unbiased(*neighbor_utility(slice(data, {0, 10}), slice(data, {10, 40}), 5), kind);
  const auto utility = neighbor_utility(slice(data, {0, state.range(0)}),
                                        slice(data, {state.range(0), data.rows()}), 5);
  const Index rows = state.range(0), validation = state.range(1);
  const auto looks = static_cast<Index>(2 * std::sqrt(static_cast<double>(5 * rows)));
  const Vector read = Vector::Ones(rows + validation * looks);
  const double reading = read_seconds(RowsView(read.data(), read.size(), 1), threads());
  sample(state, *utility, kind,
         kSamples * joining(kind, rows) / static_cast<double>(rows) * reading);
}
void sizes_of_neighbors(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "validation", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({10'000, 500, threads});
}
BENCHMARK_CAPTURE(neighbors, shapley, Semivalue::kDataShapley)->Apply(sizes_of_neighbors);
BENCHMARK_CAPTURE(neighbors, banzhaf, Semivalue::kDataBanzhaf)->Apply(sizes_of_neighbors);

/// Some sets of the rows, next to a model that is trained for each from nothing.
void require_scores_of_models(const SubsetUtility& utility, const Objective& objective,
                              const Dataset& validation) {
  const auto set = utility.empty_set();
  Vector weights = Vector::Zero(objective.rows());
  for (Index row = 1; row < objective.rows(); row += objective.rows() / 3) {
    set->add(row);
    weights(row) = 1;
    const LinearModel model{objective.loss(), true, objective.features().columns(),
                            train(objective, weights).theta};
    const Vector t = scores(model, validation.features);
    double loss = 0;
    for (Index v = 0; v < t.size(); ++v) {
      loss += std::log1p(std::exp(validation.targets(v) > 0.5 ? -t(v) : t(v)));
    }
    require(std::abs(set->value() + loss / static_cast<double>(t.size())) <= 1e-8,
            "score of a set");
  }
}

void model(benchmark::State& state, Semivalue kind) {
  set_threads(static_cast<int>(state.range(1)));
  const Dataset& data = logistic_data(state.range(0) + kValidation, 10);
  const Dataset rows = slice(data, {0, state.range(0)});
  const Dataset validation = slice(data, {state.range(0), data.rows()});
  const auto utility_of = [&](const Dataset& part) {
    const Objective objective(part, Loss(LossKind::kLogistic), true, 1.0);
    auto utility = model_utility(objective, part.weights, validation, ModelScore::kLogLoss);
    require_scores_of_models(*utility, objective, validation);
    return utility;
  };
  require_unbiased(*utility_of(slice(data, {0, 6})), kind);
  const auto utility = utility_of(rows);
  // A model for every row that joins a permutation, on half of the rows in the mean; one a subset.
  const auto n = static_cast<double>(rows.rows());
  const double models = kind == Semivalue::kDataShapley ? n : 1;
  const double flops = kSamples * models * 11 * (4 * n / 2 + 2 * kValidation);
  sample(state, *utility, kind, flops / peak_flops(threads()));
}
void sizes_of_models(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({200, threads});
}
BENCHMARK_CAPTURE(model, shapley, Semivalue::kDataShapley)->Apply(sizes_of_models);
BENCHMARK_CAPTURE(model, banzhaf, Semivalue::kDataBanzhaf)->Apply(sizes_of_models);

}  // namespace
}  // namespace recant::bench

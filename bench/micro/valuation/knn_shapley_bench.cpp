// SPDX-License-Identifier: Apache-2.0
// KNN-Shapley, exact and truncated, and what ranks that are kept save.
#include "recant/valuation/knn_shapley.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

#include "cases.hpp"
#include "knn_cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/valuation/knn_ranks.hpp"

namespace recant::bench {
namespace {

constexpr Index kValidationRows = 200;
constexpr int kNeighbors = 5;
constexpr double kVotes = kNeighbors;

/// The made-up rows, the last of them for validation.
struct Case {
  explicit Case(const benchmark::State& state) {
    const Dataset& data = logistic_data(state.range(0) + kValidationRows, state.range(1));
    training = slice(data, {0, state.range(0)});
    validation = slice(data, {state.range(0), data.rows()});
    set_threads(static_cast<int>(state.range(2)));
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  Dataset training, validation;
};

/// By a plain sort of directly computed distances, for the first eight validation rows.
void check(const Case& input) {
  constexpr Index kSome = 8;
  const Dataset some = slice(input.validation, {0, kSome});
  require(some.targets.minCoeff() < some.targets.maxCoeff(), "rows of both classes");
  const Index n = input.training.rows();
  Vector wanted = Vector::Zero(n);
  for (Index v = 0; v < kSome; ++v) {
    std::vector<std::pair<double, Index>> order;
    for (Index i = 0; i < n; ++i) {
      order.emplace_back((input.training.features.row(i) - some.features.row(v)).squaredNorm(), i);
    }
    std::sort(order.begin(), order.end());
    double value = 0, behind = 0;
    for (Index i = n; i > 0; --i) {
      const Index row = order[static_cast<std::size_t>(i - 1)].second;
      const double match = input.training.targets(row) == some.targets(v);
      value += (match - behind) / static_cast<double>(std::max<Index>(i, kNeighbors));
      behind = match;
      wanted(row) += value / kSome;
    }
  }
  const Vector found = knn_shapley(input.training, some, {.neighbors = kNeighbors}).values;
  require((found - wanted).norm() <= 1e-10 * wanted.norm(), "KNN-Shapley");
}

/// The floor is the multiply-adds of the distances and one reading of the rows a chunk.
void report_pairs(benchmark::State& state, const Case& input) {
  const double pairs = static_cast<double>(input.training.rows()) * kValidationRows;
  state.counters["pairs"] = benchmark::Counter(pairs * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate);
  const double flops = 2 * pairs * static_cast<double>(input.training.features.columns());
  report(state, pass_over(input.training.features.view(), flops, threads()));
}

void knn_exact(benchmark::State& state) {
  const Case input(state);
  check(input);
  for (auto _ : state) {
    benchmark::DoNotOptimize(knn_shapley(input.training, input.validation).values.data());
  }
  report_pairs(state, input);
}

void knn_truncated(benchmark::State& state) {
  const Case input(state);
  const KnnShapleyResult exact = knn_shapley(input.training, input.validation);
  const KnnShapleyOptions options{.truncate = 0.01};
  const KnnShapleyResult found = knn_shapley(input.training, input.validation, options);
  require((found.values - exact.values).cwiseAbs().maxCoeff() <= found.error_bound, "its bound");
  for (auto _ : state) {
    benchmark::DoNotOptimize(knn_shapley(input.training, input.validation, options).values.data());
  }
  report_pairs(state, input);
}

/// Of ten training rows next to every set of them, and of all by the plain recursion over ranks
/// for the first eight validation rows.
void check_regression(const Case& input) {
  constexpr Index kSome = 8;
  const Dataset some = slice(input.validation, {0, kSome});
  const Dataset ten = slice(input.training, {0, 10});
  const double mean_of_ten = ten.targets.mean();
  const Vector exact = test::enumerate_knn(ten, some, kNeighbors, false, mean_of_ten);
  const Vector of_ten = knn_shapley_regression(ten, some, {.neighbors = kNeighbors}).values;
  require((of_ten - exact).norm() <= 1e-10 * exact.norm(), "regression by every set");

  const Index n = input.training.rows();
  const double mean = input.training.targets.mean();
  // docs/mathematics.md section 7.3, with sums of its own for every rank.
  const auto q = [](Index i) { return 1 / std::max(static_cast<double>(i), kVotes); };
  const auto h = [](Index i) {
    const auto rank = static_cast<double>(i);
    if (i < 2) return 0.0;
    return rank <= kVotes ? 1 / (kVotes * kVotes) : (kVotes - 1) / (kVotes * rank * (rank - 1));
  };
  Vector wanted = Vector::Zero(n);
  for (Index v = 0; v < kSome; ++v) {
    const std::vector<Index> order = test::naive_order(input.training, some, v);
    const auto z = [&](Index rank) {
      return rank > n ? 0
                      : input.training.targets(order[static_cast<std::size_t>(rank - 1)]) - mean;
    };
    const double c = some.targets(v) - mean;
    double front = 0, behind = 0, value = 0;  // sums over l < i, and over l > i + 1
    for (Index l = 1; l < n; ++l) front += z(l);
    for (Index i = n; i > 0; --i) {
      if (i + 2 <= n) behind += h(i + 1) * z(i + 2);
      value +=
          (z(i + 1) - z(i)) * (((z(i) + z(i + 1)) / kVotes - 2 * c) * q(i) + h(i) * front + behind);
      wanted(order[static_cast<std::size_t>(i - 1)]) += value / kSome;
      if (i > 1) front -= z(i - 1);
    }
  }
  const Vector found =
      knn_shapley_regression(input.training, some, {.neighbors = kNeighbors}).values;
  require((found - wanted).norm() <= 1e-9 * wanted.norm(), "regression by its recursion");
}

void knn_regression(benchmark::State& state) {
  const Case input(state);
  check_regression(input);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        knn_shapley_regression(input.training, input.validation).values.data());
  }
  report_pairs(state, input);
}

/// Values from kept ranks after a hundred rows have left: to be compared with knn_exact. The floor
/// is reading the ranks once.
void knn_update(benchmark::State& state) {
  Case input(state);
  KnnRanks ranks(input.training, input.validation);
  std::vector<Index> leaving;
  for (Index i = 0; i < 100; ++i) leaving.push_back(i * input.training.rows() / 100);
  ranks.remove(leaving);
  for (const Index row : leaving) input.training.weights(row) = 0;
  require(ranks.classification().values == knn_shapley(input.training, input.validation).values,
          "an update is a fresh run");
  for (auto _ : state) benchmark::DoNotOptimize(ranks.classification().values.data());
  const auto kept = static_cast<Index>(KnnRanks::bytes(ranks.rows_left(), kValidationRows) / 8);
  const Vector as_large = Vector::Ones(kept);
  report(state, pass_over(RowsView(as_large.data(), kept, 1), 0, threads()));
}

void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({30'000, 100, threads});
  set->Args({300'000, 20, 2});
}
BENCHMARK(knn_exact)->Apply(sizes);
BENCHMARK(knn_truncated)->Apply(sizes);
BENCHMARK(knn_regression)->Apply(sizes);
BENCHMARK(knn_update)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

// SPDX-License-Identifier: Apache-2.0
// What every pass over rows is made of: handing tasks to threads, and folding row blocks into
// accumulators. The floor of handing over is to call the tasks and, of two threads, a message to
// another processor and its answer; that of folding is reading the rows once.
#include "recant/core/blocks.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <thread>
#include <vector>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

/// Sets the threads of a case, and takes them back.
struct Threads {
  explicit Threads(std::int64_t count) { set_threads(static_cast<int>(count)); }
  ~Threads() { set_threads(0); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
};

/// A message from one thread to another and its answer, both looking for it without a pause: the
/// least of several rounds, few enough messages each that some are not disturbed.
double round_trip_seconds() {
  constexpr int kTrips = 10, kRounds = 300;
  std::atomic<int> turn{0};
  std::thread other([&] {
    for (int i = 0; i < kTrips * kRounds; ++i) {
      while (turn.load() != 2 * i + 1) {
      }
      turn.store(2 * i + 2);
    }
  });
  double least = 1;
  for (int i = 0; i < kTrips * kRounds;) {
    Stopwatch watch;
    for (const int end = i + kTrips; i < end; ++i) {
      turn.store(2 * i + 1);
      while (turn.load() != 2 * i + 2) {
      }
    }
    least = std::min(least, watch.lap() / kTrips);
  }
  other.join();
  return least;
}

double call_seconds(const std::function<void(Index)>& task) {
  constexpr Index kCalls = 1'000'000;
  Stopwatch watch;
  for (Index i = 0; i < kCalls; ++i) task(i);
  return watch.lap() / kCalls;
}

/// Tasks that do nothing.
void hand_over(benchmark::State& state) {
  const Threads threads(state.range(1));
  const Index tasks = state.range(0);
  std::vector<std::atomic<int>> times(static_cast<std::size_t>(tasks));
  parallel_for(tasks, [&](Index i) { ++times[static_cast<std::size_t>(i)]; });
  for (const auto& one : times) require(one == 1, "every task runs once");
  const std::function<void(Index)> task = [](Index i) { benchmark::DoNotOptimize(i); };
  for (auto _ : state) parallel_for(tasks, task);
  const auto count = static_cast<double>(state.range(1));
  report(state, {.floor_seconds = static_cast<double>(tasks) / count * call_seconds(task) +
                                  (count > 1 ? round_trip_seconds() : 0)});
}

struct Rows {
  explicit Rows(const benchmark::State& state)
      : threads(state.range(2)),
        view(logistic_data(state.range(0), state.range(1)).features.view()) {}

  void report_pass(benchmark::State& state) const {
    report(state, pass_over(view, 0, static_cast<int>(state.range(2))));
  }

  Threads threads;
  RowsView view;
};

constexpr Index kGroups = 64;

/// An accumulator of one number, added to once a block.
void fold_to_a_number(benchmark::State& state) {
  const Rows rows(state);
  const auto fold = [&] {
    return reduce_rows(
        rows.view.rows(), kGroups, 0.0,
        [&](double& sum, RowBlock block) {
          sum += rows.view.middleRows(block.begin, block.size()).sum();
        },
        [](double& into, const double& from) { into += from; });
  };
  double wanted = 0;
  for (Index i = 0; i < rows.view.size(); ++i) wanted += rows.view.data()[i];
  require(std::abs(fold() - wanted) <= 1e-12 * static_cast<double>(rows.view.size()), "sum");
  for (auto _ : state) benchmark::DoNotOptimize(fold());
  rows.report_pass(state);
}

/// An accumulator of four numbers, each written again for every row: rows above and below 0 by
/// their first value, and the sums of both.
void fold_row_by_row(benchmark::State& state) {
  const Rows rows(state);
  using Sums = std::array<double, 4>;
  const auto add_row = [&](Sums& sums, Index i) {
    const double sum = rows.view.row(i).sum();
    const std::size_t side = rows.view(i, 0) > 0 ? 0 : 2;
    sums[side] += sum;
    sums[side + 1] += 1;
  };
  const auto fold = [&] {
    return reduce_rows(
        rows.view.rows(), kGroups, Sums{},
        [&](Sums& sums, RowBlock block) {
          for (Index i = block.begin; i < block.end; ++i) add_row(sums, i);
        },
        [](Sums& into, const Sums& from) {
          for (std::size_t k = 0; k < into.size(); ++k) into[k] += from[k];
        });
  };
  Sums wanted{};
  for (Index i = 0; i < rows.view.rows(); ++i) add_row(wanted, i);
  const Sums found = fold();
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    require(std::abs(found[k] - wanted[k]) <= 1e-9 * (1 + std::abs(wanted[k])), "sums of sides");
  }
  for (auto _ : state) benchmark::DoNotOptimize(fold());
  rows.report_pass(state);
}

/// Accumulators of columns^2 numbers that nothing is added to: making and merging them.
void fold_to_a_matrix(benchmark::State& state) {
  const Rows rows(state);
  const Index p = rows.view.cols();
  const auto fold = [&] {
    return reduce_rows(
        rows.view.rows(), kGroups, Matrix(Matrix::Zero(p, p)),
        [&](Matrix& sum, RowBlock block) {
          sum.diagonal().array() += static_cast<double>(block.size());
        },
        [](Matrix& into, const Matrix& from) { into += from; });
  };
  const Matrix wanted = static_cast<double>(rows.view.rows()) * Matrix::Identity(p, p);
  require(fold() == wanted, "matrices add up");
  for (auto _ : state) benchmark::DoNotOptimize(fold().data());
  // Each is written, all but one are read again.
  const double bytes = 8.0 * static_cast<double>(p * p * kGroups);
  const RowMatrix matrices = RowMatrix::Ones(kGroups * p, p);
  const RowsView view(matrices.data(), matrices.rows(), matrices.cols());
  const int threads = static_cast<int>(state.range(2));
  report(state, {.bytes = 2 * bytes,
                 .floor_seconds = write_seconds(bytes, threads) + read_seconds(view, threads)});
}

BENCHMARK(hand_over)
    ->ArgNames({"tasks", "threads"})
    ->Args({2, 1})
    ->Args({2, 2})
    ->Args({64, 1})
    ->Args({64, 2})
    ->Args({1000, 2})
    ->UseRealTime();
void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) {
    set->Args({1'000'000, 1, threads});
    set->Args({100'000, 100, threads});
  }
}
BENCHMARK(fold_to_a_number)->Apply(sizes);
BENCHMARK(fold_row_by_row)->Apply(sizes);
BENCHMARK(fold_to_a_matrix)
    ->ArgNames({"rows", "columns", "threads"})
    ->Args({100'000, 100, 1})
    ->Args({100'000, 100, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

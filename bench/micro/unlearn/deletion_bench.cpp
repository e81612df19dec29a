// SPDX-License-Identifier: Apache-2.0
// One row deleted and bounded without a pass over the data, and the pass that measures it.
#include "recant/unlearn/deletion.hpp"

#include <benchmark/benchmark.h>

#include <map>
#include <memory>

#include "cases.hpp"
#include "floor.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/cholesky.hpp"
#include "recant/model/trainer.hpp"

namespace recant::bench {
namespace {

struct Case {
  Case(Index rows, Index columns) : Case(logistic_data(rows, columns)) {}
  explicit Case(const Dataset& data)
      : objective(data, Loss(LossKind::kLogistic), false, 1e-2 * static_cast<double>(data.rows())),
        state(objective, train(objective, data.weights).theta, data.weights) {}

  Objective objective;  // shares the rows, which logistic_data() lets go
  DeletionState state;
  Floor floor{objective.features().view(), 1};
};

const Case& deletion_case(Index rows, Index columns) {
  static std::map<std::pair<Index, Index>, std::unique_ptr<Case>> cases;
  auto& found = cases[{rows, columns}];
  if (!found) found = std::make_unique<Case>(rows, columns);
  return *found;
}

/// One row after the other: the update, the step and its measure. Tier 0. Up to a share of the
/// rows, in percent, is deleted since the base, at most 1,000 of them.
void delete_one_row(benchmark::State& state) {
  const Case& input = deletion_case(state.range(0), state.range(1));
  DeletionState deletions = input.state;
  {
    const Index row[] = {3};
    require(deletions.delete_rows(row) == DeletionStatus::kDone, "a row is deleted");
    const Vector moved = deletions.newton_point();
    const Vector start =
        input.objective.evaluate(deletions.base().theta, deletions.weights()).gradient;
    const Vector left =
        start + input.objective.hessian_times(deletions.base().theta, deletions.weights(),
                                              moved - deletions.base().theta);
    require(left.norm() <= 1e-9 * start.norm(), "the step solves its equation");
  }
  Index next = 4;
  const Index last = std::min<Index>(1000, state.range(0) * state.range(2) / 100);
  for (auto _ : state) {
    if (next == last) {
      state.PauseTiming();
      deletions = input.state;
      next = 4;
      state.ResumeTiming();
    }
    const Index row[] = {next++};
    benchmark::DoNotOptimize(deletions.delete_rows(row));
    const Vector moved = deletions.newton_point();
    benchmark::DoNotOptimize(deletions.measure_step(moved).range);
    benchmark::DoNotOptimize(deletions.frame().leverage);
  }
  report(state, {.floor_seconds = input.floor.deletion(1)});
}
BENCHMARK(delete_one_row)
    ->ArgNames({"rows", "columns", "percent"})
    ->Unit(benchmark::kMicrosecond)
    ->Args({10'000, 100, 1})
    ->Args({10'000, 100, 10})
    ->Args({100'000, 100, 1})
    ->Args({1'000'000, 100, 1})
    ->Args({12'000, 784, 1})
    ->Args({12'000, 784, 8});

/// The solves of a deletion by the book: of the row that leaves, and of the gradient.
void two_solves(benchmark::State& state) {
  const Case& input = deletion_case(state.range(0), state.range(1));
  const Objective& objective = input.objective;
  const Matrix hessian = objective.hessian(input.state.base().theta, input.state.weights());
  const Cholesky factor = Cholesky::factor(hessian).value();
  const Vector row = numbers(hessian.rows(), -1, 1, 2);
  const Vector gradient = numbers(hessian.rows(), -1, 1, 3);
  require((hessian * factor.solve(row) - row).norm() <= 1e-9 * row.norm(), "a solve");
  for (auto _ : state) {
    benchmark::DoNotOptimize(factor.solve(row).data());
    benchmark::DoNotOptimize(factor.solve(gradient).data());
  }
  report(state, {.floor_seconds = input.floor.solves(2)});
}
BENCHMARK(two_solves)
    ->ArgNames({"rows", "columns"})
    ->Unit(benchmark::kMicrosecond)
    ->Args({10'000, 100})
    ->Args({12'000, 784});

/// What is left of them where half of each is known: the row's forward, the gradient's back.
void one_solve(benchmark::State& state) {
  const Case& input = deletion_case(state.range(0), state.range(1));
  const Objective& objective = input.objective;
  const Matrix hessian = objective.hessian(input.state.base().theta, input.state.weights());
  const Cholesky factor = Cholesky::factor(hessian).value();
  const Vector row = numbers(hessian.rows(), -1, 1, 2);
  const Vector half = factor.half_solve(numbers(hessian.rows(), -1, 1, 3));
  require((factor.other_half_solve(factor.half_solve(row)) - factor.solve(row)).norm() <=
              1e-12 * factor.solve(row).norm(),
          "two half solves are one");
  for (auto _ : state) {
    benchmark::DoNotOptimize(factor.half_solve(row).data());
    benchmark::DoNotOptimize(factor.other_half_solve(half).data());
  }
  report(state, {.floor_seconds = input.floor.solves(1)});
}
BENCHMARK(one_solve)
    ->ArgNames({"rows", "columns"})
    ->Unit(benchmark::kMicrosecond)
    ->Args({10'000, 100})
    ->Args({12'000, 784});

/// The gradient at the new model, what it is off by, and how far any score moved. Tier 1.
void measure_by_a_pass(benchmark::State& state) {
  const Case& input = deletion_case(state.range(0), state.range(1));
  const int threads = static_cast<int>(state.range(2));
  set_threads(threads);
  DeletionState deletions = input.state;
  const Index row[] = {3};
  require(deletions.delete_rows(row) == DeletionStatus::kDone, "a row is deleted");
  const Vector moved = deletions.newton_point();
  const double wanted = input.objective.evaluate(moved, deletions.weights()).gradient.norm();
  const ResidualMeasure found = deletions.measure_residual(moved);
  require(std::abs(found.residual_norm - wanted) <= found.residual_rounding(), "the residual");
  for (auto _ : state) benchmark::DoNotOptimize(deletions.measure_residual(moved).residual_norm);
  const RowsView rows = input.objective.features().view();
  report(state, pass_over(rows, 6 * static_cast<double>(rows.size()), threads));
  set_threads(0);
}
BENCHMARK(measure_by_a_pass)
    ->ArgNames({"rows", "columns", "threads"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Args({100'000, 100, 1})
    ->Args({1'000'000, 100, 1})
    ->Args({1'000'000, 100, 2})
    ->Args({12'000, 784, 2});

}  // namespace
}  // namespace recant::bench

// SPDX-License-Identifier: Apache-2.0
// A model on disk: opened, one row after another deleted from it with everything that is written
// for it, and as one batch. The floor of opening is reading its rows once; of a deletion, what its
// step takes in memory (bench/micro/unlearn) and a page written for each sync that was asked for.
#include "recant/engine/vault.hpp"

#include <benchmark/benchmark.h>

#include "cases.hpp"
#include "disk.hpp"
#include "floor.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "temporary_folder.hpp"

namespace recant::bench {
namespace {

namespace fs = std::filesystem;

FittedModel fitted(Index rows, Index columns) {
  FittedModel model;
  model.rows = logistic_data(rows, columns);
  model.rows.ids.numbers.resize(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < model.rows.ids.numbers.size(); ++i) {
    model.rows.ids.numbers[i] = static_cast<std::int64_t>(i + 1);
  }
  model.l2 = 1e-2 * static_cast<double>(rows);
  const Objective objective(model.rows, Loss(LossKind::kLogistic), true, model.l2);
  const TrainerResult trained = train(objective, model.rows.weights);
  model.model = {objective.loss(), true, columns, trained.theta};
  model.gradient = objective.evaluate(trained.theta, model.rows.weights).gradient;
  return model;
}

/// An enrolled model on disk, open for writing.
struct Case {
  explicit Case(const benchmark::State& state) : path(folder / "model.rct") {
    set_threads(2);
    const FittedModel model = fitted(state.range(0), state.range(1));
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.releases = 1'000'000;
    request.sigma = 64;
    const EnrolmentPlan plan = plan_enrolment(model, request, nullptr);
    require(!plan.refusal.has_value(), "enrolment");
    Vault::create(path, model, false, &plan);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  test::TemporaryFolder folder;
  fs::path path;
};

void open_vault(benchmark::State& state) {
  const Case input(state);
  require(Vault::open(input.path).rows.rows() == state.range(0), "open");
  for (auto _ : state) benchmark::DoNotOptimize(Vault::open(input.path).l2);
  report(state, pass_over(logistic_data(state.range(0), state.range(1)).features.view(), 0, 2));
}

/// state.range(2) requests of one row in a batch.
void forget(benchmark::State& state) {
  const Case input(state);
  Vault vault = Vault::open_for_writing(input.path);
  Index next = 0;
  const auto batch = [&] {
    std::vector<ForgetRequest> requests(static_cast<std::size_t>(state.range(2)));
    for (ForgetRequest& request : requests) request.rows = {next++};
    return vault.forget(requests);
  };
  require(batch().front().done(), "the first batch, which builds the base");
  bool done = true;
  const Syncs syncs(input.folder.path());
  for (auto _ : state) done = batch().back().done() && done;
  require(done, "every batch is certified");
  require(vault.model().rows.weights.head(next).isZero(), "the rows are gone");
  const auto iterations = static_cast<double>(state.iterations());
  const Floor floor(logistic_data(state.range(0), state.range(1)).features.view(), threads());
  report(state,
         {.floor_seconds = floor.deletion(state.range(2)) + syncs.floor_seconds() / iterations});
  state.counters["syncs"] = static_cast<double>(syncs.asked()) / iterations;
  state.SetItemsProcessed(state.iterations() * state.range(2));
}

BENCHMARK(open_vault)
    ->ArgNames({"rows", "columns"})
    ->Args({100'000, 100})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(forget)
    ->ArgNames({"rows", "columns", "batch"})
    ->Args({100'000, 100, 1})
    ->Args({100'000, 100, 100})
    ->Iterations(50)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

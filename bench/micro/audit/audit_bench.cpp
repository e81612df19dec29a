// SPDX-License-Identifier: Apache-2.0
// What an audit does besides training: areas under curves of many scores, attacks, the row that two
// releases give away. The floor is reading what each looks at once.
#include <benchmark/benchmark.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/audit/membership.hpp"
#include "recant/audit/reconstruction.hpp"
#include "recant/audit/retrain.hpp"
#include "recant/audit/roc.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

RowsView as_rows(const Vector& values) {
  return {values.data(), values.size(), 1};
}

/// Share of pairs in which the member scores higher, one by one.
double naive_area(const Vector& members, const Vector& others) {
  double wins = 0;
  for (const double m : members) {
    for (const double o : others) wins += m > o ? 1 : m == o ? 0.5 : 0;
  }
  return wins / static_cast<double>(members.size() * others.size());
}

/// As many scores on either side.
struct Scores {
  explicit Scores(Index count)
      : members(numbers(count, -0.9, 1.1, 1)), others(numbers(count, -1.1, 0.9, 2)) {}

  /// Reading both sides once.
  [[nodiscard]] Work floor() const {
    Work work = pass_over(as_rows(members), 0, 1);
    work.bytes *= 2;
    work.floor_seconds *= 2;
    return work;
  }

  Vector members, others;
};

void area_under_curve(benchmark::State& state) {
  const Scores scores(state.range(0));
  const Vector few = scores.members.head(2000), few_others = scores.others.head(2000);
  require(std::abs(auc(few, few_others).value - naive_area(few, few_others)) < 1e-12, "auc");
  for (auto _ : state) benchmark::DoNotOptimize(auc(scores.members, scores.others).value);
  report(state, scores.floor());
}

void curve(benchmark::State& state) {
  const Scores scores(state.range(0));
  const auto points = roc_curve(scores.members, scores.others);
  for (const std::size_t k : {points.size() / 3, points.size() / 2}) {
    const auto above = [&](const Vector& side) {
      return (side.array() > points[k].threshold).count();
    };
    require(points[k].true_positives == above(scores.members), "true positives");
    require(points[k].false_positives == above(scores.others), "false positives");
  }
  for (auto _ : state) benchmark::DoNotOptimize(roc_curve(scores.members, scores.others).data());
  report(state, scores.floor());
}

struct Case {
  explicit Case(const benchmark::State& state)
      : data(logistic_data(state.range(0), state.range(1))),
        objective(data, Loss(LossKind::kLogistic), true, 1e-2 * static_cast<double>(data.rows())),
        weights(Vector::Ones(data.rows())),
        before(train(objective, weights).theta) {
    set_threads(2);
    weights(7) = 0;
    after = train(objective, weights).theta;
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  const Dataset& data;
  Objective objective;
  Vector weights, before, after;
};

/// A cold fit, and what it says of the model that was unlearned.
void by_retraining(benchmark::State& state) {
  const Case input(state);
  const auto audit = [&] {
    return audit_by_retraining(input.objective, input.weights, input.after, {});
  };
  require(audit().distance <= 1e-6 * input.after.norm(), "the distance to the same model");
  require(audit_by_retraining(input.objective, input.weights, input.before, {}).distance >
              (input.before - input.after).norm() / 2,
          "the distance to another");
  for (auto _ : state) benchmark::DoNotOptimize(audit().distance);
  report(state, pass_over(input.data.features.view(), 0, 2));
}

/// The deleted row from both releases: two passes.
void reconstruct(benchmark::State& state) {
  const Case input(state);
  const auto attack = [&] {
    return reconstruct_row(input.objective, input.weights, input.before, input.after);
  };
  const auto view = input.data.features.view();
  const Vector found = attack().features.value();
  const Eigen::Map<const Vector> row(view.data() + 7 * view.cols(), view.cols());
  require((found - row).norm() <= 1e-2 * row.norm(), "the row itself");
  for (auto _ : state) benchmark::DoNotOptimize(attack().features);
  report(state, pass_over(view, 0, 2));
}

void scores_a_side(benchmark::internal::Benchmark* set) {
  set->ArgName("scores")->Unit(benchmark::kMillisecond)->Arg(30'000)->Arg(1'000'000);
}
BENCHMARK(area_under_curve)->Apply(scores_a_side);
BENCHMARK(curve)->Apply(scores_a_side);
BENCHMARK(by_retraining)
    ->ArgNames({"rows", "columns"})
    ->Args({100'000, 100})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(reconstruct)
    ->ArgNames({"rows", "columns"})
    ->Args({100'000, 100})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace recant::bench

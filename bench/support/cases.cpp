// SPDX-License-Identifier: Apache-2.0
#include "cases.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <random>

#include "machine.hpp"

namespace recant::bench {
namespace {

/// Fast enough for 10^8 numbers; a block of rows depends on its own number alone.
class Uniform {
 public:
  explicit Uniform(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
  /// In [0, 1). splitmix64.
  double operator()() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_;
};

constexpr std::align_val_t kPage{4096};

Dataset make(Index rows, Index columns) {
  const Vector truth = numbers(columns, -2, 2, 1);
  // As rows that were read lie: at the start of a page, not 16 bytes behind a line of the cache.
  const std::shared_ptr<double[]> owner(
      static_cast<double*>(operator new[](static_cast<std::size_t>(rows * columns) * sizeof(double),
                                          kPage)),
      [](double* values) { operator delete[](values, kPage); });
  Eigen::Map<RowMatrix> features(owner.get(), rows, columns);
  Dataset data;
  data.targets.resize(rows);
  data.weights = Vector::Ones(rows);
  data.class_names = {"0", "1"};
  data.sensitive = {{.name = "", .groups = {"0", "1"}, .codes = {}}};
  data.sensitive[0].codes.resize(static_cast<std::size_t>(rows));
  for_each_block(rows, [&](RowBlock block) {
    // A row takes columns + 2 numbers: a block goes on where the one before ends, so that no row
    // comes twice.
    Uniform uniform(static_cast<std::uint64_t>(block.begin * (columns + 2)) + 17);
    for (Index i = block.begin; i < block.end; ++i) {
      for (Index j = 0; j < columns; ++j) features(i, j) = 2 * uniform() - 1;
      const double score = 3 * features.row(i).dot(truth) / std::sqrt(static_cast<double>(columns));
      data.targets[i] = uniform() < 1 / (1 + std::exp(-score)) ? 1 : 0;
      data.sensitive[0].codes[static_cast<std::size_t>(i)] = features(i, 0) + uniform() > 0.5;
    }
  });
  data.features = FeatureMatrix(owner.get(), rows, columns, owner);
  data.ids.numbers.resize(static_cast<std::size_t>(rows));
  std::iota(data.ids.numbers.begin(), data.ids.numbers.end(), 1);
  return data;
}

}  // namespace

const Dataset& logistic_data(Index rows, Index columns) {
  // Only the last one is kept: the largest fill most of a small machine.
  static std::map<std::pair<Index, Index>, Dataset> kept;
  const std::pair key(rows, columns);
  if (!kept.contains(key)) {
    kept.clear();
    kept.emplace(key, make(rows, columns));
  }
  return kept.at(key);
}

Vector numbers(Index n, double low, double high, unsigned seed) {
  Uniform uniform(seed);
  return Vector::NullaryExpr(n, [&](Index) { return low + (high - low) * uniform(); });
}

void report(benchmark::State& state, const Work& work) {
  using benchmark::Counter;
  const auto iterations = static_cast<double>(state.iterations());
  if (work.bytes > 0) {
    state.counters["bytes"] = Counter(work.bytes * iterations, Counter::kIsRate);
  }
  if (work.flops > 0) {
    state.counters["flop"] = Counter(work.flops * iterations, Counter::kIsRate);
  }
  if (work.floor_seconds > 0) {
    state.counters["times_floor"] =
        Counter(work.floor_seconds * iterations, Counter::kIsRate | Counter::kInvert);
  }
}

Work pass_over(RowsView rows, double flops, int threads) {
  static std::map<int, double> peaks;
  if (!peaks.contains(threads)) peaks[threads] = peak_flops(threads);
  const double multiply = flops / peaks[threads];
  return {.bytes = 8.0 * static_cast<double>(rows.size()),
          .flops = flops,
          .floor_seconds = std::max(read_seconds(rows, threads), multiply)};
}

}  // namespace recant::bench

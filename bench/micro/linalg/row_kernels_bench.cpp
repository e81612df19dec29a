// SPDX-License-Identifier: Apache-2.0
// The three kernels of a pass over rows, walked block by block as the passes do, and OpenBLAS's
// dsyrk on the whole matrix, which the weighted Gram matrix is to keep up with.
#include "recant/linalg/row_kernels.hpp"

#include <benchmark/benchmark.h>
#include <cblas.h>
#include <hwy/targets.h>

#include <cmath>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"

namespace recant::bench {
namespace {

constexpr Index kGroups = 4;

/// rows, columns and threads of a case.
struct Case {
  explicit Case(const benchmark::State& state)
      : data(logistic_data(state.range(0), state.range(1))),
        threads(static_cast<int>(state.range(2))),
        n(data.rows()),
        d(data.features.columns()),
        weights(numbers(n, 0, 1, 2)) {
    set_threads(threads);
  }
  ~Case() { set_threads(0); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  [[nodiscard]] double gram_flops() const { return static_cast<double>(n * d * (d + 1)); }
  [[nodiscard]] double product_flops() const { return 2 * static_cast<double>(n * d); }

  const Dataset& data;
  int threads;
  Index n, d;
  Vector weights;
};

bool close(double value, double wanted) {
  return std::abs(value - wanted) <= 1e-9 * (1 + std::abs(wanted));
}

Matrix gram(const Case& input) {
  return reduce_rows(
      input.n, kGroups, Matrix(Matrix::Zero(input.d, input.d)),
      [&](Matrix& sum, RowBlock block) {
        thread_local GramScratch scratch;
        for (Index begin = block.begin; begin < block.end; begin += GramScratch::kRows) {
          const RowBlock part{begin, std::min(block.end, begin + GramScratch::kRows)};
          const RowBlock next{part.end, std::min(input.n, part.end + GramScratch::kRows)};
          scratch.begin(input.d);
          scratch.append(
              input.data.features.block(part), false,
              {input.weights.data() + part.begin, static_cast<std::size_t>(part.size())});
          scratch.add_gram(1, sum, input.data.features.block(next));
        }
      },
      [](Matrix& into, const Matrix& from) { into += from; });
}

void weighted_gram(benchmark::State& state) {
  const Case input(state);
  const Matrix found = gram(input);
  const RowsView x = input.data.features.view();
  for (const Index j : {Index{0}, input.d / 2, input.d - 1}) {
    double sum = 0;
    for (Index i = 0; i < input.n; ++i) sum += input.weights[i] * x(i, input.d - 1) * x(i, j);
    require(close(found(input.d - 1, j), sum), "weighted_gram");
  }
  for (auto _ : state) benchmark::DoNotOptimize(gram(input).data());
  report(state, pass_over(x, input.gram_flops(), input.threads));
}

/// The same where the processor has no wider vectors than AVX2: flop over that peak is `of_peak`.
void weighted_gram_avx2(benchmark::State& state) {
  const Case input(state);
  const Matrix wanted = gram(input);
  hwy::SetSupportedTargetsForTest(HWY_AVX2);
  require((gram(input) - wanted).triangularView<Eigen::Lower>().toDenseMatrix().norm() <=
              1e-12 * wanted.norm(),
          "weighted_gram_avx2");
  for (auto _ : state) benchmark::DoNotOptimize(gram(input).data());
  hwy::SetSupportedTargetsForTest(0);
  report(state, pass_over(input.data.features.view(), input.gram_flops(), input.threads));
  state.counters["of_peak"] =
      benchmark::Counter(input.gram_flops() / peak_flops(input.threads, true),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void openblas_dsyrk(benchmark::State& state) {
  const Case input(state);
  const RowsView x = input.data.features.view();
  Matrix sum = Matrix::Zero(input.d, input.d);
  const auto product = [&] {
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, static_cast<int>(input.d),
                static_cast<int>(input.n), 1, x.data(), static_cast<int>(input.d), 0, sum.data(),
                static_cast<int>(input.d));
  };
  openblas_set_num_threads(input.threads);
  product();
  for (const Index j : {Index{0}, input.d / 2, input.d - 1}) {
    require(close(sum(input.d - 1, j), x.col(j).dot(x.col(input.d - 1))), "dsyrk");
  }
  for (auto _ : state) product();
  openblas_set_num_threads(1);
  report(state, pass_over(x, input.gram_flops(), input.threads));
}

void scores_of_rows(benchmark::State& state) {
  const Case input(state);
  const Matrix coefficients = numbers(input.d, -1, 1, 3);
  Matrix scores(input.n, 1);
  const auto pass = [&] {
    for_each_block(input.n, [&](RowBlock block) {
      row_scores(input.data.features.block(block), false, coefficients,
                 scores.middleRows(block.begin, block.size()));
    });
  };
  pass();
  for (const Index i : {Index{0}, input.n / 2, input.n - 1}) {
    double sum = 0;
    for (Index j = 0; j < input.d; ++j) {
      sum += input.data.features.row(i)(0, j) * coefficients(j, 0);
    }
    require(close(scores(i, 0), sum), "row_scores");
  }
  for (auto _ : state) pass();
  report(state, pass_over(input.data.features.view(), input.product_flops(), input.threads));
}

void weighted_rows(benchmark::State& state) {
  const Case input(state);
  const auto pass = [&] {
    return reduce_rows(
        input.n, 64, Matrix(Matrix::Zero(input.d, 1)),
        [&](Matrix& sum, RowBlock block) {
          add_weighted_rows(input.data.features.block(block), false,
                            input.weights.segment(block.begin, block.size()), sum);
        },
        [](Matrix& into, const Matrix& from) { into += from; });
  };
  const Matrix found = pass();
  for (const Index j : {Index{0}, input.d / 2, input.d - 1}) {
    require(close(found(j, 0), input.data.features.view().col(j).dot(input.weights)),
            "add_weighted_rows");
  }
  for (auto _ : state) benchmark::DoNotOptimize(pass().data());
  report(state, pass_over(input.data.features.view(), input.product_flops(), input.threads));
}

void sizes(benchmark::internal::Benchmark* set) {
  set->ArgNames({"rows", "columns", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const int threads : {1, 2}) set->Args({100'000, 100, threads});
  for (const int threads : {1, 2}) set->Args({12'000, 784, threads});
}
BENCHMARK(weighted_gram)->Apply(sizes);
BENCHMARK(weighted_gram_avx2)->Apply(sizes);
BENCHMARK(openblas_dsyrk)->Apply(sizes);
BENCHMARK(scores_of_rows)->Apply(sizes);
BENCHMARK(weighted_rows)->Apply(sizes);

}  // namespace
}  // namespace recant::bench

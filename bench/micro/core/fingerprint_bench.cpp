// SPDX-License-Identifier: Apache-2.0
// The fingerprint by which saved work is known again. The floor is reading the numbers once; each
// waits for the one before, a chain of two products.
#include "recant/core/fingerprint.hpp"

#include <benchmark/benchmark.h>

#include "cases.hpp"
#include "machine.hpp"

namespace recant::bench {
namespace {

/// As the definition says it, word by word.
std::uint64_t naive_fingerprint(std::span<const double> values) {
  std::uint64_t state = 0;
  const auto add = [&](std::uint64_t word) {
    state = (state ^ word) + 0x9E3779B97F4A7C15U;
    for (const auto& [shift, factor] :
         {std::pair{30, 0xBF58476D1CE4E5B9U}, {27, 0x94D049BB133111EBU}}) {
      state = (state ^ (state >> shift)) * factor;
    }
    state ^= state >> 31;
  };
  add(values.size());
  for (const double value : values) add(std::bit_cast<std::uint64_t>(value));
  return state;
}

void fingerprint(benchmark::State& state) {
  const Vector values = numbers(state.range(0), -1, 1, 1);
  const std::span<const double> span(values.data(), static_cast<std::size_t>(values.size()));
  const auto of_all = [&] {
    Fingerprint of;
    of.add(span);
    return of.value();
  };
  require(of_all() == naive_fingerprint(span), "fingerprint");
  for (auto _ : state) benchmark::DoNotOptimize(of_all());
  report(state, pass_over(RowsView(values.data(), values.size(), 1), 0, 1));
}

BENCHMARK(fingerprint)->ArgName("numbers")->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace recant::bench

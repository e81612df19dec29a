// SPDX-License-Identifier: Apache-2.0
#include "machine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"

// One body, compiled for each width of vector registers; the processor chooses when it starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RECANT_EVERY_WIDTH __attribute__((target_clones("avx512f", "fma", "default")))
#else
#define RECANT_EVERY_WIDTH
#endif

namespace recant::bench {
namespace {

constexpr Index kLanes = 8;
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));

RECANT_EVERY_WIDTH double sum(const double* values, Index count) {
  Lanes sums[4] = {};
  const Index step = 4 * kLanes;
  Index i = 0;
  for (; i + step <= count; i += step) {
    for (Index k = 0; k < 4; ++k) {
      Lanes part;
      __builtin_memcpy(&part, values + i + k * kLanes, sizeof part);
      sums[k] += part;
    }
  }
  double total = 0;
  for (const Lanes& part : sums) {
    for (Index lane = 0; lane < kLanes; ++lane) total += part[lane];
  }
  for (; i < count; ++i) total += values[i];
  return total;
}

struct Eight {
  using Wide = Lanes;
};
struct Four {
  using Wide = double __attribute__((vector_size(4 * sizeof(double))));
};
struct Two {
  using Wide = double __attribute__((vector_size(2 * sizeof(double))));
};

/// As many chains of multiply-adds as hide the time of one and still have a register each. Returns
/// something that depends on all of them.
template <class Width, Index kChains>
[[gnu::always_inline]] inline double chains_of(Index steps, double start) {
  using Wide = typename Width::Wide;
  Wide chains[kChains];
  // Different from each other, or the compiler would do one chain for all.
  for (Index k = 0; k < kChains; ++k) chains[k] = Wide{} + (start + static_cast<double>(k));
  for (Index i = 0; i < steps; ++i) {
    for (Wide& chain : chains) chain = chain * 0.5 + 1.0;
  }
  double total = 0;
  for (const Wide& chain : chains) total += chain[0];
  return total;
}

struct Chains {
  double (*run)(Index steps, double start);
  Index at_once;  // multiply-adds of a step
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target("avx512f"))) double chains_avx512(Index steps, double start) {
  return chains_of<Eight, 16>(steps, start);
}
__attribute__((target("avx2,fma"))) double chains_avx2(Index steps, double start) {
  return chains_of<Four, 12>(steps, start);
}
#endif
double chains_plain(Index steps, double start) {
  return chains_of<Two, 8>(steps, start);
}

Chains widest_chains([[maybe_unused]] bool avx2_at_most) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  if (!avx2_at_most && __builtin_cpu_supports("avx512f")) return {chains_avx512, 8 * 16};
  if (__builtin_cpu_supports("fma")) return {chains_avx2, 4 * 12};
#endif
  return {chains_plain, 2 * 8};
}

template <class Task>
double least_seconds(int repeats, Task&& task) {
  double least = 1e300;
  for (int i = 0; i < repeats; ++i) {
    Stopwatch watch;
    task();
    least = std::min(least, watch.lap());
  }
  return least;
}

/// Runs with `count` threads and puts back what was set before.
template <class Task>
auto with_threads(int count, Task&& task) {
  const int before = threads();
  set_threads(count);
  const auto result = task();
  set_threads(before);
  return result;
}

std::atomic<double> sink{0};  // what is computed must be used

}  // namespace

void read_all(RowsView rows) {
  for_each_block(rows.rows(), [&](RowBlock block) {
    sink = sum(rows.data() + block.begin * rows.cols(), block.size() * rows.cols());
  });
}

double read_seconds(RowsView rows, int count) {
  constexpr int kRepeats = 5;
  return with_threads(count, [&] { return least_seconds(kRepeats, [&] { read_all(rows); }); });
}

double stream_bytes_per_second(int count) {
  constexpr Index kRows = 1 << 19, kColumns = 128;  // 512 MB
  const std::vector<double> values(static_cast<std::size_t>(kRows * kColumns), 1.0);
  return 8.0 * static_cast<double>(values.size()) /
         read_seconds(RowsView(values.data(), kRows, kColumns), count);
}

double write_seconds(double bytes, int count) {
  constexpr int kRepeats = 5;
  constexpr Index kPiece = 1 << 17;  // of doubles
  std::vector<double> values(static_cast<std::size_t>(bytes / sizeof(double)) + 1, 1.0);
  const auto size = static_cast<Index>(values.size());
  return with_threads(count, [&] {
    return least_seconds(kRepeats, [&] {
      parallel_for((size + kPiece - 1) / kPiece, [&](Index piece) {
        const Index begin = piece * kPiece;
        std::fill_n(values.data() + begin, std::min(kPiece, size - begin), sink.load());
      });
    });
  });
}

double scan_seconds(std::string_view text) {
  constexpr int kRepeats = 5;
  std::array<unsigned char, 256> separates{};
  for (const char one : {',', '\n', '"'}) separates[static_cast<unsigned char>(one)] = 1;
  return least_seconds(kRepeats, [&] {
    std::int64_t found = 0;
    for (const char one : text) found += separates[static_cast<unsigned char>(one)];
    sink = static_cast<double>(found);
  });
}

double peak_flops(int count, bool avx2_at_most) {
  constexpr Index kSteps = 4'000'000;
  constexpr int kRepeats = 5;
  const Chains chains = widest_chains(avx2_at_most);
  return with_threads(count, [&] {
    const double seconds = least_seconds(
        kRepeats, [&] { parallel_for(count, [&](Index) { sink = chains.run(kSteps, sink); }); });
    return 2.0 * static_cast<double>(kSteps * chains.at_once * count) / seconds;
  });
}

namespace {

/// The rest of the first line of a file of /proc that starts with `key`.
std::string proc_line(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

double bytes_of(const std::string& key) {
  std::istringstream kilobytes(proc_line("/proc/self/status", key));
  double value = 0;
  kilobytes >> value;
  return 1024 * value;
}

}  // namespace

double peak_resident_bytes() {
  return bytes_of("VmHWM");
}

double resident_bytes() {
  return bytes_of("VmRSS");
}

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

std::string processor() {
  return proc_line("/proc/cpuinfo", "model name");
}

void require(bool right, const char* what) {
  if (right) return;
  std::cerr << "wrong answer: " << what << '\n';
  std::exit(1);
}

}  // namespace recant::bench

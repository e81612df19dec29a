// SPDX-License-Identifier: Apache-2.0
/// What the calls of door.py cost in C++: the same rows, the same calls, no Python.
///
///   door_bench X.npy y.npy V.npy v.npy REPEATS
/// prints {"influence": {"seconds": [...], "processor_seconds": [...]}, ...}, of one thread.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/influence.hpp"
#include "recant/engine/json.hpp"
#include "recant/model/linear_model.hpp"

namespace {

using namespace recant;

/// Keeps what is freed, as glibc does by itself in a process that has freed large arrays, which the
/// process of door.py has: 33 MB of vectors a call would else come from the system anew, page by
/// page.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, INT_MAX);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

/// A copy in huge pages, which NumPy asks for too.
FeatureMatrix as_numpy_keeps(const FeatureMatrix& features) {
  constexpr std::size_t kHugePage = std::size_t{1} << 21;
  const auto values = static_cast<std::size_t>(features.view().size());
  const std::size_t bytes = (values * sizeof(double) + kHugePage - 1) / kHugePage * kHugePage;
  const std::shared_ptr<double> memory(static_cast<double*>(std::aligned_alloc(kHugePage, bytes)),
                                       std::free);
  madvise(memory.get(), bytes, MADV_HUGEPAGE);
  std::copy_n(features.view().data(), values, memory.get());
  return {memory.get(), features.rows(), features.columns(), memory};
}

}  // namespace

int main(int, char** arguments) {
  set_threads(1);
  keep_freed_memory();
  FitRequest request;
  request.rows.arrays = ArrayFiles{arguments[1], arguments[2], {}, {}};
  FittedModel fitted = fit(request).first;
  fitted.rows.features = as_numpy_keeps(fitted.rows.features);
  const MeasuredRows held =
      load_rows(fitted, {.csv = {}, .arrays = ArrayFiles{arguments[3], arguments[4], {}, {}}});
  const Dataset one_row = slice(held.data, {0, 1});
  nlohmann::json found;
  const auto time = [&](const char* call, const auto& work) {
    std::vector<double> seconds, processor;
    work();
    for (int k = 0; k < std::stoi(arguments[5]); ++k) {
      Stopwatch watch;
      const std::clock_t start = std::clock();
      work();
      processor.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
      seconds.push_back(watch.lap());
    }
    found[call] = {{"seconds", seconds}, {"processor_seconds", processor}};
  };
  time("influence", [&] {
    const auto [values, report] = influence(fitted, held.data, "utility");
    static_cast<void>(to_json(report));
  });
  if (fitted.rows.rows() < 10'000) {  // of many a fit is no matter of the door
    time("fit", [&] { static_cast<void>(fit_rows(fitted.rows, request)); });
  }
  time("predict one row", [&] { static_cast<void>(scores(fitted.model, one_row.features)); });
  time("evaluate", [&] {
    Stopwatch watch;
    const Evaluation evaluation = evaluate(held.data, fitted.model, fitted.settings);
    static_cast<void>(to_json(evaluation, held, watch.lap()));
  });
  fmt::print("{}\n", found.dump());
}

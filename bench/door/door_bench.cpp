// SPDX-License-Identifier: Apache-2.0
/// What the calls of door.py cost in C++: the same rows, the same calls, no Python.
///
///   door_bench X.npy y.npy V.npy v.npy REPEATS
/// prints {"influence": {"seconds": [...], "processor_seconds": [...]}, ...}, of one thread.
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/influence.hpp"
#include "recant/engine/json.hpp"
#include "recant/model/linear_model.hpp"

int main(int, char** arguments) {
  using namespace recant;
  set_threads(1);
  FitRequest request;
  request.rows.arrays = ArrayFiles{arguments[1], arguments[2], {}, {}};
  const FittedModel fitted = fit(request).first;
  const MeasuredRows held =
      load_rows(fitted, {.csv = {}, .arrays = ArrayFiles{arguments[3], arguments[4], {}, {}}});
  // Mapped files are read on first use: the loops below find them in memory.
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
  time("predict one row", [&] { static_cast<void>(scores(fitted.model, one_row.features)); });
  time("evaluate", [&] {
    Stopwatch watch;
    const Evaluation evaluation = evaluate(held.data, fitted.model, fitted.settings);
    static_cast<void>(to_json(evaluation, held, watch.lap()));
  });
  fmt::print("{}\n", found.dump());
}

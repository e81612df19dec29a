// SPDX-License-Identifier: Apache-2.0
// Solves the program of bounded soft weights from arrays. Prints seconds and the least they could
// be here, and writes the answer.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/npy.hpp"
#include "recant/linalg/qp.hpp"

namespace recant::bench {
namespace {

struct Request {
  std::filesystem::path data, answer;
  double kappa = 1, limit = 0;
  int repeats = 1;
};

/// Reading the four vectors of the program, gap, utility and both bounds, once for each dual step.
double floor_seconds(Index unknowns, std::int64_t steps) {
  const RowMatrix vectors = RowMatrix::Ones(unknowns, 4);
  return static_cast<double>(std::max<std::int64_t>(steps, 1)) *
         read_seconds(RowsView(vectors.data(), unknowns, 4), threads());
}

nlohmann::ordered_json run(const Request& request) {
  const Vector gap = read_npy_vector(request.data / "gap.npy");
  const Vector utility = read_npy_vector(request.data / "utility.npy");
  const Vector lower = Vector::Constant(gap.size(), -1), upper = Vector::Ones(gap.size());
  const QpProblem problem{.linear = view(gap),
                          .kappa = request.kappa,
                          .lower = view(lower),
                          .upper = view(upper),
                          .constraints = {{view(gap), request.limit, QpRelation::kAtMost},
                                          {view(utility), 0, QpRelation::kAtLeast}}};
  std::vector<double> seconds;
  QpResult result;
  for (int i = 0; i < request.repeats; ++i) {
    Stopwatch watch;
    result = solve_qp(problem);
    seconds.push_back(watch.lap());
  }
  if (!request.answer.empty()) write_npy(request.answer, result.e);
  const double memory = peak_resident_bytes();
  return {{"seconds", seconds},
          {"floor", floor_seconds(gap.size(), result.iterations)},
          {"status", name(result.status)},
          {"residual", result.residual.worst()},
          {"iterations", result.iterations},
          {"passes", result.passes},
          {"at_bound", result.at_lower + result.at_upper},
          {"memory", memory}};
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("minimise -gap^T e + kappa |e|^2, gap^T e <= limit, utility^T e >= 0, -1 <= e <= 1");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("data", request.data, "folder with gap.npy and utility.npy")->required();
  app.add_option("--kappa", request.kappa)->required();
  app.add_option("--limit", request.limit)->required();
  app.add_option("--repeats", request.repeats);
  app.add_option("--threads", threads, "0: one per processor");
  app.add_option("--answer", request.answer, "file to write e to");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", run(request).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "qp_bench: {}\n", error.what());
    return 1;
  }
}

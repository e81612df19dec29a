// SPDX-License-Identifier: Apache-2.0
// Fits arrays to a gradient norm. Prints seconds without loading, what so many passes and Hessians
// take alone, and the least that they could take here, and writes the parameters.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "floor.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/arrays.hpp"
#include "recant/data/npy.hpp"
#include "recant/model/trainer.hpp"

namespace recant::bench {
namespace {

struct Request {
  std::filesystem::path data, theta;
  double l2 = 1, gradient_norm = 1e-8;
  int repeats = 1;
};

/// Least of five.
template <class Task>
double least_seconds(Task&& task) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 5; ++i) {
    Stopwatch watch;
    task();
    least = std::min(least, watch.lap());
  }
  return least;
}

/// What so many gradient passes and Hessians take alone, at the fitted model.
double parts_alone(const Dataset& rows, double l2, const TrainerResult& fitted) {
  const Objective objective(rows, Loss(LossKind::kLogistic), true, l2);
  const Vector &theta = fitted.theta, &weights = rows.weights;
  return fitted.passes * least_seconds([&] {
           require(std::isfinite(objective.evaluate(theta, weights).value), "a pass");
         }) +
         fitted.hessians * least_seconds([&] {
           require(objective.hessian(theta, weights)(0, 0) > 0, "a Hessian");
         });
}

nlohmann::ordered_json run(const Request& request) {
  const Dataset rows = read_arrays({.features = request.data / "train_features.npy",
                                    .targets = request.data / "train_targets.npy",
                                    .groups = {},
                                    .row_weights = {}});
  // The trainer's tolerance is relative to sum w |phi'| |x|, which a first fit finds out.
  TrainerOptions options{.tolerance = 1e-8, .refine = false};
  const auto fit = [&] {
    const Objective objective(rows, Loss(LossKind::kLogistic), true, request.l2);
    return train(objective, rows.weights, options);
  };
  const TrainerResult rough = fit();
  options.tolerance *= request.gradient_norm / rough.gradient_tolerance;

  TrainerResult result;
  std::vector<double> seconds;
  for (int i = 0; i < request.repeats; ++i) {
    Stopwatch watch;
    result = fit();
    seconds.push_back(watch.lap());
  }
  // The sum that the tolerance is relative to is not quite what it was in the first fit.
  require(result.converged && result.gradient_norm <= 1.001 * request.gradient_norm,
          "the gradient norm that was asked for");
  if (!request.theta.empty()) write_npy(request.theta, result.theta);
  const Floor floor(rows.features.view(), threads());
  return {{"seconds", seconds},
          {"floor", floor.fit(result.passes, result.hessians)},
          {"parts", parts_alone(rows, request.l2, result)},
          {"bytes_per_second", floor.bytes_per_second()},
          {"flops", floor.flops()},
          {"converged", result.converged},
          {"gradient_norm", result.gradient_norm},
          {"passes", result.passes},
          {"hessians", result.hessians}};
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Fits DATA/train_*.npy to a gradient norm");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("data", request.data, "folder with the NPY files")->required();
  app.add_option("--l2", request.l2);
  app.add_option("--gradient-norm", request.gradient_norm);
  app.add_option("--repeats", request.repeats);
  app.add_option("--threads", threads, "0: one per processor");
  app.add_option("--theta", request.theta, "file to write the parameters to");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", run(request).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "fit_bench: {}\n", error.what());
    return 1;
  }
}

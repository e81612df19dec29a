// SPDX-License-Identifier: Apache-2.0
// Values arrays by KNN-Shapley. Prints seconds without loading, the least they could be here, and
// memory, and writes the values.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/arrays.hpp"
#include "recant/data/npy.hpp"
#include "recant/valuation/knn_ranks.hpp"

namespace recant::bench {
namespace {

struct Request {
  std::filesystem::path data, values;
  KnnShapleyOptions options;
  Index validation_rows = 1000;
  Index leave = 0;  // rows that leave, for the update
  int repeats = 1;
};

Dataset rows(const std::filesystem::path& folder, const std::string& part) {
  return read_arrays({.features = folder / (part + "_features.npy"),
                      .targets = folder / (part + "_targets.npy"),
                      .groups = {},
                      .row_weights = {}});
}

/// Every validation row with every training row: the product of their features at the peak of fused
/// multiply-adds, then three passes of a sort over 8 bytes a pair, each reading and writing them,
/// at the rate at which a core reads such a list.
double floor_seconds(const Dataset& training, const Dataset& validation) {
  const auto rows = static_cast<double>(validation.rows());
  const double product = 2 * rows * static_cast<double>(training.features.view().size());
  const Vector items = Vector::Ones(training.rows());
  const double list = read_seconds(RowsView(items.data(), items.size(), 1), 1);
  return product / peak_flops(threads()) + 6 * list * rows / threads();
}

nlohmann::ordered_json run(const Request& request) {
  Dataset training = rows(request.data, "train");
  Dataset validation = rows(request.data, "validation");
  validation = slice(validation, {0, std::min(validation.rows(), request.validation_rows)});
  nlohmann::ordered_json found;
  const auto time = [&](const char* what, auto&& work) {
    for (int i = 0; i < request.repeats; ++i) {
      Stopwatch watch;
      work();
      found["seconds"][what].push_back(watch.lap());
    }
  };
  KnnShapleyResult result;
  time("fresh", [&] { result = knn_shapley(training, validation, request.options); });
  found["memory"] = peak_resident_bytes();
  if (!request.values.empty()) write_npy(request.values, result.values);
  require(std::abs(result.values.sum() - result.total()) <=
              1e-10 + static_cast<double>(training.rows()) * result.error_bound,
          "the values add up");
  if (request.leave > 0) {
    std::vector<Index> leaving;
    for (Index i = 0; i < request.leave; ++i) {
      leaving.push_back(i * training.rows() / request.leave);
      training.weights(leaving.back()) = 0;
    }
    std::optional<KnnRanks> ranks;
    time("ranks", [&] { ranks.emplace(training, validation); });
    training.weights.setOnes();
    ranks.emplace(training, validation);
    time("remove", [&] { ranks->remove(leaving); });  // the first does it, others find it done
    KnnShapleyResult updated;
    time("values", [&] { updated = ranks->classification(request.options); });
    for (const Index row : leaving) training.weights(row) = 0;
    time("fresh_after", [&] { result = knn_shapley(training, validation, request.options); });
    require(updated.values == result.values, "an update is a fresh run");
  }
  found["floor"] = floor_seconds(training, validation);
  return found;
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Values DATA/train_*.npy by DATA/validation_*.npy");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("data", request.data, "folder with the NPY files")->required();
  app.add_option("--neighbors", request.options.neighbors);
  app.add_option("--truncate", request.options.truncate);
  app.add_option("--validation-rows", request.validation_rows, "the first so many");
  app.add_option("--leave", request.leave, "also let so many rows leave");
  app.add_option("--repeats", request.repeats);
  app.add_option("--threads", threads, "0: one per processor");
  app.add_option("--values", request.values, "file to write the values to");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", run(request).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "knn_bench: {}\n", error.what());
    return 1;
  }
}

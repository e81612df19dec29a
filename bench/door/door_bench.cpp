// SPDX-License-Identifier: Apache-2.0
/// What the calls of door.py cost in C++: the same rows, the same calls, no Python.
///
/// A library that door.py loads beside the package: in one process both find the same memory, the
/// same caches and the same files, and what is left between them is the door. It reads features,
/// targets and groups of training (X.npy, y.npy, g.npy) and validation (V.npy, v.npy, h.npy),
/// theta.npy to be adopted and, of few rows, train.csv and held.csv, and tells
/// {"influence": {"seconds": [...], "processor_seconds": [...]}, ...}, of one thread. What the
/// package makes into the command's JSON at once, all but a correction, is made into it here too.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/adopt.hpp"
#include "recant/engine/correct.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/influence.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/value.hpp"
#include "recant/engine/vault.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/weighting/hard.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace {

using namespace recant;
using std::filesystem::path;

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

std::string bytes_of(const path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Seconds of each call, by its name: `repeats` times, or as often as two seconds allow, but no
/// less than seven times.
class Times {
 public:
  explicit Times(int repeats) : repeats_(repeats) {}

  template <class Work>
  void of(const char* call, Work&& work) {
    std::vector<double> seconds, processor;
    work();
    double total = 0;
    for (int k = 0; k < repeats_ && (k < 7 || total < 2); ++k) {
      Stopwatch watch;
      const std::clock_t start = std::clock();
      work();
      processor.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
      seconds.push_back(watch.lap());
      total += seconds.back();
    }
    found_[call] = {{"seconds", seconds}, {"processor_seconds", processor}};
  }

  /// Those of `others` too.
  void take(const Times& others) { found_.update(others.found_); }
  [[nodiscard]] std::string json() const { return found_.dump(); }

 private:
  int repeats_;
  nlohmann::json found_;
};

/// The rows of door.py and the model of them.
struct Case {
  explicit Case(const path& folder)
      : training{.csv = {},
                 .arrays = ArrayFiles{folder / "X.npy", folder / "y.npy", folder / "g.npy", {}}},
        validation{.csv = {},
                   .arrays = ArrayFiles{folder / "V.npy", folder / "v.npy", folder / "h.npy", {}}},
        theta(read_npy_vector(folder / "theta.npy")) {
    request.rows = training;
    fitted = fit(request).first;
    fitted.rows.features = as_numpy_keeps(fitted.rows.features);
    held = load_rows(fitted, validation);
  }

  RowSource training, validation;
  Vector theta;
  FitRequest request;
  FittedModel fitted;
  MeasuredRows held;
};

/// What is done with a model in memory.
void time_models(const Case& rows, Times& times) {
  const FittedModel& fitted = rows.fitted;
  const Dataset& held = rows.held.data;
  const Dataset one_row = slice(held, {0, 1});
  times.of("fit", [&] { static_cast<void>(fit_rows(fitted.rows, rows.request)); });
  times.of("adopt", [&] {
    const auto [adopted, report] = adopt(fitted.rows, rows.theta, rows.request);
    static_cast<void>(to_json(adopted, report));
  });
  times.of("decision_function, one row",
           [&] { static_cast<void>(scores(fitted.model, one_row.features)); });
  times.of("decision_function", [&] { static_cast<void>(scores(fitted.model, held.features)); });
  times.of("predict_proba", [&] { static_cast<void>(probabilities(fitted.model, held.features)); });
  times.of("evaluate", [&] {
    Stopwatch watch;
    const Evaluation evaluation = evaluate(held, fitted.model, fitted.settings);
    static_cast<void>(to_json(evaluation, rows.held, watch.lap()));
  });
  const CorrectionRequest close{.goals = {"demographic_parity"}, .options = {}};
  times.of("correct", [&] { static_cast<void>(correct(fitted, held, nullptr, close)); });
  CorrectionRequest once = close;  // the core does as little as it can
  once.options.rounds = 1;
  once.options.bounded = false;
  once.options.update = UpdateKind::kInfluence;
  times.of("correct, one step", [&] { static_cast<void>(correct(fitted, held, nullptr, once)); });
  times.of("forget", [&] {
    const auto [left, report] = forget_rows(fitted, {.rows = {7, 11}});
    static_cast<void>(to_json(report));
  });
}

/// What says which rows matter, and weighs them.
void time_rows(const Case& rows, Times& times) {
  const auto [gap, about] = influence(rows.fitted, rows.held.data, "demographic_parity");
  const Vector loss = influence(rows.fitted, rows.held.data, "utility").first;
  const double size = about.metric_value;
  times.of("soft_weights", [&] { static_cast<void>(soft_weights(gap, loss, size)); });
  times.of("soft_weights, bounds", [&] {
    const std::vector<SoftGoal> goals = {{.influence = view(gap), .value = size}};
    static_cast<void>(soft_weights_bounded(goals, loss, rows.fitted.rows.weights, {}));
  });
  times.of("hard_weights", [&] {
    static_cast<void>(hard_weights(gap, size, rows.fitted.rows.weights, {.count = 5}));
  });
  for (const char* method : {"knn_shapley", "influence", "leave_one_out", "data_shapley",
                             "beta_shapley", "data_banzhaf"}) {
    ValueRequest request;
    request.method = method;
    request.sampling.max_samples = 64;
    times.of(fmt::format("values.{}", method).c_str(), [&] {
      const ValueReport report = value(rows.fitted, rows.held.data, request);
      static_cast<void>(to_json(report, rows.fitted.rows.ids));
    });
  }
}

/// Deletes a row more with each call.
auto next_row_from(Vault& vault) {
  return [&vault, request = ForgetRequest{.rows = {0}}]() mutable {
    static_cast<void>(to_json(vault.forget(request)));
    ++request.rows.front();
  };
}

/// What is done with a model on disk, made of a CSV file.
void time_folders(const path& folder, Times& times, Times& few) {
  FitRequest request;
  request.rows.csv = folder / "train.csv";
  request.table.target = "label";
  request.table.positive = "yes";
  request.table.sensitive = {"group"};
  const FittedModel fitted = fit(request).first;
  const path model = folder / "cpp.rct", alone = folder / "alone.rct";
  const RowSource held{.csv = folder / "held.csv", .arrays = {}};
  Vault::create(model, fitted, true);
  Vault::create(alone, fitted, true);
  times.of("Vault()", [&] { static_cast<void>(Vault::open(model)); });
  times.of("Vault.evaluate", [&] {
    const MeasuredRows rows = load_rows(fitted, held);
    Stopwatch watch;
    const Evaluation evaluation = evaluate(rows.data, fitted.model, fitted.settings);
    static_cast<void>(to_json(evaluation, rows, watch.lap()));
  });
  times.of("Vault.influence", [&] {
    const MeasuredRows rows = load_rows(fitted, held);
    static_cast<void>(to_json(influence(fitted, rows.data, "utility").second));
  });
  const CorrectionRequest close{.goals = {"demographic_parity"}, .options = {}};
  times.of("Vault.correct", [&] {
    const MeasuredRows rows = load_rows(fitted, held);
    static_cast<void>(correct(fitted, rows.data, nullptr, close));
  });
  {
    Vault vault = Vault::open_for_writing(model);
    few.of("Vault.forget, in a with block", next_row_from(vault));
  }
  few.of("Vault.forget, alone", [&alone, request = ForgetRequest{.rows = {0}}]() mutable {
    Vault vault = Vault::open_for_writing(alone);
    static_cast<void>(to_json(vault.forget(request)));
    ++request.rows.front();
  });
  times.of("Vault.status", [&] { static_cast<void>(to_json(Vault::status(model))); });
  times.of("Vault.check", [&] {
    const VaultStatus status = Vault::status(model);
    const VaultCheck check = Vault::check(model);
    static_cast<void>(to_json(status, &check));
  });
  const path published = model / "published";
  times.of("certificate.verify", [&] {
    Stopwatch watch;
    const Verification found = verify({.certificate = bytes_of(published / "certificate.json"),
                                       .public_key = bytes_of(published / "public-key.json"),
                                       .parameters = bytes_of(published / "parameters.npy"),
                                       .annex = {},
                                       .previous = {}});
    static_cast<void>(to_json(found, watch.lap()));
  });
}

std::string measured(const path& folder, int repeats) {
  set_threads(1);
  const Case rows(folder);
  Times times(repeats);
  times.of("influence", [&] {
    const auto [values, report] = influence(rows.fitted, rows.held.data, "utility");
    static_cast<void>(to_json(report));
  });
  if (rows.fitted.rows.rows() < 10'000) {  // of many it is no matter of the door
    time_models(rows, times);
    time_rows(rows, times);
    Times few(40);
    time_folders(folder, times, few);
    times.take(few);
  }
  return times.json();
}

}  // namespace

/// The text, until the next call; of what went wrong a text that is no JSON.
extern "C" const char* door_bench(const char* folder, int repeats) {
  static std::string told;
  try {
    told = measured(folder, repeats);
  } catch (const std::exception& error) {
    told = error.what();
  }
  return told.c_str();
}

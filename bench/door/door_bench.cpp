// SPDX-License-Identifier: Apache-2.0
/// What the calls of door.py cost in C++: the same rows, the same calls, no Python.
///
/// A library that door.py loads beside the package: in one process both find the same memory, the
/// same caches and the same files, and what is left between them is the door. Each function makes
/// or asks about one call by its name, so that door.py can make the two by turns and compare what
/// they found. What the package makes into the command's JSON at once, all but a correction, is
/// made into it here too.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
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

/// What a call found: the command's JSON, empty where it has none, and numbers.
struct Found {
  std::string json;
  Vector numbers;
};

/// A call, and what it found when it was last made.
class Call {
 public:
  /// found(result) makes a Found of the result of work(), when asked.
  template <class Work, class Tell>
  Call(Work work, Tell tell) {
    using Result = std::decay_t<std::invoke_result_t<Work&>>;
    const auto last = std::make_shared<std::optional<Result>>();
    work_ = [last, work]() mutable { last->emplace(work()); };
    found_ = [last, tell] { return tell(last->value()); };
  }

  double seconds() const {
    Stopwatch watch;
    work_();
    return watch.lap();
  }
  [[nodiscard]] std::string found() const {
    const Found found = found_();
    nlohmann::json told = {
        {"numbers", std::vector<double>(found.numbers.begin(), found.numbers.end())}};
    if (!found.json.empty()) told["json"] = nlohmann::json::parse(found.json);
    return told.dump();
  }

 private:
  std::function<void()> work_;
  std::function<Found()> found_;
};

using Calls = std::map<std::string, Call>;

template <class Work, class Tell>
void add(Calls& calls, const std::string& name, Work work, Tell tell) {
  calls.insert_or_assign(name, Call(std::move(work), std::move(tell)));
}
template <class Work>
void add(Calls& calls, const std::string& name, Work work) {
  add(calls, name, std::move(work), [](const Found& found) { return found; });
}

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

void add_correction(Calls& calls, const std::string& name, const CorrectionRequest& request,
                    std::function<std::pair<FittedModel, CorrectionReport>()> work) {
  add(calls, name, std::move(work), [request](const auto& corrected) {
    const auto& [model, report] = corrected;
    return Found{to_json(model, report, request), model.rows.weights};
  });
}

/// What is done with a model in memory.
void add_models(const Case& rows, Calls& calls) {
  const FittedModel& fitted = rows.fitted;
  const Dataset& held = rows.held.data;
  add(calls, "influence", [&] {
    auto [values, report] = influence(fitted, held, "utility");
    return Found{to_json(report), std::move(values)};
  });
  add(
      calls, "fit", [&] { return fit_rows(fitted.rows, rows.request).first; },
      [](const FittedModel& model) {
        return Found{{}, model.model.theta};
      });
  add(calls, "adopt", [&] {
    const auto [adopted, report] = adopt(fitted.rows, rows.theta, rows.request);
    return Found{to_json(adopted, report), adopted.model.theta};
  });
  add(calls, "decision_function, one row", [&, one_row = slice(held, {0, 1})] {
    return Found{{}, scores(fitted.model, one_row.features)};
  });
  add(calls, "decision_function", [&] { return Found{{}, scores(fitted.model, held.features)}; });
  add(calls, "predict_proba", [&] {
    return Found{{}, probabilities(fitted.model, held.features)};
  });
  add(calls, "evaluate", [&] {
    Stopwatch watch;
    const Evaluation evaluation = evaluate(held, fitted.model, fitted.settings);
    return Found{to_json(evaluation, rows.held, watch.lap()), {}};
  });
  const CorrectionRequest close{.goals = {"demographic_parity"}, .options = {}};
  add_correction(calls, "correct", close,
                 [&, close] { return correct(fitted, held, nullptr, close); });
  CorrectionRequest once = close;  // the core does as little as it can
  once.options.rounds = 1;
  once.options.bounded = false;
  once.options.update = UpdateKind::kInfluence;
  add_correction(calls, "correct, one step", once,
                 [&, once] { return correct(fitted, held, nullptr, once); });
  add(calls, "forget", [&] {
    const auto [left, report] = forget_rows(fitted, {.rows = {7, 11}});
    return Found{to_json(report), {}};
  });
}

/// What says which rows matter, and weighs them.
void add_rows(const Case& rows, Calls& calls) {
  const auto [gap, about] = influence(rows.fitted, rows.held.data, "demographic_parity");
  const Vector loss = influence(rows.fitted, rows.held.data, "utility").first;
  const double size = about.metric_value;
  add(calls, "soft_weights", [=, gap = gap] {
    return Found{{}, soft_weights(gap, loss, size).change.delta};
  });
  add(calls, "soft_weights, bounds", [=, &rows, gap = gap] {
    const std::vector<SoftGoal> goals = {{.influence = view(gap), .value = size}};
    return Found{{}, soft_weights_bounded(goals, loss, rows.fitted.rows.weights, {}).change.delta};
  });
  add(calls, "hard_weights", [=, &rows, gap = gap] {
    return Found{{}, hard_weights(gap, size, rows.fitted.rows.weights, {.count = 5}).change.delta};
  });
  for (const char* method : {"knn_shapley", "influence", "leave_one_out", "data_shapley",
                             "beta_shapley", "data_banzhaf"}) {
    ValueRequest request;
    request.method = method;
    request.sampling.max_samples = 64;
    add(calls, fmt::format("values.{}", method), [request, &rows] {
      ValueReport report = value(rows.fitted, rows.held.data, request);
      std::string json = to_json(report, rows.fitted.rows.ids);
      return Found{std::move(json), std::move(report.found.values)};
    });
  }
}

/// Deletes a row more with each call.
std::function<Found()> next_row_from(const std::shared_ptr<Vault>& vault) {
  return [vault, request = ForgetRequest{.rows = {0}}]() mutable {
    Found found{to_json(vault->forget(request)), {}};
    ++request.rows.front();
    return found;
  };
}

/// What is done with models on disk: reading with that of door.py, py.rct, deleting with two of
/// many.csv.
void add_folders(const path& folder, Calls& calls) {
  FitRequest request;
  request.rows.csv = folder / "many.csv";
  request.table.target = "label";
  request.table.positive = "yes";
  request.table.sensitive = {"group"};
  const FittedModel trained = fit(request).first;
  const path own = folder / "cpp.rct", alone = folder / "cpp_alone.rct", model = folder / "py.rct";
  for (const path& each : {own, alone}) Vault::create(each, trained, true);
  const auto fitted = std::make_shared<const FittedModel>(Vault::open(model));
  const RowSource held{.csv = folder / "held.csv", .arrays = {}};
  add(
      calls, "Vault()", [=] { return Vault::open(model); },
      [](const FittedModel& opened) {
        return Found{{}, opened.model.theta};
      });
  add(calls, "Vault.evaluate", [=] {
    const MeasuredRows rows = load_rows(*fitted, held);
    Stopwatch watch;
    const Evaluation evaluation = evaluate(rows.data, fitted->model, fitted->settings);
    return Found{to_json(evaluation, rows, watch.lap()), {}};
  });
  add(calls, "Vault.influence", [=] {
    const MeasuredRows rows = load_rows(*fitted, held);
    auto [values, report] = influence(*fitted, rows.data, "utility");
    return Found{to_json(report), std::move(values)};
  });
  const CorrectionRequest close{.goals = {"demographic_parity"}, .options = {}};
  add_correction(calls, "Vault.correct", close, [=] {
    const MeasuredRows rows = load_rows(*fitted, held);
    return correct(*fitted, rows.data, nullptr, close);
  });
  add(calls, "Vault.forget, in a with block",
      next_row_from(std::make_shared<Vault>(Vault::open_for_writing(own))));
  // As the package's Vault, which is read from between deletions, it holds the model they leave.
  const auto left = std::make_shared<FittedModel>(Vault::open(alone));
  add(calls, "Vault.forget, alone", [alone, left, forgotten = Index{0}]() mutable {
    Vault vault = Vault::open_for_writing(alone);
    Found found{to_json(vault.forget({.rows = {forgotten++}})), {}};
    *left = vault.model();
    return found;
  });
  add(calls, "Vault.status", [=] { return Found{to_json(Vault::status(model)), {}}; });
  add(calls, "Vault.check", [=] {
    const VaultStatus status = Vault::status(model);
    const VaultCheck check = Vault::check(model);
    return Found{to_json(status, &check), {}};
  });
  const path published = model / "published";
  add(calls, "certificate.verify", [=] {
    Stopwatch watch;
    const Verification found = verify({.certificate = bytes_of(published / "certificate.json"),
                                       .public_key = bytes_of(published / "public-key.json"),
                                       .parameters = bytes_of(published / "parameters.npy"),
                                       .annex = {},
                                       .previous = {}});
    return Found{to_json(found, watch.lap()), {}};
  });
}

std::unique_ptr<const Case> rows;
Calls calls;
std::string told;

/// Runs work(); of what goes wrong the text is kept, and `failed` returned.
template <class Work, class Result>
Result guarded(Work&& work, Result failed) {
  try {
    told.clear();
    return work();
  } catch (const std::exception& error) {
    told = error.what();
    return failed;
  }
}

}  // namespace

extern "C" {

/// What went wrong in the last call of the others; empty: nothing.
const char* door_error() {
  return told.c_str();
}

/// Reads the arrays of the folder: X.npy, y.npy, g.npy to train on, V.npy, v.npy, h.npy to measure
/// on, theta.npy to be adopted. Of one thread, as all that follows.
void door_arrays(const char* folder) {
  guarded(
      [&] {
        set_threads(1);
        calls.clear();
        rows = std::make_unique<const Case>(folder);
        add_models(*rows, calls);
        add_rows(*rows, calls);
        return 0;
      },
      0);
}

/// Makes models on disk of many.csv there, beside py.rct; held.csv is measured on.
void door_folders(const char* folder) {
  guarded(
      [&] {
        add_folders(folder, calls);
        return 0;
      },
      0);
}

/// How long one call takes; NaN where it fails.
double door_seconds(const char* call) {
  return guarded([&] { return calls.at(call).seconds(); },
                 std::numeric_limits<double>::quiet_NaN());
}

/// What that call found, {"json": ..., "numbers": [...]}, until the next one.
const char* door_found(const char* call) {
  static std::string found;
  found = guarded([&] { return calls.at(call).found(); }, std::string());
  return found.c_str();
}
}

// SPDX-License-Identifier: Apache-2.0
// One main job on made rows: its seconds, the least they could be here, and the most memory it held
// beyond what was there before.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cases.hpp"
#include "floor.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/influence/influence.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/correction.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::bench {
namespace {

struct Request {
  std::string job = "fit";
  Index rows = 100'000, columns = 100, deleted = 1;
  int groups = 2, repeats = 5;
};

/// The made rows in `groups` groups.
Dataset in_groups(Dataset data, int groups) {
  SensitiveColumn& column = data.sensitive[0];
  column.groups.clear();
  for (int g = 0; g < groups; ++g) column.groups.push_back(std::to_string(g));
  const Vector draws = numbers(data.rows(), 0, groups, 23);
  for (Index i = 0; i < data.rows(); ++i) {
    column.codes[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(draws(i));
  }
  return data;
}

/// What each job starts from; each leaves it as it was.
class Jobs {
 public:
  explicit Jobs(const Request& request)
      : data_(in_groups(logistic_data(request.rows, request.columns), request.groups)),
        objective_(data_, Loss(LossKind::kLogistic), true,
                   1e-2 * static_cast<double>(request.rows)),
        fit_(train(objective_, data_.weights)),
        model_{objective_.loss(), true, request.columns, fit_.theta} {
    metrics_ = resolve_metric("demographic_parity", data_, model_, settings_);
    for (Index i = 0; i < request.deleted; ++i) {
      leaving_.push_back(i * request.rows / request.deleted);
    }
    if (request.job.starts_with("delete"))
      deletions_.emplace(objective_, model_.theta, data_.weights);
  }

  struct Took {
    double seconds = 0;
    CorrectionResult::Seconds parts;  ///< of a correction
  };

  Took run(const std::string& job) {
    if (job == "delete") return {delete_rows(false), {}};
    if (job == "delete_by_pass") return {delete_rows(true), {}};
    Took took;
    Stopwatch watch;
    if (job == "fit") {
      const Objective objective(data_, objective_.loss(), true, objective_.l2());
      require(train(objective, data_.weights).converged, "fit");
    } else if (job == "influence") {
      const auto hessian = factor_hessian(objective_, model_.theta, data_.weights);
      const Matrix gradients = metric_gradients(metrics_, data_, model_, settings_);
      const Matrix found = influences(objective_, model_.theta, *hessian, gradients);
      require(found.allFinite(), "influences");
    } else if (job == "correct") {
      const CorrectionResult found =
          correct(objective_, model_, data_.weights, data_, metrics_, settings_,
                  {.update = UpdateKind::kNewton, .rounds = 1});
      require(found.update_status == UpdateStatus::kDone, "correct");
      took.parts = found.seconds;
    } else {
      require(false, "the job is fit, influence, correct, delete or delete_by_pass");
    }
    took.seconds = watch.lap();
    return took;
  }

  /// Influences: a Hessian, the metrics' gradients, the products. A correction is those, a Hessian
  /// and two passes more. Values of metrics and solves are left out.
  [[nodiscard]] double least_seconds(const std::string& job, const Floor& floor) const {
    if (job == "fit") return floor.fit(fit_.passes, fit_.hessians);
    const double deletion = floor.deletion(static_cast<Index>(leaving_.size()));
    if (job == "delete") return deletion;
    if (job == "delete_by_pass") return deletion + floor.pass();
    const auto metrics = static_cast<int>(metrics_.size());
    const double influence = floor.hessian() + 2 * floor.pass(metrics);
    return job == "influence" ? influence : influence + floor.hessian() + 2 * floor.pass();
  }

  [[nodiscard]] RowsView rows() const { return data_.features.view(); }
  [[nodiscard]] const TrainerResult& fit() const noexcept { return fit_; }

 private:
  /// Without the copy of the state, which a caller who goes on from it does not make.
  double delete_rows(bool by_pass) {
    DeletionState state = *deletions_;
    Stopwatch watch;
    require(state.delete_rows(leaving_) == DeletionStatus::kDone, "a new base is needed");
    const Vector theta = state.newton_point();
    require(state.measure_step(theta).range >= 0, "a measure");
    if (by_pass) require(state.measure_residual(theta).residual_norm >= 0, "a residual");
    return watch.lap();
  }

  Dataset data_;
  Objective objective_;
  TrainerResult fit_;
  LinearModel model_;
  MetricSettings settings_;
  std::vector<Metric> metrics_;
  std::vector<Index> leaving_;
  std::optional<DeletionState> deletions_;
};

nlohmann::ordered_json run(const Request& request) {
  Jobs jobs(request);
  const double before = resident_bytes();
  forget_peak();
  std::vector<Jobs::Took> repeats;
  for (int i = 0; i < request.repeats; ++i) repeats.push_back(jobs.run(request.job));
  const double peak = peak_resident_bytes() - before;
  std::ranges::sort(repeats, {}, &Jobs::Took::seconds);
  const CorrectionResult::Seconds& parts = repeats.front().parts;
  const Floor floor(jobs.rows(), threads());
  nlohmann::ordered_json found = {
      {"job", request.job},
      {"rows", request.rows},
      {"columns", request.columns},
      {"deleted", request.deleted},
      {"groups", request.groups},
      {"threads", threads()},
      {"seconds", repeats[repeats.size() / 2].seconds},
      {"least_seconds", repeats.front().seconds},
      {"most_seconds", repeats.back().seconds},
      {"floor", jobs.least_seconds(request.job, floor)},
      {"bytes_per_second", floor.bytes_per_second()},
      {"peak_bytes", std::max(peak, 0.0)},
      {"data_bytes", 8.0 * static_cast<double>(request.rows * request.columns)}};
  if (request.job == "fit") {
    found["passes"] = jobs.fit().passes;
    found["hessians"] = jobs.fit().hessians;
  }
  if (request.job == "correct") {
    found["parts"] = {{"curvature", parts.curvature},
                      {"influence", parts.influence},
                      {"weights", parts.weights},
                      {"update", parts.update},
                      {"measure", parts.measure}};
  }
  return found;
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Measures one job on made rows");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("job", request.job, "fit, influence, correct, delete or delete_by_pass")
      ->required();
  app.add_option("--rows", request.rows);
  app.add_option("--columns", request.columns);
  app.add_option("--deleted", request.deleted);
  app.add_option("--groups", request.groups);
  app.add_option("--repeats", request.repeats);
  app.add_option("--threads", threads, "0: one per processor");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", run(request).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "growth_bench: {}\n", error.what());
    return 1;
  }
}

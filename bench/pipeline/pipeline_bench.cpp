// SPDX-License-Identifier: Apache-2.0
// The whole pipeline on arrays, once: load, fit, curvature, three influences, soft weights, one
// Newton step. Prints one JSON object: seconds of every part and the least they could take here;
// with
// --answers also writes what it found.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "floor.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/arrays.hpp"
#include "recant/data/npy.hpp"
#include "recant/influence/influence.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/update.hpp"
#include "recant/weighting/soft.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace recant::bench {
namespace {

ArrayFiles files(const std::filesystem::path& folder, const std::string& split) {
  const auto path = [&](const char* what) {
    return folder / fmt::format("{}_{}.npy", split, what);
  };
  return {.features = path("features"),
          .targets = path("targets"),
          .groups = path("groups"),
          .row_weights = {}};
}

/// Seconds of every part, in their order.
struct Parts {
  double load = 0, fit = 0, curvature = 0, influence = 0, closed_form = 0, bounded = 0, update = 0;

  [[nodiscard]] double total() const {
    return load + fit + curvature + influence + closed_form + bounded + update;
  }
  [[nodiscard]] nlohmann::ordered_json json() const {
    return {{"load", load},
            {"fit", fit},
            {"curvature", curvature},
            {"influence", influence},
            {"closed_form", closed_form},
            {"bounded", bounded},
            {"update", update},
            {"total", total()}};
  }
};

struct Run {
  Parts seconds;
  Dataset training;
  TrainerResult fit;
  Reweighting closed;  // where answers are kept
  BoundedSoftWeights weights;
  UpdateResult update;
  double gap = 0;
  double peak_bytes = 0;
};

/// `answers`: folder for NPY files of what was found, and of a step with the closed form of the
/// weights; empty for none. In no part's seconds.
Run run(const std::filesystem::path& folder, const std::filesystem::path& answers, double l2) {
  const auto keep = [&](const char* what, const Vector& values) {
    write_npy(answers / fmt::format("{}.npy", what), values);
  };
  Run out;
  Stopwatch watch;
  out.training = read_arrays(files(folder, "train"));
  const Dataset validation =
      read_arrays(files(folder, "validation"), {.positive = {},
                                                .training = false,
                                                .class_names = out.training.class_names,
                                                .groups = {out.training.sensitive[0].groups}});
  const Vector& w = out.training.weights;
  out.seconds.load = watch.lap();

  const Objective objective(out.training, Loss(LossKind::kLogistic), true, l2);
  out.fit = train(objective, w);
  out.seconds.fit = watch.lap();
  require(out.fit.converged, "a converged fit");

  const auto hessian = factor_hessian(objective, out.fit.theta, w);
  out.seconds.curvature = watch.lap();

  const LinearModel model{objective.loss(), true, out.training.features.columns(), out.fit.theta};
  const MetricSettings settings{.privileged = {out.training.sensitive[0].groups.back()}};
  std::vector<Metric> metrics;
  for (const char* name : {"utility", "demographic_parity", "robust_loss"}) {
    metrics.push_back(resolve_metric(name, validation, model, settings).front());
  }
  out.gap = metric_values(metrics, validation, model, settings)[1];
  const Matrix gradients = metric_gradients(metrics, validation, model, settings);
  const Matrix influence = influences(objective, out.fit.theta, *hessian, gradients);
  out.seconds.influence = watch.lap();

  {
    SoftWeights closed = soft_weights(influence.col(1), influence.col(0), out.gap);
    out.seconds.closed_form = watch.lap();
    require(closed.degeneracy == SoftDegeneracy::kNone, "closed form");
    if (!answers.empty()) out.closed = std::move(closed.change);
  }
  watch.lap();
  const SoftGoal goal{VectorView(influence.col(1).data(), influence.rows()), out.gap};
  out.weights = soft_weights_bounded({goal}, influence.col(0), w);
  out.seconds.bounded = watch.lap();
  require(out.weights.status == QpStatus::kSolved, "bounded weights to their tolerance");

  out.update = newton_step(objective, out.fit.theta, w, out.weights.change);
  out.seconds.update = watch.lap();
  require(out.update.status == UpdateStatus::kDone, "a Newton step");
  out.peak_bytes = peak_resident_bytes();
  if (!answers.empty()) {
    keep("theta", out.fit.theta);
    keep("utility", influence.col(0));
    keep("demographic_parity", influence.col(1));
    keep("robust_loss", influence.col(2));
    keep("weights", out.closed.delta);
    keep("updated", newton_step(objective, out.fit.theta, w, out.closed).theta);
  }
  return out;
}

/// The least seconds of the parts: passes by reading the matrix, Hessians by reading or by
/// multiplying, whichever is longer; weights by reading the influences.
Parts least(const Run& out, const Floor& floor) {
  const double vectors = floor.pass() * 2 / static_cast<double>(out.training.features.columns());
  return {.load = floor.pass(),
          .fit = floor.fit(out.fit.passes, out.fit.hessians),
          .curvature = floor.hessian(),
          .influence = floor.pass(3),
          .closed_form = vectors,
          .bounded = vectors,
          .update = floor.hessian() + 2 * floor.pass()};
}

nlohmann::ordered_json to_json(const Run& out) {
  const RowsView rows = out.training.features.view();
  const double matrix = 8.0 * static_cast<double>(rows.size());
  constexpr double kMega = 1 << 20;
  const Floor floor(rows, threads());
  return {{"rows", rows.rows()},
          {"columns", rows.cols()},
          {"threads", threads()},
          {"processor", processor()},
          {"seconds", out.seconds.json()},
          {"floor_seconds", least(out, floor).json()},
          {"read_bytes_per_second", floor.bytes_per_second()},
          {"peak_flops", floor.flops()},
          {"matrix_mb", matrix / kMega},
          {"peak_mb", out.peak_bytes / kMega},
          {"allowed_mb", 1.1 * matrix / kMega + 64},
          {"fit",
           {{"converged", out.fit.converged},
            {"gradient_norm", out.fit.gradient_norm},
            {"passes", out.fit.passes},
            {"hessians", out.fit.hessians}}},
          {"gap", out.gap},
          {"bounded", {{"status", name(out.weights.status)}, {"steps", out.weights.iterations}}},
          {"update_gradient_norm", out.update.gradient_norm}};
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Measures the whole pipeline on DATA/{train,validation}_*.npy");
  std::filesystem::path data, answers;
  double l2 = 1;
  int threads = 0;
  app.add_option("data", data, "folder with the NPY files")->required();
  app.add_option("--answers", answers, "folder to write the answers to");
  app.add_option("--l2", l2);
  app.add_option("--threads", threads, "0: one per processor");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", to_json(recant::bench::run(data, answers, l2)).dump(2));
  } catch (const std::exception& error) {
    fmt::print(stderr, "pipeline_bench: {}\n", error.what());
    return 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
// Deletes rows of arrays: one, many one after the other, a batch. Prints seconds without loading
// and fitting, and the least they could take here, and writes the parameters that each led to.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "floor.hpp"
#include "machine.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/arrays.hpp"
#include "recant/data/npy.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::bench {
namespace {

struct Request {
  std::filesystem::path data, rows, out;
  Index one_by_one = 1000, batch = 0;
  double l2 = 1;
  int repeats = 5;
};

/// What became of the deletions of a run.
struct Answers {
  Vector theta;
  double bound = 0;                // of the last
  int rebuilt = 0;                 // new bases
  int passes = 0;                  // for bounds
  int bounded_without_a_pass = 0;  // finite bounds at tier 0
  int bounded_by_a_pass = 0;       // at tier 1, of those that go on until one is
  int bounded_by_a_new_base = 0;   // at tier 2
};

/// One request at tier 0: the rows leave, the model moves, and its distance from retraining is
/// bounded, where tier 0 can. Where a new base is needed, that is part of it.
void forget(DeletionState& state, std::span<const Index> rows, Answers& answers) {
  if (state.delete_rows(rows) == DeletionStatus::kRebuild) {
    state = state.rebuilt_at(state.base().theta);
    ++answers.rebuilt;
  }
  answers.theta = state.newton_point();
  answers.bound = bound_from_step(state.frame(), state.measure_step(answers.theta)).value;
  require(answers.bound > 0, "a bound");
  answers.bounded_without_a_pass += std::isfinite(answers.bound) ? 1 : 0;
}

void bound_by_a_pass(DeletionState& state, Answers& answers) {
  answers.bound = bound_from_residual(state.frame(), state.measure_and_keep(answers.theta)).value;
  ++answers.passes;
}

void new_base(DeletionState& state, Answers& answers) {
  state = state.rebuilt_at(answers.theta);
  ++answers.rebuilt;
}

/// The same until a bound is finite: by a pass, else by a second step in a base of its own, which
/// is also built once passes have cost as much (in operations, as the command counts them). A
/// second step that moved much curvature itself is bounded in one more base, as by the command.
void forget_bounded(DeletionState& state, std::span<const Index> rows, double& spent,
                    Answers& answers) {
  forget(state, rows, answers);
  if (std::isfinite(answers.bound)) return;
  if (state.keeps_pass()) {
    answers.bound = bound_from_residual(state.frame(), state.carried_residual(answers.theta)).value;
    answers.bounded_without_a_pass += std::isfinite(answers.bound) ? 1 : 0;
    if (std::isfinite(answers.bound)) return;
  }
  const auto n = static_cast<double>(state.weights().size());
  const auto p = static_cast<double>(answers.theta.size());
  spent += 4 * n * p;
  bound_by_a_pass(state, answers);
  if (std::isfinite(answers.bound) && spent < (2 * n + p) * p * p) {
    ++answers.bounded_by_a_pass;
    return;
  }
  spent = 0;
  new_base(state, answers);
  answers.theta = state.newton_point();
  bound_by_a_pass(state, answers);
  if (!std::isfinite(answers.bound)) {
    new_base(state, answers);
    bound_by_a_pass(state, answers);
  }
  require(std::isfinite(answers.bound), "a finite bound");
  ++answers.bounded_by_a_new_base;
}

nlohmann::ordered_json run(const Request& request) {
  const Dataset data = read_arrays({.features = request.data / "train_features.npy",
                                    .targets = request.data / "train_targets.npy",
                                    .groups = {},
                                    .row_weights = {}});
  const std::vector<std::int64_t> listed = read_npy_integers(request.rows);
  const std::vector<Index> rows(listed.begin(), listed.end());
  const auto needed = static_cast<std::size_t>(std::max(request.one_by_one, request.batch));
  require(rows.size() >= needed, "as many rows are listed as leave");

  nlohmann::ordered_json found = {{"rows", data.rows()}, {"columns", data.features.columns()}};
  Stopwatch watch;
  const Objective objective(data, Loss(LossKind::kLogistic), true, request.l2);
  const TrainerResult fit = train(objective, data.weights);
  found["fit"] = watch.lap();
  const DeletionState base(objective, fit.theta, data.weights);
  found["base"] = watch.lap();

  const auto time = [&](const char* what, auto&& work) {
    Answers answers;
    for (int i = 0; i < request.repeats; ++i) {
      DeletionState state = base;
      answers = {};
      Stopwatch own;
      work(state, answers);
      found[what]["seconds"].push_back(own.lap());
    }
    found[what]["rebuilt"] = answers.rebuilt;
    found[what]["passes"] = answers.passes;
    found[what]["bounded_without_a_pass"] = answers.bounded_without_a_pass;
    found[what]["bounded_by_a_pass"] = answers.bounded_by_a_pass;
    found[what]["bounded_by_a_new_base"] = answers.bounded_by_a_new_base;
    if (std::isfinite(answers.bound)) found[what]["bound"] = answers.bound;
    write_npy(request.out / fmt::format("{}.npy", what), answers.theta);
  };
  const auto each = [&](auto&& work) {
    for (Index i = 0; i < request.one_by_one; ++i) {
      work(std::span(rows).subspan(static_cast<std::size_t>(i), 1));
    }
  };
  time("one", [&](DeletionState& state, Answers& answers) {
    forget(state, std::span(rows).first(1), answers);
  });
  time("one_by_one", [&](DeletionState& state, Answers& answers) {
    each([&](std::span<const Index> row) { forget(state, row, answers); });
  });
  time("one_by_one_bounded", [&](DeletionState& state, Answers& answers) {
    double spent = 0;
    each([&](std::span<const Index> row) { forget_bounded(state, row, spent, answers); });
  });
  const auto batch = std::span(rows).first(static_cast<std::size_t>(request.batch));
  time("batch", [&](DeletionState& state, Answers& answers) { forget(state, batch, answers); });
  time("batch_bounded", [&](DeletionState& state, Answers& answers) {
    double spent = 0;
    forget_bounded(state, batch, spent, answers);
  });
  found["memory"] = peak_resident_bytes();

  const Floor floor(data.features.view(), threads());
  const auto note = [&](const char* what, double seconds) {
    found[what]["floor"] = seconds + found[what]["passes"].get<int>() * floor.pass() +
                           found[what]["rebuilt"].get<int>() * floor.deletion_base();
  };
  const double one_by_one = static_cast<double>(request.one_by_one) * floor.deletion(1);
  note("one", floor.deletion(1));
  note("one_by_one", one_by_one);
  note("one_by_one_bounded", one_by_one);
  note("batch", floor.deletion(request.batch));
  note("batch_bounded", floor.deletion(request.batch));
  found["base_floor"] = floor.deletion_base();
  found["bytes_per_second"] = floor.bytes_per_second();
  found["flops"] = floor.flops();
  return found;
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  CLI::App app("Fits DATA/train_*.npy and deletes rows of it");
  recant::bench::Request request;
  int threads = 0;
  app.add_option("data", request.data, "folder with the NPY files")->required();
  app.add_option("rows", request.rows, "NPY file of the rows that leave, in their order")
      ->required();
  app.add_option("out", request.out,
                 "folder for one.npy, one_by_one.npy, batch.npy and those of *_bounded")
      ->required();
  app.add_option("--one-by-one", request.one_by_one, "how many of them leave one after the other");
  app.add_option("--batch", request.batch, "how many of them leave at once")->required();
  app.add_option("--l2", request.l2);
  app.add_option("--repeats", request.repeats);
  app.add_option("--threads", threads, "0: one per processor");
  CLI11_PARSE(app, argc, argv);
  try {
    recant::set_threads(threads);
    fmt::print("{}\n", run(request).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "deletion_bench: {}\n", error.what());
    return 1;
  }
}

// SPDX-License-Identifier: Apache-2.0
// Deletes rows one after the other from a vault on disk, each with its own release, and counts how
// closely each had to be looked at; beside it how many the published bound, which adds up, would
// have allowed. Prints the figures of docs/experiments/deletion-streams.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>

#include "recant/certify/bounds.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/data/arrays.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/noise_price.hpp"
#include "recant/engine/vault.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace {

using namespace recant;
namespace fs = std::filesystem;

/// Images as the published experiment has them: pixels between 0 and 1, rows of length at most 1.
Dataset read_images(const fs::path& folder, const char* part) {
  Dataset data = read_arrays(
      {folder / fmt::format("{}_x.npy", part), folder / fmt::format("{}_y.npy", part), {}, {}},
      {.positive = 8});
  RowMatrix values = data.features.view() / 255.0;
  for (Index i = 0; i < values.rows(); ++i) values.row(i) /= std::max(1.0, values.row(i).norm());
  data.features = FeatureMatrix(std::move(values));
  return data;
}

/// Every second row, from `first` on.
Dataset half_of(const Dataset& data, Index first) {
  std::vector<Index> rows;
  for (Index row = first; row < data.rows(); row += 2) rows.push_back(row);
  return pick_rows(data, rows);
}

FittedModel fit_images(Dataset data, double l2) {
  FittedModel fitted;
  fitted.rows = std::move(data);
  fitted.l2 = l2;
  fitted.model = {Loss(), true, fitted.rows.features.columns(), {}};
  fitted.settings.positive_class = 1;
  const TrainerResult trained = train(fitted.objective(), fitted.rows.weights);
  fitted.model.theta = trained.theta;
  fitted.gradient = trained.gradient;
  return fitted;
}

/// By Box and Muller: nothing is promised with these.
Vector standard_normals(Index size) {
  SeededRandom random(2, 0);
  Vector drawn(size);
  for (double& x : drawn) {
    const double radius = std::sqrt(-2 * std::log1p(-random.uniform()));
    x = radius * std::cos(2 * std::numbers::pi * random.uniform());
  }
  return drawn;
}

/// [Guo2020] corollary 1 with what it can measure: gamma |X| |v| |X v|, gamma = 1/4, in the summed
/// loss, bounds the residual that a step leaves; over lambda it bounds the distance, and those of
/// several deletions add up.
class PublishedBound {
 public:
  explicit PublishedBound(const Objective& objective) : objective_(objective) {
    const RowsView x = objective.features().view();
    // With the intercept's ones: an upper bound.
    const double ones = objective.intercept() ? static_cast<double>(objective.rows()) : 0;
    norm_ = std::sqrt(eigenvalues(Matrix(x.transpose() * x)).upper() + ones);
  }
  double residual_of_step(const Vector& before, const Vector& after) const {
    const Index d = objective_.features().columns();
    const Vector v = after - before;
    Vector moved = objective_.features().view() * v.head(d);
    if (objective_.intercept()) moved.array() += v[d];
    return norm_ * v.norm() * moved.norm() / 4;
  }
  double of_step(const Vector& before, const Vector& after) const {
    return residual_of_step(before, after) / objective_.l2();
  }

 private:
  const Objective& objective_;
  double norm_ = 0;
};

/// The published algorithm at noise of its own: the residuals' bounds of single deletions, added
/// up, against sigma epsilon / sqrt(2 ln(1.5/delta)) ([Guo2020] theorem 3). Its steps begin where
/// the last one ended; these begin at the base and take all rows that left, which leads to the same
/// place but for what is of second order.
void published_stream(const Objective& objective, const Vector& weights,
                      std::span<const Index> order, double budget, const char* what) {
  const Vector fit = train(objective, weights).theta;
  const PublishedBound published(objective);
  DeletionState state(objective, fit, weights);
  Vector before = fit;
  double accumulated = 0;
  std::size_t within = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (state.delete_rows(order.subspan(k, 1)) != DeletionStatus::kDone) {
      state = state.rebuilt_at(before);
    }
    Vector after = state.newton_point();
    accumulated += published.residual_of_step(before, after);
    if (accumulated <= budget) within = k + 1;
    before = std::move(after);
  }
  fmt::print("{}: published residual bound above {:.4g} from deletion {} on; {:.4g} after {}\n",
             what, budget, within + 1, accumulated, order.size());
}

/// How many of `order` can leave, one after the other, until one pass no longer shows the Newton
/// step from the first base to be within `most`; in tens, as far as half of the curvature goes.
int from_one_base(const FittedModel& fitted, std::span<const Index> order, double most) {
  const Objective objective = fitted.objective();
  DeletionState state(objective, fitted.model.theta, fitted.rows.weights);
  int left = 0;
  for (std::size_t at = 0; at + 10 <= order.size(); at += 10) {
    if (state.delete_rows(order.subspan(at, 10)) != DeletionStatus::kDone) break;
    const DistanceBound bound =
        bound_from_residual(state.frame(), state.measure_residual(state.newton_point()));
    if (!(bound.value <= most)) break;
    left = static_cast<int>(at) + 10;
  }
  return left;
}

void print_price(const char* part, Index rows, const NoisePrice& price) {
  fmt::print("  raises the log-loss of {} {} rows, {:.6f}, by {:.4f}%\n", rows, part, price.loss,
             100 * price.relative_rise.value());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("a stream of deletions from a vault");
  fs::path folder, vault_path = "stream.rct";
  int count = 1000;
  double published_sigma = 10;
  bool published_only = false;
  double price = 0.001, l2_per_row = 1e-3, epsilon = 1, delta = 1e-4;
  app.add_option("folder", folder, "train_x.npy, train_y.npy, test_x.npy, test_y.npy")->required();
  app.add_option("--count", count, "deletions");
  app.add_option("--price", price, "share by which the log-loss may rise");
  app.add_option("--l2-per-row", l2_per_row);
  app.add_option("--epsilon", epsilon);
  app.add_option("--delta", delta);
  app.add_option("--vault", vault_path, "where to keep the model; replaced");
  app.add_option("--published-sigma", published_sigma, "noise of the published algorithm");
  app.add_flag("--published-only", published_only, "no vault, no releases");
  CLI11_PARSE(app, argc, argv);

  Dataset train_rows = read_images(folder, "train");
  // The noise is chosen on one half of what was not trained on, and priced again on the other.
  const Dataset unseen = read_images(folder, "test");
  const Dataset validation_rows = half_of(unseen, 0), test_rows = half_of(unseen, 1);
  const double l2 = l2_per_row * static_cast<double>(train_rows.rows());
  const FittedModel fitted = fit_images(std::move(train_rows), l2);
  std::vector<Index> order(static_cast<std::size_t>(fitted.rows.rows()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  SeededRandom random(1, 0);
  random.shuffle(std::span(order));

  const double theirs = published_sigma * epsilon / std::sqrt(2 * std::log(1.5 / delta));
  const auto first = std::span(order).first(static_cast<std::size_t>(count));
  published_stream(fitted.objective(), fitted.rows.weights, first, theirs, "this model");
  const Objective plain(fitted.rows, Loss(), false, l2);
  const Vector b = published_sigma * standard_normals(plain.parameters());
  published_stream(plain, fitted.rows.weights, first, theirs, "no intercept");
  published_stream(plain.with_linear_term(b), fitted.rows.weights, first, theirs,
                   "no intercept, perturbed");
  if (published_only) return 0;

  EnrolmentRequest request;
  request.epsilon = epsilon;
  request.delta = delta;
  request.releases = count + 1;
  request.utility_price = price;
  const EnrolmentPlan plan = plan_enrolment(fitted, request, &validation_rows);
  if (plan.refusal) {
    fmt::print("refused: {}\n", plan.refusal->text);
    return 4;
  }
  fmt::print("{} rows, {} parameters, l2 = {:g}; epsilon {:g}, delta {:g} over {} releases\n",
             fitted.rows.rows(), fitted.model.theta.size(), l2, epsilon, delta, request.releases);
  fmt::print("sigma {:.4g}; allowance {:.4g}\n", plan.budget.sigma(), plan.budget.allowance);
  print_price("validation", validation_rows.rows(), *plan.price);
  print_price("test", test_rows.rows(), noise_price(fitted.model, test_rows, plan.budget.sigma()));
  Vault::create(vault_path, fitted, true, &plan);
  Vault vault = Vault::open_for_writing(vault_path);

  const Objective objective = fitted.objective();
  const PublishedBound published(objective);
  const double most = gaussian_mu(epsilon, delta) * plan.budget.sigma();
  std::map<std::string, int> tiers;
  double step_seconds = 0, total_seconds = 0, largest = 0, accumulated = 0;
  int passed = 0, published_allows = 0;
  std::int64_t bases = 0;
  std::string rebuilt_at;
  for (int k = 0; k < count; ++k) {
    const Vector before = vault.model().model.theta;
    ForgetRequest one;
    one.rows = {order[static_cast<std::size_t>(k)]};
    const ForgetReport report = vault.forget(one);
    if (!report.done()) {
      fmt::print("deletion {}: {}\n", k + 1, describe_reason(report.reason));
      continue;
    }
    ++passed;
    if (vault.rebuilds() > bases) rebuilt_at += fmt::format(" {}", k + 1);
    bases = vault.rebuilds();
    ++tiers[report.tier.value_or("none")];
    step_seconds += report.step_seconds;
    total_seconds += report.total_seconds;
    largest = std::max(largest, report.distance.value_or(0));
    accumulated += published.of_step(before, vault.model().model.theta);
    if (accumulated <= most) published_allows = k + 1;
  }
  fmt::print("{} of {} certified; bases built at deletions{}; largest bound {:.3g}\n", passed,
             count, rebuilt_at, largest);
  for (const auto& [tier, times] : tiers) fmt::print("  tier {}: {}\n", tier, times);
  fmt::print(
      "seconds a deletion: {:.4f} for the step, {:.4f} with erasing, ledger and publishing\n",
      step_seconds / passed, total_seconds / passed);
  const FittedModel& last = vault.model();
  const Vector exact =
      train_from(last.objective(), last.rows.weights, last.model.theta, {.tolerance = 1e-13}).theta;
  fmt::print("true distance to retraining after the last: {:.3g}\n",
             (last.model.theta - exact).norm());
  fmt::print(
      "published bound, accumulated: {:.4g} after the last; one release at this sigma bears "
      "{:.4g}, so it allows {} deletions\n",
      accumulated, most, published_allows);
  fmt::print("one pass shows {} deletions from one base to be within that\n",
             from_one_base(fitted, order, most));
}

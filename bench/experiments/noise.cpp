// SPDX-License-Identifier: Apache-2.0
// What noise costs, what difference protection costs on top, and how often objective perturbation
// would keep a promise; prints the tables of docs/experiments/noise.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "recant/certify/bounds.hpp"
#include "recant/certify/gaussian_mechanism.hpp"
#include "recant/certify/objective_perturbation.hpp"
#include "recant/certify/privacy_budget.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/data/table.hpp"
#include "recant/engine/noise_price.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace {

using namespace recant;

constexpr double kEpsilon = 1, kDelta = 1e-5;

struct Split {
  Dataset train, test;
};

Split read_rows(const std::filesystem::path& folder) {
  TableOptions options;
  options.schema = read_schema(folder / "schema.json");
  options.target = options.schema->target.value();
  options.positive = options.schema->positive;
  LoadedTable loaded = read_training_csv(folder / "train.csv", options);
  Dataset test = read_csv(folder / "test.csv", loaded.encoder).data;
  return {std::move(loaded.data), std::move(test)};
}

std::vector<Index> draw(Index rows, Index count, int trial) {
  SeededRandom random(1, static_cast<std::uint64_t>(trial));
  std::vector<Index> all(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  random.shuffle(std::span(all));
  all.resize(static_cast<std::size_t>(count));
  return all;
}

std::string of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? "none"
                        : fmt::format("{:.2g} / {:.2g} / {:.2g}", values.front(),
                                      values[values.size() / 2], values.back());
}

std::string price(const LinearModel& model, const Dataset& test, double sigma) {
  const NoisePrice found = noise_price(model, test, sigma);
  return fmt::format("{:.2g} %", 100 * *found.relative_rise);
}

/// sigma for one deletion's own bound as the allowance, without and with difference protection.
struct Sigmas {
  std::optional<double> plain, both;
};
Sigmas sigmas(double bound, double step, Index dimension) {
  EnrolmentOptions options{.epsilon = kEpsilon, .delta = kDelta, .allowance = bound};
  Sigmas out;
  if (const auto e = enrol(options, dimension); e.budget) out.plain = e.budget->sigma();
  options.difference_epsilon = kEpsilon;
  options.difference_delta = kDelta;
  options.difference_step = step;
  if (const auto e = enrol(options, dimension); e.budget) out.both = e.budget->sigma();
  return out;
}

/// The best that any sigma gives: the least epsilon, in steps of a tenth of its logarithm.
std::optional<double> least_epsilon(const PerturbationBase& base) {
  for (double epsilon = 0.01; epsilon <= 20; epsilon *= 1.1) {
    for (int k = -80; k <= 20; ++k) {
      const PerturbationOptions options{epsilon, kDelta, std::exp2(k / 2.0)};
      if (perturbation_promise(base, options).usable()) return epsilon;
    }
  }
  return {};
}

PerturbationBase base_of(const DeletionState& state, const StepMeasure& step) {
  return {.dimension = state.base().theta.size(),
          .least_eigenvalue = state.base().least_eigenvalue,
          .largest_eigenvalue = state.base().largest_eigenvalue,
          .leverage = state.frame(FrameKind::kBase).leverage,
          .shrinkage = state.shrinkage(),
          .step_range = step.range,
          .step_norm = step.step_norm,
          .bounds_fourth_derivative = Loss().bounds_fourth_derivative()};
}

void print_tables(const Split& data, double l2, int trials) {
  const Objective objective(data.train, Loss(), true, l2);
  const TrainerResult fit = train(objective, data.train.weights);
  const LinearModel model{Loss(), true, data.train.features.columns(), fit.theta};
  const DeletionState base(objective, fit.theta, data.train.weights);
  fmt::print("\nl2 = {:g}, {} rows, {} parameters, {} draws\n\n", l2, data.train.rows(),
             fit.theta.size(), trials);
  if (const auto found = sigma_for_price(model, data.test, 0.001)) {
    fmt::print("sigma for 0.1 % of the test loss: 2^({}/2) = {:.4g}, rise {:.3g} %\n\n",
               found->sigma_exponent, found->price.sigma, 100 * *found->price.relative_rise);
  }
  fmt::print(
      "| rows | step V | bound B | sigma for B | price | sigma for V + B | price | range rho | "
      "d j at b = 0 | least epsilon | unusable |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Index count : {1, 10, 100}) {
    std::vector<double> steps, bounds, plain, both, ranges, dependence, epsilons;
    int unusable = 0;
    for (int trial = 0; trial < trials; ++trial) {
      DeletionState state = base;
      if (state.delete_rows(draw(data.train.rows(), count, trial)) == DeletionStatus::kRebuild)
        continue;
      const Vector theta = state.newton_point();
      const StepMeasure step = state.measure_step(theta, FrameKind::kBase);
      steps.push_back((theta - fit.theta).norm());
      bounds.push_back(bound_from_residual(state.frame(), state.measure_residual(theta)).value);
      const Sigmas found = sigmas(bounds.back(), steps.back(), fit.theta.size());
      if (found.plain) plain.push_back(*found.plain);
      if (found.both) both.push_back(*found.both);
      const double rho = step.range;
      ranges.push_back(rho);
      dependence.push_back(
          static_cast<double>(fit.theta.size()) *
          (std::expm1(rho) - rho + std::expm1(rho) * rho + rho * state.shrinkage()));
      const auto epsilon = least_epsilon(base_of(state, step));
      if (epsilon) epsilons.push_back(*epsilon);
      unusable += !epsilon;
    }
    const auto largest = [](const std::vector<double>& all) {
      return all.empty() ? 1 : *std::max_element(all.begin(), all.end());
    };
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", count, of(steps),
               of(bounds), of(plain), price(model, data.test, largest(plain)), of(both),
               price(model, data.test, largest(both)), of(ranges), of(dependence), of(epsilons),
               unusable);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("the price of noise");
  std::filesystem::path folder;
  int trials = 10;
  app.add_option("folder", folder, "train.csv, test.csv and schema.json")->required();
  app.add_option("--trials", trials, "random draws for each number of rows");
  CLI11_PARSE(app, argc, argv);
  const Split data = read_rows(folder);
  print_tables(data, 0.01 * static_cast<double>(data.train.rows()), trials);
  print_tables(data, 1, trials);
}

// SPDX-License-Identifier: Apache-2.0
// Deletes random rows of a data set and compares each tier's bound with the distance to the
// retrained model; prints the tables of docs/experiments/tightness.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "recant/certify/bounds.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/data/table.hpp"
#include "recant/linalg/eigenvalues.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace {

using namespace recant;

Dataset read_rows(const std::filesystem::path& folder) {
  TableOptions options;
  options.schema = read_schema(folder / "schema.json");
  options.target = options.schema->target.value();
  options.positive = options.schema->positive;
  return std::move(read_training_csv(folder / "train.csv", options).data);
}

bool always(const ResidualMeasure& /*first*/) {
  return true;
}

/// bound / truth over trials: median, 90 %, largest; a trial without a bound is above all others.
class Ratios {
 public:
  void add(double bound, double truth) { values_.push_back(bound / truth); }
  std::string text() {
    std::sort(values_.begin(), values_.end());
    const auto at = [&](double share) {
      const double value = values_[static_cast<std::size_t>(
          std::ceil(share * static_cast<double>(values_.size())) - 1)];
      return value < INFINITY ? fmt::format("{:.3g}", value) : std::string("none");
    };
    return fmt::format("{} / {} / {}", at(0.5), at(0.9), at(1));
  }

 private:
  std::vector<double> values_;
};

void print_table(const Dataset& data, double l2, const std::vector<Index>& counts, int trials) {
  const Objective objective(data, Loss(), true, l2);
  const TrainerResult fit = train(objective, data.weights);
  const DeletionState base(objective, fit.theta, data.weights, {.third_derivative = true});
  // X^T X, for the published bound: the Hessian of the squared loss.
  Dataset plain = data;
  plain.targets.setZero();
  const Objective squared(plain, Loss(LossKind::kSquared), true, 1e-9);
  const Vector none = Vector::Zero(fit.theta.size());
  const double singular = std::sqrt(eigenvalues(squared.hessian(none, data.weights)).upper());

  fmt::print("\nl2 = {:g}, {} rows, {} parameters, {} draws\n\n", l2, data.rows(), fit.theta.size(),
             trials);
  fmt::print(
      "| rows | distance, median | [Guo2020] | tier 0 | tier half | tier half, third order | tier "
      "1 | tier 1, second look | tier 2 | tier 2, own Hessian | rebuilt |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Index count : counts) {
    Ratios published, step, half, third, pass, twice, again, at_end;
    std::vector<double> distances;
    int rebuilt = 0;
    for (int trial = 0; trial < trials; ++trial) {
      SeededRandom random(1, static_cast<std::uint64_t>(trial));
      std::vector<Index> rows(static_cast<std::size_t>(data.rows()));
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Index>(i);
      random.shuffle(std::span(rows));
      rows.resize(static_cast<std::size_t>(count));
      DeletionState state = base;
      if (state.delete_rows(rows) == DeletionStatus::kRebuild) {
        state = state.rebuilt_at(fit.theta);
        ++rebuilt;
      }
      const auto distance = [&](const Vector& theta, const Vector& truth) {
        return (theta - truth).norm();
      };
      const Vector theta = state.newton_point();
      const Vector truth =
          train_from(objective, state.weights(), theta, {.tolerance = 1e-13}).theta;
      const double first = distance(theta, truth);
      distances.push_back(first);
      step.add(bound_from_step(state.frame(), state.measure_step(theta)).value, first);
      half.add(bound_from_residual(state.frame(), state.expanded_residual(theta)).value, first);
      const Vector third_order = state.third_order_point();
      third.add(bound_from_residual(state.frame(), state.expanded_residual(third_order)).value,
                distance(third_order, truth));
      pass.add(bound_from_residual(state.frame(), state.measure_residual(theta)).value, first);
      twice.add(bound_from_residual(state.frame(), state.measure_residual(theta, always)).value,
                first);
      const Vector v = theta - fit.theta;
      const double moved =
          std::sqrt(v.dot(squared.hessian_times(none, state.weights(), v)));  // |X v|
      published.add(singular * objective.row_norms().maxCoeff() * v.norm() * moved / 4 / l2, first);
      const DeletionState next = state.rebuilt_at(theta);
      const Vector better = next.newton_point();
      const double second = distance(better, truth);
      again.add(bound_from_residual(next.frame(), next.measure_residual(better)).value, second);
      const DeletionState own = next.rebuilt_at(better);
      at_end.add(bound_from_residual(own.frame(), own.measure_residual(better)).value, second);
    }
    std::sort(distances.begin(), distances.end());
    fmt::print("| {} | {:.2g} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", count,
               distances[distances.size() / 2], published.text(), step.text(), half.text(),
               third.text(), pass.text(), twice.text(), again.text(), at_end.text(), rebuilt);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("bound over distance, by tier");
  std::filesystem::path folder;
  int trials = 20;
  app.add_option("folder", folder, "train.csv and schema.json")->required();
  app.add_option("--trials", trials, "random draws for each number of rows");
  std::vector<Index> counts = {1, 10, 100, 300};
  app.add_option("--rows", counts, "how many rows are deleted")->delimiter(',');
  std::vector<double> l2;
  app.add_option("--l2", l2, "by default a hundredth of the rows, and 1")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  const Dataset data = read_rows(folder);
  if (l2.empty()) l2 = {0.01 * static_cast<double>(data.rows()), 1};
  for (const double one : l2) print_table(data, one, counts, trials);
}

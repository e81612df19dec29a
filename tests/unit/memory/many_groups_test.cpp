// SPDX-License-Identifier: Apache-2.0
// Gaps of many groups, each against the rest. What a job holds does not grow with them, but for the
// influence of every row on every goal of a correction, which is what its program is about.
#include <fmt/format.h>

#include "peak_memory.hpp"
#include "recant/engine/compare.hpp"
#include "recant/engine/correct.hpp"
#include "recant/engine/influence.hpp"
#include "recant/metrics/bootstrap.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {
namespace {

class PeakMemoryOfManyGroups : public PeakMemory {
 protected:
  static constexpr int kGroups = 32;

  PeakMemoryOfManyGroups() {
    SensitiveColumn& column = data_.sensitive[0];
    column.groups.clear();
    for (int g = 0; g < kGroups; ++g) column.groups.push_back(fmt::format("g{}", g));
    for (std::size_t i = 0; i < column.codes.size(); ++i) {
      column.codes[i] = static_cast<std::int32_t>((i * i + i / 7) % kGroups);
    }
    some_ = slice(data_, {0, 10'000});
    for (const char* name : {"demographic_parity", "equal_opportunity", "equal_opportunity_loss"}) {
      for (const Metric& metric : resolve_metric(name, data_, model_, {})) gaps_.push_back(metric);
    }
    fitted_.model = model_;
    fitted_.rows = data_;
    fitted_.l2 = 100;
    fitted_.gradient = objective_.evaluate(model_.theta, data_.weights).gradient;
  }

  Dataset some_;
  std::vector<Metric> gaps_;
  FittedModel fitted_;
};

TEST_F(PeakMemoryOfManyGroups, ValuesAndGradients) {
  ASSERT_EQ(gaps_.size(), 3U * kGroups);
  std::size_t found =
      peak_of([&] { EXPECT_EQ(metric_values(gaps_, data_, model_, {}).size(), gaps_.size()); });
  expect_at_most(found, 4, "values of gaps");
  found = peak_of(
      [&] { EXPECT_EQ(metric_gradients(gaps_, data_, model_, {}).cols(), std::ssize(gaps_)); });
  expect_at_most(found, 16, "gradients of gaps");  // of each a sum over every group of blocks
  found = peak_of([&] { EXPECT_EQ(evaluate(data_, model_, {}).rows, kRows); });
  expect_at_most(found, 8, "evaluate");
}

TEST_F(PeakMemoryOfManyGroups, Bootstrap) {
  const std::vector<LinearModel> models(3, model_);
  const std::size_t found = peak_of(
      [&] { EXPECT_EQ(bootstrap(gaps_, data_, models, {}, 40, 1)[2].size(), gaps_.size()); });
  expect_at_most(found, 24, "bootstrap");
}

TEST_F(PeakMemoryOfManyGroups, Influence) {
  const std::size_t found = peak_of(
      [&] { EXPECT_EQ(influence(fitted_, some_, "equalized_odds").second.candidates, 64); });
  expect_at_most(found, 8, "influence");
}

TEST_F(PeakMemoryOfManyGroups, Comparison) {
  CompareRequest request;
  request.goal = "demographic_parity:group=g1";
  request.resamples = 40;
  request.rounds = 2;
  const std::size_t found =
      peak_of([&] { EXPECT_EQ(compare(fitted_, some_, some_, request).rows.size(), 9U); });
  expect_at_most(found, 40, "compare");
}

TEST_F(PeakMemoryOfManyGroups, Correction) {
  CorrectionRequest request;
  request.goals = {"demographic_parity"};
  request.options.rounds = 1;
  const std::size_t found = peak_of([&] {
    const auto [corrected, report] = correct(fitted_, some_, nullptr, request);
    EXPECT_EQ(report.goals.size(), 1U * kGroups);
  });
  expect_at_most(found, kGroups + 24, "correct");
}

}  // namespace
}  // namespace recant

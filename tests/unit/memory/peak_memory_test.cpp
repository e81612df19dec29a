// SPDX-License-Identifier: Apache-2.0
// What fits, corrects and deletes.
#include <gtest/gtest-spi.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "peak_memory.hpp"
#include "recant/influence/influence.hpp"
#include "recant/unlearn/correction.hpp"
#include "recant/unlearn/deletion.hpp"
#include "recant/unlearn/gradient_ascent.hpp"
#include "row_buffer.hpp"

namespace recant {
namespace {

TEST_F(PeakMemory, CountsWhatIsAllocated) {
  const std::size_t found = peak_of([] {
    const Matrix eigen = Matrix::Zero(1000, 125);  // a million bytes, and the next as well
    const std::vector<double> standard(125'000);
    EXPECT_EQ(eigen(0, 0), standard[0]);
  });
  EXPECT_GE(found, 2'000'000U);
  EXPECT_LE(found, 2'100'000U);
}

/// What a job would hold that copied the rows to where the reader of files puts them.
TEST_F(PeakMemory, CountsRowsInPagesOfTheirOwn) {
  const std::size_t found = peak_of([&] {
    RowBuffer copy(kColumns);
    for (Index i = 0; i < kRows; ++i) {
      std::copy_n(data_.features.view().row(i).data(), kColumns, copy.append());
    }
    const FeatureMatrix features = std::move(copy).release();
    EXPECT_EQ(features.rows(), kRows);
  });
  EXPECT_GE(found, kRowBytes);
  EXPECT_LE(found, 2 * kRowBytes);
  EXPECT_NONFATAL_FAILURE(expect_at_most(found, 48, "a copy of the rows"), "a copy of the rows");
}

TEST_F(PeakMemory, CountsPartsOfMappings) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  const std::size_t before = test::allocated_bytes();
  const auto expect_parts = [&](double parts) {  // and what the list of mappings takes
    EXPECT_NEAR(static_cast<double>(test::allocated_bytes() - before) / kPart, parts, 0.01);
  };
  auto* const pages = static_cast<char*>(
      ::mmap(nullptr, 4 * kPart, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  expect_parts(4);
  ::munmap(pages + kPart, kPart);
  expect_parts(3);
  ::munmap(pages, 4 * kPart);
  expect_parts(0);
}

TEST_F(PeakMemory, Fit) {
  const std::size_t found = peak_of([&] {
    const Objective objective(data_, objective_.loss(), true, 100);
    EXPECT_TRUE(train(objective, data_.weights).converged);
  });
  expect_at_most(found, 4, "fit");
}

TEST_F(PeakMemory, Influence) {
  const std::size_t found = peak_of([&] {
    const auto hessian = factor_hessian(objective_, model_.theta, data_.weights);
    const Matrix gradients = metric_gradients(metrics_, data_, model_, {});
    EXPECT_EQ(influences(objective_, model_.theta, *hessian, gradients).rows(), kRows);
  });
  expect_at_most(found, 2 + 2, "influence of two metrics");
}

TEST_F(PeakMemory, Correction) {
  const std::vector<Metric> goals = {metrics_[1]};
  const std::size_t found = peak_of([&] {
    const CorrectionResult result =
        correct(objective_, model_, data_.weights, data_, goals, {}, {.rounds = 1});
    EXPECT_EQ(result.update_status, UpdateStatus::kDone);
  });
  expect_at_most(found, 24, "correct");
}

TEST_F(PeakMemory, Deletion) {
  std::vector<Index> leaving(100);
  std::iota(leaving.begin(), leaving.end(), Index{50});
  const std::size_t found = peak_of([&] {
    DeletionState state(objective_, model_.theta, data_.weights);
    EXPECT_EQ(state.delete_rows(leaving), DeletionStatus::kDone);
    EXPECT_GE(state.measure_step(state.newton_point()).range, 0);
  });
  expect_at_most(found, 8, "delete");
}

TEST_F(PeakMemory, GradientAscent) {
  std::vector<Index> leaving(100);
  std::iota(leaving.begin(), leaving.end(), Index{50});
  const Dataset holdout = made_rows(1000, kColumns);
  const std::size_t found = peak_of([&] {
    const auto result = gradient_ascent(objective_, model_.theta, data_.weights,
                                        uniform_weights(leaving, data_.weights), holdout);
    EXPECT_NE(result.stop, AscentStop::kNotFinite);
  });
  expect_at_most(found, 8, "gradient ascent");
}

/// Three classes: parameters are three times as many.
TEST_F(PeakMemory, FitAndDeletionOfThreeClasses) {
  constexpr Index kFew = 20;
  const Dataset data = made_rows(4 * kRows, kFew, 3);
  std::vector<Index> leaving(100);
  std::iota(leaving.begin(), leaving.end(), Index{50});
  const std::size_t found = peak_of([&] {
    const Objective objective(data, Loss(LossKind::kSoftmax, 3), true, 100);
    const TrainerResult fit = train(objective, data.weights);
    EXPECT_TRUE(fit.converged);
    DeletionState state(objective, fit.theta, data.weights);
    EXPECT_EQ(state.delete_rows(leaving), DeletionStatus::kDone);
  });
  // In vectors of kRows numbers: 6 of 4 kRows, where the rows have 20 of those.
  expect_at_most(found, 4 * 6, "fit and delete, three classes");
}

}  // namespace
}  // namespace recant

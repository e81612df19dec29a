// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "allocation_count.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/blas_buffers.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/trainer.hpp"

/// No job needs memory of the size of the rows: what each allocates at most is O(p^2) + O(n).
namespace recant {

/// Rows with two groups and targets 0 to classes - 1.
inline Dataset made_rows(Index rows, Index columns, int classes = 2) {
  SeededRandom random(31, 0);
  Dataset data;
  RowMatrix features(rows, columns);
  data.targets.resize(rows);
  data.weights = Vector::Ones(rows);
  data.sensitive = {{.name = "group", .groups = {"a", "b"}, .codes = {}}};
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) features(i, j) = 2 * random.uniform() - 1;
    const double score = features(i, 0) + features(i, 1);
    data.targets(i) = random.uniform() < 1 / (1 + std::exp(-score))
                          ? classes - 1
                          : static_cast<double>(i % (classes - 1));
    data.sensitive[0].codes.push_back(features(i, 0) + random.uniform() > 0.5 ? 1 : 0);
  }
  data.features = FeatureMatrix(std::move(features));
  data.ids.numbers.resize(static_cast<std::size_t>(rows));
  std::iota(data.ids.numbers.begin(), data.ids.numbers.end(), 1);
  return data;
}

/// The most that `job` allocates and maps beyond what there is before it.
inline std::size_t peak_of(const std::function<void()>& job) {
  const std::size_t before = test::allocated_bytes();
  test::forget_allocation_peaks();
  job();
  return test::allocation_peak() - before;
}

/// Rows enough that n p is far above both p^2 and n, so that a copy of them would be seen.
class PeakMemory : public testing::Test {
 protected:
  static constexpr Index kRows = 60'000, kColumns = 80, kParameters = kColumns + 1;
  /// Hessians of the groups of blocks, at most 32 of them, and what is factored and solved.
  static constexpr std::size_t kMatrices = 48 * 8 * kParameters * kParameters;
  static constexpr std::size_t kVector = 8 * kRows, kRowBytes = kVector * kColumns;
  /// Buffers of the blocks' size, threads, messages.
  static constexpr std::size_t kBuffers = std::size_t{2} << 20;

  static void expect_at_most(std::size_t found, std::size_t vectors, const char* what) {
    const std::size_t allowed = kMatrices + vectors * kVector + kBuffers;
    ASSERT_LT(allowed, kRowBytes) << "a copy of the rows would not be seen";
    EXPECT_LE(found, allowed) << what << ": " << found << " bytes; rows have " << kRowBytes;
    EXPECT_GT(found, 0U) << "nothing was counted";
  }

  PeakMemory()
      : data_(made_rows(kRows, kColumns)),
        objective_(data_, Loss(LossKind::kLogistic), true, 100),
        model_{objective_.loss(), true, kColumns, train(objective_, data_.weights).theta} {
    for (const char* name : {"utility", "demographic_parity"}) {
      metrics_.push_back(resolve_metric(name, data_, model_, {}).front());
    }
    set_threads(2);
    // OpenBLAS keeps these for good, and they are the largest that anyone maps.
    EXPECT_GE(take_blas_buffers(2), 2);
  }
  ~PeakMemory() override { set_threads(0); }

  Dataset data_;
  Objective objective_;
  LinearModel model_;
  std::vector<Metric> metrics_;
};

}  // namespace recant

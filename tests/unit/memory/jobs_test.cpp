// SPDX-License-Identifier: Apache-2.0
// Jobs on rows that are in memory or in files, without a model on disk.
#include "peak_memory.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/adopt.hpp"
#include "recant/engine/flip_check.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/noise_price.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

class PeakMemoryOfJobs : public PeakMemory {
 protected:
  PeakMemoryOfJobs() : few_(made_rows(500, kColumns)) {
    request_.l2 = 100;
    fitted_.model = model_;
    fitted_.rows = data_;
    fitted_.l2 = 100;
    fitted_.gradient = objective_.evaluate(model_.theta, data_.weights).gradient;
  }

  FitRequest request_;
  FittedModel fitted_;
  Dataset few_;
};

TEST_F(PeakMemoryOfJobs, FitAndAdopt) {
  std::size_t found =
      peak_of([&] { EXPECT_TRUE(fit_rows(data_, request_).second.training.converged); });
  expect_at_most(found, 16, "fit of rows");
  found = peak_of([&] {
    EXPECT_GT(adopt(data_, Vector::Zero(kParameters), request_).second.relative_distance, 0);
  });
  expect_at_most(found, 16, "adopt");
}

/// The features are the file itself: float64 is mapped.
TEST_F(PeakMemoryOfJobs, FitOfArrays) {
  test::TemporaryFolder folder;
  const auto write = [&](const char* name, const NpyView& values) {
    write_npy(folder / name, values);
    return folder / name;
  };
  request_.rows.arrays = ArrayFiles{.features = write("x.npy", data_.features),
                                    .targets = write("y.npy", data_.targets),
                                    .groups = {},
                                    .row_weights = {}};
  std::size_t found = peak_of([&] { EXPECT_TRUE(fit(request_).second.training.converged); });
  expect_at_most(found, 16, "fit of arrays");
  const FittedModel fitted = fit(request_).first;
  found = peak_of([&] { EXPECT_EQ(load_rows(fitted, request_.rows).data.rows(), kRows); });
  expect_at_most(found, 8, "load arrays");
}

TEST_F(PeakMemoryOfJobs, ForgetRows) {
  const auto forget = [&](const std::function<void(ForgetRequest&)>& choose,
                          std::optional<double> allowance) {
    ForgetRequest request;
    for (Index row = 100; row < 400; ++row) request.rows.push_back(row);
    choose(request);
    return peak_of([&] {
      const auto [left, report] = forget_rows(fitted_, request, allowance);
      EXPECT_EQ(report.state, RequestState::kApplied) << report.reason;
      EXPECT_EQ(left.rows.rows(), kRows);
    });
  };
  expect_at_most(forget([](ForgetRequest&) {}, {}), 32, "forget rows");
  expect_at_most(forget([](ForgetRequest&) {}, 1e-12), 32, "forget rows, by training again");
  const Vector values = data_.targets;
  expect_at_most(forget(
                     [&](ForgetRequest& request) {
                       request.weighting.by_value = true;
                       request.weighting.values = values;
                       request.weighting.source = source_of_given(values);
                       request.weighting.alpha = 0.5;
                     },
                     {}),
                 32, "forget rows by value");
  expect_at_most(forget(
                     [&](ForgetRequest& request) {
                       request.method = ForgetMethod::kAscent;
                       request.holdout = &few_;
                     },
                     {}),
                 32, "forget rows by gradient ascent");
  const Dataset fewer = slice(few_, {0, 16});  // distances to all of them are there at once
  expect_at_most(forget(
                     [&](ForgetRequest& request) {
                       request.weighting.retained = true;
                       request.weighting.alpha = 0.5;
                       request.holdout = &fewer;
                     },
                     {}),
                 48, "forget rows, those that stay weighted by their values");
}

TEST_F(PeakMemoryOfJobs, NoisePrice) {
  std::size_t found = peak_of([&] { EXPECT_GT(noise_price(model_, data_, 0.01).rise, 0); });
  expect_at_most(found, 8, "price of noise");
  found = peak_of([&] { EXPECT_TRUE(sigma_for_price(model_, data_, 0.001).has_value()); });
  expect_at_most(found, 8, "noise for a price");
}

TEST_F(PeakMemoryOfJobs, FlipCheck) {
  const std::size_t found = peak_of([&] {
    Dataset flipped = data_;
    flipped.class_names = {"no", "yes"};
    const std::vector<Index> rows = flip_labels(flipped, 0.1, 1);
    EXPECT_EQ(check_flips(flipped.targets, flipped.weights, rows).flipped, std::ssize(rows));
  });
  expect_at_most(found, 16, "check of flipped labels");
}

}  // namespace
}  // namespace recant

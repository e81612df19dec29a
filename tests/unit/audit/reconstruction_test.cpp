// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/reconstruction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/model/trainer.hpp"

namespace recant {
namespace {

class Rebuilding : public testing::TestWithParam<std::tuple<LossKind, bool>> {
 protected:
  static constexpr Index kRow = 17;
  void SetUp() override {
    test::Random random(71);
    const Dataset all = test::made_up_rows(random, 1300, 5, loss_);
    data_ = slice(all, {0, 300});
    public_rows_ = slice(all, {300, 1300});
    objective_.emplace(data_, loss_, intercept_, 1);
    Vector weights = Vector::Ones(300) + random.weights(300);
    const TrainerOptions exact{.tolerance = 1e-14};
    before_ = train(*objective_, weights, exact).theta;
    weights(kRow) = 0;
    left_ = weights;
    after_ = train(*objective_, left_, exact).theta;
    x_ = data_.features.row(kRow).transpose();
  }
  [[nodiscard]] ReconstructionAudit audit(const ReconstructionOptions& options = {}) const {
    return audit_reconstruction(*objective_, left_, before_, after_, x_, data_.targets(kRow),
                                options);
  }
  const Loss loss_{std::get<0>(GetParam()), 3};
  const bool intercept_ = std::get<1>(GetParam());
  Dataset data_, public_rows_;
  std::optional<Objective> objective_;
  Vector before_, after_, left_, x_;
};
INSTANTIATE_TEST_SUITE_P(Kinds, Rebuilding,
                         testing::Combine(testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                                          LossKind::kSoftmax),
                                          testing::Bool()));

TEST_P(Rebuilding, ExactWithoutNoise) {
  const ReconstructionAudit found = audit();
  EXPECT_NEAR(found.cosine, 1, 1e-12);
  EXPECT_NEAR(found.found.direction.norm(), 1, 1e-14);
  EXPECT_NEAR(found.found.rank_one_share, 1, 1e-10);
  EXPECT_LT(found.blind_cosine, 0.999);
  EXPECT_EQ(found.found.features.has_value(), intercept_);
  if (!intercept_) return;
  test::expect_close(*found.found.features, x_, 1e-6, 0, "the row itself");
  EXPECT_LT(*found.relative_error, 1e-6);
  if (GetParam() == std::tuple(LossKind::kSquared, true)) {
    EXPECT_FALSE(found.target_right);
  } else {
    EXPECT_TRUE(*found.target_right);
    EXPECT_EQ(*found.found.target, data_.targets(kRow));
  }
}

TEST_P(Rebuilding, PublicRowsOfTheSameSourceComeNear) {
  const Objective reference(public_rows_, loss_, intercept_, 1);
  const Vector weights = Vector::Constant(1000, left_.sum() / 1000);
  const Reconstruction found = reconstruct_row(reference, weights, before_, after_);
  EXPECT_GT(std::abs(found.direction.dot(x_)) / x_.norm(), 0.9);
}

TEST_P(Rebuilding, NoiseDefeatsIt) {
  const double moved = (after_ - before_).norm();
  const ReconstructionAudit found =
      audit({.sigmas = {0, 1e-6 * moved, 100 * moved}, .draws = 60, .seed = 5});
  ASSERT_EQ(found.noisy.size(), 3u);
  EXPECT_NEAR(found.noisy[0].cosine_low, 1, 1e-10);
  EXPECT_GT(found.noisy[1].cosine_low, 0.999);
  // A direction that knows nothing of the row has a median |cos| of about 0.32 in 5 dimensions; the
  // Hessian favours some directions, so demand only that it is far from recovery.
  EXPECT_LT(found.noisy[2].cosine_median, 0.9);
  EXPECT_LE(found.noisy[2].cosine_low, found.noisy[2].cosine_median);
  EXPECT_LE(found.noisy[2].cosine_median, found.noisy[2].cosine_high);
}

TEST_P(Rebuilding, SameBytesForAnyNumberOfThreadsAndTheSeed) {
  std::optional<ReconstructionAudit> first;
  for (const int threads : {1, 3}) {
    const test::WithThreads scope(threads);
    const ReconstructionAudit found = audit({.sigmas = {0.01, 0.1}, .draws = 9, .seed = 8});
    if (!first) first = found;
    EXPECT_TRUE(test::same_bytes(first->found.direction, found.found.direction));
    EXPECT_EQ(first->blind_cosine, found.blind_cosine);
    for (std::size_t s = 0; s < 2; ++s) {
      EXPECT_EQ(first->noisy[s].cosine_median, found.noisy[s].cosine_median);
    }
  }
}

TEST_P(Rebuilding, NothingMoved) {
  const Reconstruction found = reconstruct_row(*objective_, left_, before_, before_);
  EXPECT_EQ(found.direction, Vector::Zero(5));
  EXPECT_EQ(found.rank_one_share, 0);
  EXPECT_FALSE(found.features);
}

TEST_P(Rebuilding, RefusesBadArguments) {
  test::expect_error<UsageError>(
      [&] { return reconstruct_row(*objective_, left_, before_, Vector::Ones(1)); },
      {"theta after"});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  test::expect_error<UsageError>([&] { return audit({.sigmas = {nan}}); }, {"sigma"});
  test::expect_error<UsageError>([&] { return audit({.draws = 0}); }, {"draws"});
  x_.setZero();
  test::expect_error<UsageError>([&] { return audit(); }, {"x must be"});
}

}  // namespace
}  // namespace recant

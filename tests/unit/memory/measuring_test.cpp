// SPDX-License-Identifier: Apache-2.0
// What looks at models and rows: evaluation, comparison, values, audits.
#include "peak_memory.hpp"
#include "recant/audit/membership.hpp"
#include "recant/audit/reconstruction.hpp"
#include "recant/audit/retrain.hpp"
#include "recant/audit/roc.hpp"
#include "recant/engine/compare.hpp"
#include "recant/metrics/bootstrap.hpp"
#include "recant/metrics/evaluation.hpp"
#include "recant/valuation/agreement.hpp"
#include "recant/valuation/knn_ranks.hpp"
#include "recant/valuation/knn_shapley.hpp"
#include "recant/valuation/leave_one_out.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"
#include "recant/valuation/semivalues.hpp"

namespace recant {
namespace {

class PeakMemoryOfMeasuring : public PeakMemory {
 protected:
  PeakMemoryOfMeasuring() : few_(made_rows(500, kColumns)) {
    for (Index row = 100; row < 200; ++row) deleted_.push_back(row);
    for (const Index row : deleted_) retained_(row) = 0;
  }

  Dataset few_;
  std::vector<Index> deleted_;
  Vector retained_ = data_.weights;
};

TEST_F(PeakMemoryOfMeasuring, Evaluation) {
  const std::size_t found = peak_of([&] { EXPECT_EQ(evaluate(data_, model_, {}).rows, kRows); });
  expect_at_most(found, 8, "evaluate");
}

TEST_F(PeakMemoryOfMeasuring, Bootstrap) {
  const std::size_t found = peak_of([&] {
    EXPECT_EQ(bootstrap(metrics_, data_, {model_}, {}, 50, 1)[0].size(), metrics_.size());
  });
  expect_at_most(found, 12, "bootstrap");
}

TEST_F(PeakMemoryOfMeasuring, Comparison) {
  FittedModel fitted;
  fitted.model = model_;
  fitted.rows = data_;
  fitted.l2 = 100;
  CompareRequest request;
  request.resamples = 50;
  const std::size_t found =
      peak_of([&] { EXPECT_EQ(compare(fitted, few_, few_, request).rows.size(), 9U); });
  expect_at_most(found, 40, "compare");
}

TEST_F(PeakMemoryOfMeasuring, Audit) {
  const RetrainAudit retrained =
      audit_by_retraining(objective_, retained_, model_.theta, model_.theta, few_);
  std::size_t found = peak_of([&] {
    EXPECT_TRUE(audit_by_retraining(objective_, retained_, model_.theta, model_.theta, few_)
                    .retrained.converged);
  });
  expect_at_most(found, 8, "audit by retraining");
  found = peak_of([&] {
    MembershipOptions options;
    options.shadows->count = 4;
    const AuditedModels models{model_.theta, model_.theta, retrained.retrained.theta};
    EXPECT_EQ(
        audit_membership(objective_, data_.weights, models, deleted_, few_, options).attacks.size(),
        2U);
  });
  // Two models are trained side by side.
  expect_at_most(found, 40, "audit of membership");
  found = peak_of([&] {
    EXPECT_TRUE(reconstruct_row(objective_, retained_, model_.theta, retrained.retrained.theta)
                    .target.has_value());
  });
  expect_at_most(found, 8, "reconstruction");
}

/// Distances of some validation rows at once, 32 MB of them: the rows are wider here, or a copy of
/// them would not be seen.
TEST_F(PeakMemoryOfMeasuring, KnnShapley) {
  constexpr Index kWide = 800, kOfThem = 10'000, kValidation = 500;
  constexpr std::size_t kDistances = std::size_t{32} << 20;
  const Dataset wide = made_rows(kOfThem, kWide), validation = made_rows(kValidation, kWide);
  constexpr std::size_t kAllowed =
      kDistances + 8 * 8 * kOfThem + 2 * 8 * kValidation * kWide + kBuffers;
  static_assert(kAllowed < 8 * kOfThem * kWide);
  KnnShapleyOptions shared, truncated;
  shared.ties = TieRule::kShared;
  truncated.truncate = 0.01;
  const auto expect_little = [&](std::size_t kept, const std::function<KnnShapleyResult()>& job) {
    const std::size_t found = peak_of([&] { EXPECT_EQ(job().rows_valued, kOfThem); });
    EXPECT_LE(found, kept + kAllowed);
    EXPECT_GT(found, kept);
  };
  expect_little(0, [&] { return knn_shapley(wide, validation); });
  expect_little(0, [&] { return knn_shapley(wide, validation, shared); });
  expect_little(0, [&] { return knn_shapley(wide, validation, truncated); });
  expect_little(0, [&] { return knn_shapley_regression(wide, validation); });
  // What is asked for is the ranks themselves.
  expect_little(static_cast<std::size_t>(KnnRanks::bytes(kOfThem, kValidation)),
                [&] { return KnnRanks(wide, validation).classification(); });
}

/// The distances to 1,000 validation rows would take 80 MB, as the rows do. What is there at once
/// is 32 MB of them and 16 MB of rows that are near, or these and 32 MB of the same turned round.
TEST_F(PeakMemoryOfMeasuring, SampledValuesByVotes) {
  constexpr Index kWide = 1000, kOfThem = 10'000, kValidation = 1000;
  constexpr std::size_t kAtOnce = std::size_t{48} << 20;
  const Dataset wide = made_rows(kOfThem, kWide), validation = made_rows(kValidation, kWide);
  constexpr std::size_t kAllowed = kAtOnce + 48 * 8 * kOfThem + 2 * 8 * 256 * kWide + kBuffers;
  static_assert(kAllowed < 8 * kOfThem * kWide && kAllowed < 8 * kOfThem * kValidation);
  for (const Semivalue kind :
       {Semivalue::kDataShapley, Semivalue::kBetaShapley, Semivalue::kDataBanzhaf}) {
    const std::size_t found = peak_of([&] {
      const auto utility = neighbor_utility(wide, validation, 5);
      SamplingOptions options;
      options.max_samples = 40;
      options.alpha = options.beta = 1;  // every row is known after few permutations
      EXPECT_EQ(sample_values(*utility, kind, options).values.size(), kOfThem);
    });
    EXPECT_LE(found, kAllowed) << name(kind);
    EXPECT_GT(found, 0U);
  }
}

TEST_F(PeakMemoryOfMeasuring, Ranking) {
  const Vector scores = probabilities(model_, data_.features).col(0);
  std::size_t found = peak_of([&] { EXPECT_EQ(agreement(scores, data_.targets).count, kRows); });
  expect_at_most(found, 16, "agreement");
  found = peak_of([&] {
    const auto members = scores.head(kRows / 2), others = scores.tail(kRows / 2);
    EXPECT_FALSE(roc_curve(members, others).empty());
    EXPECT_GT(auc(members, others).value, 0);
    EXPECT_EQ(auc_difference(members, others, members, others).value, 0);
  });
  expect_at_most(found, 16, "ROC curve");
}

TEST_F(PeakMemoryOfMeasuring, LeaveOneOut) {
  Vector weights = Vector::Zero(kRows);
  weights.head(50).setOnes();  // 50 models, each trained by passes over all rows
  const std::size_t found = peak_of([&] {
    const auto measures = [](ConstMatrixRef thetas) -> Matrix { return thetas.topRows(1); };
    EXPECT_EQ(leave_one_out(objective_, model_.theta, weights, measures).changes.rows(), kRows);
  });
  expect_at_most(found, 16, "leave-one-out");
}

TEST_F(PeakMemoryOfMeasuring, SampledValues) {
  const std::size_t found = peak_of([&] {
    const auto utility = model_utility(objective_, data_.weights, few_, ModelScore::kLogLoss);
    SamplingOptions options;
    options.max_samples = 40;
    EXPECT_EQ(sample_values(*utility, Semivalue::kDataBanzhaf, options).values.size(), kRows);
  });
  expect_at_most(found, 40, "Data Banzhaf");
}

}  // namespace
}  // namespace recant

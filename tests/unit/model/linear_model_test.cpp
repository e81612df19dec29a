// SPDX-License-Identifier: Apache-2.0
#include "recant/model/linear_model.hpp"

#include <gtest/gtest.h>

#include "compare.hpp"
#include "expect_error.hpp"
#include "naive_model.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

TEST(LinearModelTest, ScoresAreThoseOfAStraightLoop) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSoftmax}) {
    for (const Index n : {1, 2, 1023, 1024, 1025, 2600}) {
      for (const Index d : {0, 1, 7}) {
        for (const bool intercept : {false, true}) {
          if (d == 0 && !intercept) continue;
          test::Random random(static_cast<std::uint64_t>(n * 10 + d));
          const Loss loss(kind, 3);
          const Dataset data = test::made_up_rows(random, n, d, loss);
          const LinearModel model{loss, intercept, d,
                                  random.normals(loss.outputs() * (d + (intercept ? 1 : 0)))};
          EXPECT_EQ(model.width(), d + (intercept ? 1 : 0));
          const Matrix found = scores(model, data.features);
          const Matrix p = probabilities(model, data.features);
          Matrix wanted(n, loss.outputs()), wanted_p(n, loss.outputs());
          for (Index i = 0; i < n; ++i) {
            const test::Reals t =
                test::naive_scores(test::naive_row(data.features, i, intercept), model.theta);
            for (std::size_t k = 0; k < t.size(); ++k) {
              wanted(i, static_cast<Index>(k)) = static_cast<double>(t[k]);
              test::Real sum = kind == LossKind::kLogistic ? 1 + expl(-t[k]) : 0;
              if (kind == LossKind::kSoftmax)
                for (const test::Real other : t) sum += expl(other - t[k]);
              wanted_p(i, static_cast<Index>(k)) = static_cast<double>(1 / sum);
            }
          }
          SCOPED_TRACE(testing::Message() << "n " << n << ", d " << d);
          test::expect_close(found, wanted, 1e-14, 1e-15, "scores");
          test::expect_close(p, wanted_p, 1e-13, 0, "probabilities");
        }
      }
    }
  }
}

TEST(LinearModelTest, CoefficientsAreThetaClassAfterClass) {
  const LinearModel model{Loss(LossKind::kSoftmax, 3), true, 1, Vector::LinSpaced(6, 0, 5)};
  EXPECT_EQ(model.coefficients()(0, 2), 4);
  EXPECT_EQ(model.coefficients()(1, 2), 5) << "the intercept is the last of each class";
  const LinearModel other = model.at(Vector::Zero(6));
  EXPECT_EQ(other.theta.sum(), 0);
  EXPECT_EQ(other.loss.outputs(), 3);
  EXPECT_EQ(other.width(), 2);
}

TEST(LinearModelTest, RefusesRowsOfAnotherWidth) {
  test::Random random(1);
  const Dataset data = test::made_up_rows(random, 4, 3, Loss());
  const LinearModel model{Loss(), true, 2, Vector::Zero(3)};
  test::expect_error<UsageError>([&] { return scores(model, data.features); }, {"3", "2"});
}

TEST(LinearModelTest, ScoresHaveTheSameBytesForAnyThreads) {
  test::Random random(2);
  const Dataset data = test::made_up_rows(random, 9000, 13, Loss());
  const LinearModel model{Loss(), true, 13, random.normals(14)};
  Matrix one;
  for (const int count : {1, 2, 4}) {
    const test::WithThreads threads(count);
    const Matrix now = probabilities(model, data.features);
    if (count == 1) one = now;
    EXPECT_TRUE(test::same_bytes(now, one)) << count;
  }
}

}  // namespace
}  // namespace recant

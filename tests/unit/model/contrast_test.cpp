// SPDX-License-Identifier: Apache-2.0
#include "recant/model/contrast.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "compare.hpp"
#include "problems.hpp"
#include "recant/model/objective.hpp"

namespace recant::test {
namespace {

TEST(Contrast, IsAnOrthonormalBasisOfWhatSoftmaxFeels) {
  for (const Index classes : {2, 3, 5, 10}) {
    const Loss loss(LossKind::kSoftmax, classes);
    const Contrast contrast(loss, 4);
    const Matrix& q = contrast.basis();
    EXPECT_LE((q.transpose() * q - Matrix::Identity(classes - 1, classes - 1)).norm(), 1e-14);
    EXPECT_LE((q.transpose() * Vector::Ones(classes)).norm(), 1e-14);
    Random random(3);
    const Vector psi = random.normals(contrast.size());
    const Vector theta = contrast.expand(psi);
    EXPECT_NEAR(theta.norm(), psi.norm(), 1e-14 * psi.norm());
    expect_close(contrast.reduce(theta), psi, 1e-14, 0, "there and back");
    EXPECT_LE(contrast.dropped(theta), contrast.rounding() * theta.norm());
    const Vector common = random.normals(4);
    const Vector moved = theta + common.replicate(classes, 1);
    expect_close(contrast.reduce(moved), psi, 1e-13, 0, "what all classes share");
    EXPECT_NEAR(contrast.dropped(moved), common.norm() * std::sqrt(static_cast<double>(classes)),
                1e-13 * moved.norm());
  }
}

TEST(Contrast, ReducesHessiansAndDropsThePenaltyAlone) {
  Random random(9);
  const Loss loss(LossKind::kSoftmax, 4);
  const Dataset data = made_up_rows(random, 50, 3, loss);
  const Objective objective(data, loss, true, 0.3);
  const Contrast contrast(loss, objective.width());
  const Vector theta = random.normals(objective.parameters());
  const Matrix full = objective.hessian(theta, data.weights);
  const Matrix reduced = contrast.reduce_hessian(full);
  for (int trial = 0; trial < 5; ++trial) {
    const Vector psi = random.normals(contrast.size());
    expect_close(Vector(reduced * psi), contrast.reduce(full * contrast.expand(psi)), 1e-12, 0,
                 "H psi");
  }
  // The directions left out carry l2 each.
  EXPECT_NEAR(reduced.trace() + 0.3 * 4, full.trace(), 1e-12 * full.trace());
}

TEST(Contrast, IsNothingForOneScore) {
  const Contrast contrast(Loss(), 5);
  Random random(1);
  const Vector theta = random.normals(5);
  EXPECT_TRUE(same_bytes(contrast.reduce(theta), theta));
  EXPECT_TRUE(same_bytes(contrast.expand(theta), theta));
  EXPECT_EQ(contrast.dropped(theta), 0);
  EXPECT_EQ(contrast.rounding(), 0);
}

}  // namespace
}  // namespace recant::test

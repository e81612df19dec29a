// SPDX-License-Identifier: Apache-2.0
// A base of rows of which some have been left out is that of the others, to the byte.
#include <gtest/gtest.h>

#include "compare.hpp"
#include "problems.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

TEST(DeletionBase, OfRowsLeftOutIsThatOfTheOthers) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax}) {
    const Loss loss(kind);
    Random random(14);
    const Dataset all = made_up_rows(random, 5000, 9, loss);
    std::vector<Index> kept;
    for (Index i = 0; i < all.rows(); ++i) {
      if (i % 1000 >= 3 && i % 7 != 2 && i != 2048) kept.push_back(i);
    }
    const Dataset copied = pick_rows(all, kept);
    Dataset shared = copied;
    shared.features = all.features.only(kept);
    const Objective wanted_rows(copied, loss, true, 3), found_rows(shared, loss, true, 3);
    const Vector weights = Vector::Ones(copied.rows());
    const Vector theta = train(wanted_rows, weights).theta;
    DeletionState wanted(wanted_rows, theta, weights);
    for (const int threads : {1, 2}) {
      const WithThreads with(threads);
      DeletionState found(found_rows, theta, weights), expected = wanted;
      EXPECT_EQ(found.to_bytes(), expected.to_bytes());
      for (const Index row : {5, 1700}) {
        ASSERT_EQ(found.delete_rows(std::vector{row}), DeletionStatus::kDone);
        ASSERT_EQ(expected.delete_rows(std::vector{row}), DeletionStatus::kDone);
        const Vector moved = found.newton_point();
        EXPECT_EQ(moved, expected.newton_point());
        EXPECT_EQ(found.frame().leverage, expected.frame().leverage);
        EXPECT_EQ(found.measure_step(moved).range, expected.measure_step(moved).range);
      }
    }
  }
}

}  // namespace
}  // namespace recant::test

// SPDX-License-Identifier: Apache-2.0
#include "recant/data/dataset.hpp"

#include <gtest/gtest.h>

namespace recant {
namespace {

TEST(Dataset, PickedRowsComeInTheOrderAskedForAndCountOnce) {
  Dataset data{.targets = Vector{{0, 1, 0}}, .class_names = {"no", "yes"}};
  data.features = FeatureMatrix(RowMatrix{{1, 2}, {3, 4}, {5, 6}});
  data.weights = Vector{{7, 0, 9}};
  data.ids.texts = {"a", "b", "c"};
  const std::vector<Index> rows = {2, 1, 2};
  const Dataset picked = pick_rows(data, rows);
  EXPECT_EQ(picked.features.view(), (RowMatrix{{5, 6}, {3, 4}, {5, 6}}));
  EXPECT_EQ(picked.targets, (Vector{{0, 1, 0}}));
  EXPECT_EQ(picked.weights, (Vector{{1, 1, 1}}));
  EXPECT_EQ(picked.class_names, data.class_names);
  EXPECT_EQ(picked.ids.size(), 0) << "who they are is left behind";
  EXPECT_EQ(pick_rows(data, {}).features.columns(), 2);
}

}  // namespace
}  // namespace recant

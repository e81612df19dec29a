// SPDX-License-Identifier: Apache-2.0
#include "recant/data/dataset.hpp"

#include <gtest/gtest.h>

#include "recant/core/error.hpp"

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

/// 3,000 rows that say which they are.
FeatureMatrix numbered_rows() {
  RowMatrix x(3000, 3);
  for (Index i = 0; i < x.rows(); ++i) {
    x.row(i).setConstant(static_cast<double>(i));
    x(i, 2) = -1;
  }
  return FeatureMatrix(std::move(x));
}

RowMatrix all_of(const FeatureMatrix& features) {
  RowMatrix rows(features.rows(), features.columns());
  for (Index b = 0; b < block_count(features.rows()); ++b) {
    const RowBlock block = block_at(b, features.rows());
    const FeatureRows part = features.block(block);
    rows.middleRows(block.begin, block.size()) = RowsView(part);
  }
  return rows;
}

TEST(FeatureMatrix, OnlySomeRowsAreLikeACopyOfThem) {
  const FeatureMatrix all = numbered_rows();
  std::vector<Index> kept;
  for (Index i = 0; i < all.rows(); ++i) {
    if (i != 0 && i != 1500 && i != 1501 && i < 2800) kept.push_back(i);
  }
  const FeatureMatrix some = all.only(kept);
  ASSERT_EQ(some.rows(), static_cast<Index>(kept.size()));
  const RowMatrix found = all_of(some);
  for (Index i = 0; i < some.rows(); ++i) {
    const auto wanted = all.row(kept[static_cast<std::size_t>(i)]);
    ASSERT_EQ(found.row(i), wanted) << i;
    ASSERT_EQ(some.row(i), wanted) << i;
  }
  const FeatureMatrix part = some.slice({1000, 2000});
  EXPECT_EQ(all_of(part), found.middleRows(1000, 1000));
  EXPECT_EQ(all_of(all.slice({1000, 2000})), all_of(all).middleRows(1000, 1000));
  EXPECT_EQ(all_of(some.only({2, 1499, 2000})).col(0), Vector({{3, 1502, 2003}}));
  EXPECT_EQ(all_of(all.only({})).rows(), 0);
}

TEST(FeatureMatrix, OnlyRowsAroundThoseLeftOutAreCopied) {
  const FeatureMatrix all = numbered_rows(), some = all.only({4, 5, 6, 9, 10});
  const auto is_view = [&](RowBlock block, Index first) {
    const FeatureRows rows = some.block(block);
    return RowsView(rows).data() == all.row(first).data();
  };
  EXPECT_TRUE(is_view({0, 3}, 4));
  EXPECT_TRUE(is_view({3, 5}, 9));
  EXPECT_FALSE(is_view({2, 4}, 6));
  EXPECT_THROW(static_cast<void>(some.view()), InternalError);
  EXPECT_THROW(static_cast<void>(all.only({4, 4})), InternalError);
  EXPECT_THROW(static_cast<void>(all.only({3000})), InternalError);
}

}  // namespace
}  // namespace recant

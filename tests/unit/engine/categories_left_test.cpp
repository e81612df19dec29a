// SPDX-License-Identifier: Apache-2.0
#include "categories_left.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "recant/data/table.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Rows of two columns of categories, one of them numbers in a schema's eyes only.
class CategoriesLeftTest : public testing::TestWithParam<Encoding> {
 protected:
  CategoriesLeftTest() {
    test::Random random(7);
    std::string text = "a,x,b,hired\n";
    for (Index i = 0; i < kRows; ++i) {
      // "first" is first in order and rare, "own 3000" one row's own.
      const std::string a = i % 1000 == 17 ? "first" : fmt::format("k{}", random.below(40));
      const std::string b = i == 3000 ? "own 3000" : random.below(2) == 0 ? "left" : "right";
      cells_.push_back({a, b});
      text += fmt::format("{},{},{},{}\n", a, random.uniform(), b, i % 2);
    }
    TableOptions options;
    options.target = "hired";
    options.encoding = GetParam();
    table_ = read_training_csv(folder_.write("t.csv", text), options);
  }
  static constexpr Index kRows = 3500;
  test::TemporaryFolder folder_;
  std::vector<std::array<std::string, 2>> cells_;
  LoadedTable table_;

  [[nodiscard]] std::vector<std::string> names(const std::vector<CategoryPlace>& places) const {
    std::vector<std::string> found;
    for (const auto [f, k] : places) {
      found.push_back(table_.encoder.features[f].categories[k].value_or("(none)"));
    }
    return found;
  }
};

TEST_P(CategoriesLeftTest, CountsWhatTheFileHas) {
  const CategoriesLeft left(table_.encoder, table_.data);
  std::vector<Index> all(kRows);
  for (Index i = 0; i < kRows; ++i) all[static_cast<std::size_t>(i)] = i;
  const CategoriesLeft::Counts counts = left.held_by(all);
  std::size_t at = 0;
  for (const std::size_t f : {0U, 2U}) {
    std::map<std::string, Index> expected;
    for (const auto& row : cells_) ++expected[row[f / 2]];
    for (const auto& category : table_.encoder.features[f].categories) {
      EXPECT_EQ(counts[at++], expected.at(*category)) << *category;
    }
  }
  EXPECT_EQ(at, counts.size());
  EXPECT_EQ(left.emptied_by(counts, table_.encoder).size(), counts.size());
}

TEST_P(CategoriesLeftTest, ANameGoesWithTheLastRowThatHasIt) {
  CategoriesLeft left(table_.encoder, table_.data);
  const auto leave = [&](const std::vector<Index>& rows) {
    const CategoriesLeft::Counts leaving = left.held_by(rows);
    const auto emptied = left.emptied_by(leaving, table_.encoder);
    left.leave(leaving);
    table_.encoder.erase_names(emptied);
    return emptied;
  };
  EXPECT_THAT(leave({17, 1017}), IsEmpty());
  EXPECT_THAT(leave({5, 3000}), ElementsAre((CategoryPlace{2, 1})));
  EXPECT_THAT(leave({3017, 2017}), ElementsAre((CategoryPlace{0, 0})));
  EXPECT_THAT(leave({6}), IsEmpty()) << "names that are gone are not named again";
}

TEST_P(CategoriesLeftTest, RowsThatWereErasedHoldNothing) {
  mark_erased(table_.data, std::vector<Index>{17, 1017, 2017, 3000});
  const CategoriesLeft left(table_.encoder, table_.data);
  EXPECT_THAT(names(left.emptied_by(left.held_by({}), table_.encoder)), ElementsAre("own 3000"));
  EXPECT_THAT(names(left.emptied_by(left.held_by(std::vector<Index>{3017}), table_.encoder)),
              ElementsAre("first", "own 3000"));
}

TEST_P(CategoriesLeftTest, AModelInMemoryForgetsNamesThatNoRowHas) {
  FittedModel model;
  model.rows = table_.data;
  model.rows.weights[3000] = 0;
  model.encoder = table_.encoder;
  erase_unheld_names(model);
  EXPECT_EQ(model.encoder->to_json(), table_.encoder.to_json()) << "a row without weight is there";
  mark_erased(model.rows, std::vector<Index>{3000});
  erase_unheld_names(model);
  EXPECT_EQ(model.encoder->features[2].categories[1], std::nullopt);
  EXPECT_EQ(model.rows.columns, model.encoder->column_names());
  EXPECT_NE(model.rows.columns, table_.data.columns);
}

INSTANTIATE_TEST_SUITE_P(Encodings, CategoriesLeftTest,
                         testing::Values(Encoding::kFull, Encoding::kReference),
                         [](const auto& tested) { return std::string(name(tested.param)); });

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/data/table.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::IsEmpty;

TableOptions target_y() {
  return {.target = "y", .positive = "1"};
}

class Table : public testing::Test {
 protected:
  LoadedTable train(const std::string& text, const TableOptions& options = target_y()) const {
    return read_training_csv(folder_.write("train.csv", text), options);
  }
  LoadedTable other(const std::string& text, const Encoder& encoder) const {
    return read_csv(folder_.write("other.csv", text), encoder);
  }
  template <class ErrorType = DataError>
  void train_fails(const std::string& text, const TableOptions& options,
                   const std::vector<std::string>& parts) const {
    SCOPED_TRACE(text.substr(0, 60));
    expect_error<ErrorType>([&] { return train(text, options); }, parts);
  }
  void other_fails(const std::string& text, const Encoder& encoder,
                   const std::vector<std::string>& parts) const {
    SCOPED_TRACE(text.substr(0, 60));
    expect_error<DataError>([&] { return other(text, encoder); }, parts);
  }

  test::TemporaryFolder folder_;
};

std::vector<std::string> types_of(const Encoder& encoder) {
  std::vector<std::string> types;
  for (const auto& feature : encoder.features) types.emplace_back(name(feature.type));
  return types;
}

TEST_F(Table, StandardisesNumbersAndCategories) {
  const LoadedTable table = train("y,x,c,k\n1,1,b,7\n0,2,a,7\n1,6,b,7\n");
  EXPECT_THAT(table.data.columns, ElementsAre("x", "c=a", "c=b", "k"));
  EXPECT_THAT(table.encoder.mean, ElementsAre(3, 1.0 / 3, 2.0 / 3, 7));
  const double deviation = std::sqrt(14.0 / 3), spread = std::sqrt(2.0) / 3;
  EXPECT_DOUBLE_EQ(table.encoder.scale[0], deviation);
  EXPECT_DOUBLE_EQ(table.encoder.scale[1], spread);
  EXPECT_EQ(table.encoder.scale[3], 1);
  const RowMatrix wanted{{-2 / deviation, -1 / 3. / spread, 1 / 3. / spread, 0},
                         {-1 / deviation, 2 / 3. / spread, -2 / 3. / spread, 0},
                         {3 / deviation, -1 / 3. / spread, 1 / 3. / spread, 0}};
  EXPECT_TRUE(table.data.features.view().isApprox(wanted, 1e-15));
  EXPECT_THAT(table.data.targets, ElementsAre(1, 0, 1));
  EXPECT_THAT(table.data.class_names, ElementsAre("0", "1"));
  EXPECT_THAT(table.data.weights, ElementsAre(1, 1, 1));
  EXPECT_THAT(table.data.ids.numbers, ElementsAre(1, 2, 3));
  EXPECT_EQ(table.rows_read, 3);
  EXPECT_EQ(table.rows_dropped, 0);
  EXPECT_THAT(table.unseen, IsEmpty());
}

TEST_F(Table, LeavesTheFirstCategoryOutAsReference) {
  TableOptions options = target_y();
  options.encoding = Encoding::kReference;
  const LoadedTable table = train("y,c,one,d\n1,b,z,q\n0,a,z,p\n1,c,z,q\n0,c,z,q\n", options);
  EXPECT_THAT(table.data.columns, ElementsAre("c=b", "c=c", "d=q"));
  const RowsView rows = table.data.features.view();
  EXPECT_DOUBLE_EQ(rows(0, 0), 0.75 / (std::sqrt(3.) / 4));
  EXPECT_DOUBLE_EQ(rows(1, 0), -0.25 / (std::sqrt(3.) / 4));
  EXPECT_DOUBLE_EQ(rows(2, 1), 1);
  EXPECT_DOUBLE_EQ(rows(1, 1), -1);
  train_fails("y,one\n1,z\n0,z\n", options, {"no column that differs"});
}

TEST_F(Table, HoldsTheDeviationOfLargeNumbers) {
  std::string text = "y,x\n";
  for (int i = 0; i < 5000; ++i) text += i % 2 == 0 ? "1,1000001\n" : "0,999999\n";
  const LoadedTable table = train(text);
  EXPECT_EQ(table.encoder.mean[0], 1e6);
  EXPECT_EQ(table.encoder.scale[0], 1);
  EXPECT_EQ(table.data.features.view()(1, 0), -1);
}

TEST_F(Table, DropsRowsWithMissingCellsThatAreUsed) {
  TableOptions options = target_y();
  options.sensitive = {"s"};
  options.drop = {"s", "note"};
  const std::string text =
      "x,s,note,y\n1,a,?,1\n?,a,,0\n3,?,,1\n\n4,b,,NA\n5,b,NA,0\n,b,,0\nzz,b,?,?\n";
  const LoadedTable table = train(text, options);
  EXPECT_THAT(table.data.columns, ElementsAre("x")) << "text in dropped rows decides no type";
  EXPECT_THAT(table.data.ids.numbers, ElementsAre(1, 5));
  EXPECT_EQ(table.rows_read, 7);
  EXPECT_EQ(table.rows_dropped, 5);
  EXPECT_THAT(table.data.sensitive.at(0).groups, ElementsAre("a", "b"));
  EXPECT_EQ(other("x,y,s\n?,1,a\n2,0,c\n", table.encoder).rows_dropped, 1)
      << "dropped columns need not be there";

  options.missing = MissingPolicy::kError;
  train_fails(text, options, {"train.csv, line 3", "column 'x'", "missing"});
  options.missing_values = {};
  EXPECT_THAT(types_of(train("x,s,note,y\n?,a,b,1\n2,a,b,0\n", options).encoder),
              ElementsAre("categorical"));
}

TEST_F(Table, FindsTypesByInspection) {
  const auto type = [&](const std::vector<std::string>& cells) {
    std::string text = "y,x\n";
    int i = 0;
    for (const auto& cell : cells) text += std::to_string(i++ % 2) + "," + cell + "\n";
    return types_of(train(text).encoder).at(0);
  };
  EXPECT_EQ(type({"1", "+.5", "-1e3", " 2 ", "1E-2", "007", "1.", "1e-999"}), "numeric");
  for (const std::string text :
       {"nan", "inf", "-inf", "1e999", "0x10", "1,5", "1 2", "+-1", "++1", "+", "1e", "x"}) {
    const std::string cell = "\"" + text + "\"";
    EXPECT_EQ(type({cell, "1", "2"}), "categorical") << text;
    EXPECT_EQ(type({"1", "2", cell}), "categorical") << text << " after numbers";
  }
}

TEST_F(Table, ReadsAgainWhenTextComesLate) {
  std::string text = "y,x,c,z,n\n";
  for (int i = 0; i < 3000; ++i) {
    text += fmt::format("{},{},a,{},{}\n", i % 2, i == 1500 ? "late" : "01",
                        i == 2999 ? "last" : "1", i);
  }
  const LoadedTable table = train(text);
  EXPECT_THAT(types_of(table.encoder),
              ElementsAre("categorical", "categorical", "categorical", "numeric"));
  EXPECT_THAT(table.encoder.features.at(0).categories, ElementsAre("01", "late"));
  EXPECT_EQ(table.data.rows(), 3000);
  EXPECT_EQ(table.data.targets.sum(), 1500);
  EXPECT_EQ(table.rows_read, 3000);

  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << text; });
  const LoadedTable piped = read_training_csv(pipe, target_y());
  writer.join();
  EXPECT_EQ(piped.data.features.view(), table.data.features.view());
  EXPECT_EQ(piped.encoder.to_json(), table.encoder.to_json());
}

TEST_F(Table, TakesTypesFromASchema) {
  TableOptions options = target_y();
  options.schema =
      Schema{{{"x", ColumnType::kCategorical}, {"n", ColumnType::kNumeric}}, {}, {}, {}, {}, {}};
  const LoadedTable table = train("x,n,y\n1,1,1\n10,2,0\n9,3,0\n", options);
  EXPECT_THAT(table.data.columns, ElementsAre("x=1", "x=10", "x=9", "n"));
  EXPECT_FALSE(table.encoder.options.schema);
  train_fails("x,n,y\n1,1,1\n\n1,secret,0\n", options,
              {"line 4", "column 'n'", "no finite number"});
  train_fails("x,n,y\n1,nan,1\n1,1,0\n", options, {"line 2", "column 'n'"});
  train_fails("x,n,m,y\n1,1,1,1\n", options, {"schema does not name", "'m'"});
  train_fails("x,y\n1,1\n", options, {"lacks columns of the schema", "'n'"});
  options.drop = {"m"};
  EXPECT_NO_THROW(train("x,n,m,y\n1,1,1,1\n2,2,2,0\n", options));
}

TEST_F(Table, ReadsFilesWithoutHeader) {
  const TableOptions options = {.target = "3", .positive = "p", .header = false};
  const LoadedTable table = train("1,a,p\n2,b,q\n3,a,q\n", options);
  EXPECT_THAT(table.data.columns, ElementsAre("1", "2=a", "2=b"));
  EXPECT_THAT(table.data.ids.numbers, ElementsAre(1, 2, 3));
  EXPECT_EQ(other("1,a,p\n", Encoder::from_json(table.encoder.to_json())).data.rows(), 1);
}

TEST_F(Table, KnowsBinaryTargets) {
  const auto targets = [&](const std::string& first, const std::string& second,
                           std::optional<std::string> positive) {
    return train("x,y\n1," + first + "\n2," + second + "\n", {.target = "y", .positive = positive})
        .data.targets;
  };
  EXPECT_THAT(targets("1", "0", {}), ElementsAre(1, 0));
  EXPECT_THAT(targets("0", "1", {}), ElementsAre(0, 1));
  EXPECT_THAT(targets("0", "1", "0"), ElementsAre(1, 0));
  EXPECT_THAT(targets("no", "yes", "yes"), ElementsAre(0, 1));
  EXPECT_THAT(targets("no", "yes", "no"), ElementsAre(1, 0));
  const TableOptions plain = {.target = "y"};
  train_fails<UsageError>("x,y\n1,a\n2,b\n", plain, {"column 'y'", "--positive"});
  train_fails<UsageError>("x,y\n1,1\n2,2\n", plain, {"--positive"});
  train_fails<UsageError>("x,y\n1,a\n2,b\n", target_y(), {"never occurs"});
  train_fails("x,y\n1,a\n2,b\n3,c\n", plain, {"3 distinct values, but a binary model needs 2"});
  train_fails("x,y\n1,1\n2,1\n", plain, {"column 'y'", "same value"});
}

TEST_F(Table, KnowsClassesAndNumericTargets) {
  TableOptions options = {.target = "y", .target_kind = TargetKind::kClasses};
  const LoadedTable table = train("x,y\n1,10\n2,9\n3,-1\n4,9\n", options);
  EXPECT_THAT(table.data.class_names, ElementsAre("-1", "9", "10"));
  EXPECT_THAT(table.data.targets, ElementsAre(2, 1, 0, 1));
  EXPECT_THAT(train("x,y\n1,10\n2,9\n3,b\n4,b\n", options).data.class_names,
              ElementsAre("10", "9", "b"));
  train_fails("x,y\n1,10\n2,9\n3,b\n", options, {"column 'y'", "3 classes in as many rows"});
  train_fails("x,y\n1,10\n2,10\n", options, {"same value"});
  other_fails("x,y\n1,10\n\n2,11\n", table.encoder, {"other.csv, line 4", "column 'y'", "class"});

  options.target_kind = TargetKind::kNumeric;
  const LoadedTable numbers = train("x,y\n1,10\n2,-.5\n", options);
  EXPECT_THAT(numbers.data.targets, ElementsAre(10, -0.5));
  EXPECT_THAT(numbers.data.class_names, IsEmpty());
  EXPECT_THAT(other("x,y\n1,3\n", numbers.encoder).data.targets, ElementsAre(3));
  train_fails("x,y\n1,10\n2,inf\n", options, {"line 3", "column 'y'", "no finite number"});
  train_fails("x,y\n1,10\n2,10\n", options, {"same value"});
  options.positive = "1";
  train_fails<UsageError>("x,y\n1,10\n2,11\n", options, {"not binary"});
}

TEST_F(Table, GroupsRows) {
  TableOptions options = target_y();
  options.sensitive = {"s", "t"};
  options.drop = {"t"};
  const LoadedTable table = train("x,s,t,y\n1,b,z,1\n2,a,z,0\n3,b,B,0\n", options);
  EXPECT_THAT(table.data.columns, ElementsAre("x", "s=a", "s=b"));
  ASSERT_EQ(table.data.sensitive.size(), 2U);
  EXPECT_EQ(table.data.sensitive[0].name, "s");
  EXPECT_THAT(table.data.sensitive[0].groups, ElementsAre("a", "b"));
  EXPECT_THAT(table.data.sensitive[0].codes, ElementsAre(1, 0, 1));
  EXPECT_THAT(table.data.sensitive[1].groups, ElementsAre("B", "z"));
  EXPECT_THAT(table.data.sensitive[1].codes, ElementsAre(1, 1, 0));

  const LoadedTable more = other("x,s,t,y\n1,d,z,1\n2,aa,z,0\n3,d,A,0\n4,b,z,0\n", table.encoder);
  EXPECT_THAT(more.data.sensitive[0].groups, ElementsAre("a", "b", "aa", "d"));
  EXPECT_THAT(more.data.sensitive[0].codes, ElementsAre(3, 2, 3, 1));
  EXPECT_THAT(more.data.sensitive[1].groups, ElementsAre("B", "z", "A"));
  EXPECT_THAT(more.encoder.groups.at(0), ElementsAre("a", "b"));
}

TEST_F(Table, CountsUnseenCategories) {
  const LoadedTable table = train("x,c,d,y\n1,a,p,1\n2,b,q,0\n");
  const LoadedTable more =
      other("x,c,d,y\n1,z,p,1\n1.5,?,p,0\n1.5,w,q,0\n1.5,a,q,0\n", table.encoder);
  ASSERT_EQ(more.unseen.size(), 1U);
  EXPECT_EQ(more.unseen[0].column, "c");
  EXPECT_EQ(more.unseen[0].rows, 2);
  EXPECT_THAT(more.data.features.view().row(0), ElementsAre(-1, -1, -1, 1, -1));
  EXPECT_THAT(more.data.features.view().row(2), ElementsAre(0, 1, -1, -1, 1));
  EXPECT_THAT(more.data.ids.numbers, ElementsAre(1, 3, 4));
}

TEST_F(Table, TakesIdsAndWeights) {
  TableOptions options = target_y();
  options.id = "who";
  options.weight = "w";
  const LoadedTable table = train("who,x,w,y\nann,1,.5,1\n?,1,1,1\nbob,2,0,0\n", options);
  EXPECT_THAT(table.data.columns, ElementsAre("x"));
  EXPECT_THAT(table.data.ids.texts, ElementsAre("ann", "bob"));
  EXPECT_THAT(table.data.ids.numbers, IsEmpty());
  EXPECT_THAT(table.data.weights, ElementsAre(0.5, 0));
  EXPECT_THAT(other("y,x\n1,1\n0,1\n", table.encoder).data.ids.numbers, ElementsAre(1, 2));
  EXPECT_THAT(other("y,x,who\n1,1,ann\n0,1,ann\n", table.encoder).data.ids.texts,
              ElementsAre("ann", "ann"));
  EXPECT_THAT(other("y,x,w\n1,1,3\n", table.encoder).data.weights, ElementsAre(3));

  train_fails("who,x,w,y\na,1,1,1\nb,1,1,1\n\nc,1,1,0\nb,1,1,0\nb,1,1,0\n", options,
              {"column 'who'", "lines 3 and 6"});
  train_fails("who,x,w,y\na,1,1,1\nb,1,-1,0\n", options, {"line 3", "column 'w'", "negative"});
  train_fails("who,x,w,y\na,1,1,1\nb,1,inf,0\n", options, {"line 3", "column 'w'", "finite"});
  train_fails("who,x,w,y\na,1,0,1\nb,1,0,0\n", options, {"column 'w'", "0 in every row"});
}

TEST_F(Table, FindsRepeatedIdsAmongMany) {
  TableOptions options = target_y();
  options.id = "who";
  std::string text = "who,x,y\n";
  for (int i = 0; i < 20000; ++i) text += fmt::format("id{},{},{}\n", i, i % 7, i % 2);
  EXPECT_EQ(train(text, options).data.ids.size(), 20000);
  train_fails(text + "id19998,1,1\nid4,1,1\nid4,1,1\n", options, {"lines 20000 and 20002"});
}

TEST_F(Table, NamesColumnsThatAreNotThere) {
  const std::string text = "x,s,y\n1,a,1\n2,b,0\n";
  const auto fails = [&](const TableOptions& options, const std::vector<std::string>& parts) {
    train_fails<UsageError>(text, options, parts);
  };
  fails({.target = "z"}, {"train.csv", "'z'", "target", "'x', 's', 'y'"});
  fails({.target = "y", .sensitive = {"s", "q"}}, {"'q'", "sensitive"});
  fails({.target = "y", .id = "q"}, {"'q'", "id"});
  fails({.target = "y", .weight = "q"}, {"'q'", "weight"});
  fails({.target = "y", .drop = {"q"}}, {"'q'", "dropped"});
  fails({.target = ""}, {"no target"});
  fails({.target = "y", .drop = {"y"}}, {"'y'", "dropped"});
  fails({.target = "y", .sensitive = {"y"}}, {"'y'", "target and as sensitive"});
  fails({.target = "y", .sensitive = {"s", "s"}}, {"'s'", "named twice as sensitive"});
  fails({.target = "y", .id = "s", .weight = "s"}, {"'s'", "id and as weight"});
  fails({.target = "y", .missing_values = {"\xFF"}}, {"UTF-8"});
  std::string wide = "y";
  for (int j = 0; j < 30; ++j) wide += fmt::format(",c{}", j);
  train_fails<UsageError>(wide + "\n", {.target = "z"}, {"and 11 more"});
}

TEST_F(Table, NamesWhatIsWrongWithAFile) {
  const TableOptions options = target_y();
  train_fails("", options, {"train.csv: is empty"});
  train_fails("x,y\n", options, {"has no rows"});
  train_fails("x,y\n?,1\n1,\n", options, {"missing value in each"});
  train_fails("x,x,y\n", options, {"line 1", "columns 1 and 2", "'x'"});
  train_fails(",x,y\n", options, {"line 1", "column 1 has no name"});
  train_fails("x\xE9,y\n", options, {"line 1", "column 1", "UTF-8"});
  train_fails("y\n1\n0\n", options, {"no feature columns"});
  train_fails("x,y\n1,1\n1,2,3\n", options, {"line 3", "3 cells"});
  for (const std::string bytes : {"\xE9", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3",
                                  "\x80", "\xE2\x82", "\xF0\x80\x80\x80"}) {
    train_fails("x,y\nb,1\n" + bytes + ",0\n", options, {"line 3", "column 'x'", "UTF-8"});
    train_fails("x,y\nb,1\nb," + bytes + "\n", options, {"line 3", "column 'y'", "UTF-8"});
  }
  EXPECT_NO_THROW(train("x,y\nZoë,1\n\xE2\x82\xAC,0\n\xF0\x9F\x98\x80,0\n"));
  train_fails("x,y\n1e308,1\n-1.7e308,0\n", options, {"column 'x'", "too large or too small"});
  train_fails("x,y\n5e-324,1\n0,0\n0,0\n0,0\n0,0\n0,0\n0,0\n0,0\n0,0\n0,0\n", options,
              {"column 'x'", "too large or too small"});
  expect_error<NotFoundError>([&] { return read_training_csv(folder_ / "none.csv", options); },
                              {"none.csv"});
}

TEST_F(Table, NamesWhatDiffersFromTraining) {
  TableOptions options = target_y();
  options.sensitive = {"s"};
  const Encoder encoder = train("x,s,y\n1,a,1\n2,b,0\n", options).encoder;
  EXPECT_EQ(other("y,x,s\n1,1,a\n", encoder).data.rows(), 1);
  other_fails("x,y\n1,1\n", encoder, {"other.csv", "lacks columns", "'s'"});
  other_fails("x,s\n1,a\n", encoder, {"lacks columns", "'y'"});
  other_fails("y,s\n1,a\n", encoder, {"lacks columns", "'x'"});
  other_fails("x,s,y,z\n1,a,1,1\n", encoder, {"had not", "'z'"});
  other_fails("x,s,y\n1,a,1\nsecret,a,1\n", encoder, {"line 3", "column 'x'", "no finite number"});
  other_fails("x,s,y\n1,a,2\n", encoder, {"line 2", "column 'y'", "class"});
  other_fails("x,s,y\n1,\xFF,1\n", encoder, {"line 2", "column 's'", "UTF-8"});
  other_fails("x,s,y\n", encoder, {"has no rows"});
  other_fails("x,s,y\n?,a,1\n", encoder, {"missing value in each"});
  other_fails("", encoder, {"is empty"});
  const Encoder tiny = train("x,y\n0,1\n1e-300,0\n").encoder;
  other_fails("x,y\n1e300,1\n", tiny, {"line 2", "column 'x'", "too far"});
}

/// A file with every kind of column, its rows in a given order.
std::string mixed_file(const std::vector<int>& order) {
  std::string text = "n,c,k,d,y\n";
  for (const int i : order) {
    text += fmt::format("{},{},5,l{},{}\n", std::sin(i) * 1e3, i % 13 == 0 ? "rare" : "often",
                        i * 7 % 40, i * i % 3 == 0);
  }
  return text;
}

std::vector<int> ascending(int rows) {
  std::vector<int> order(static_cast<std::size_t>(rows));
  for (int i = 0; i < rows; ++i) order[static_cast<std::size_t>(i)] = i;
  return order;
}

const TableOptions kMixed = {.target = "y", .positive = "true"};

TEST_F(Table, IsTheSameForAnyNumberOfThreads) {
  const std::string text = mixed_file(ascending(30000));
  set_threads(1);
  const LoadedTable one = train(text, kMixed);
  for (const int count : {2, 4}) {
    set_threads(count);
    const LoadedTable many = train(text, kMixed);
    const auto bytes = static_cast<std::size_t>(one.data.features.view().size()) * sizeof(double);
    EXPECT_EQ(std::memcmp(one.data.features.view().data(), many.data.features.view().data(), bytes),
              0);
    EXPECT_EQ(one.encoder.to_json(), many.encoder.to_json());
  }
  set_threads(0);
}

TEST_F(Table, PermutesWithItsRows) {
  std::vector<int> order = ascending(5000);
  const LoadedTable sorted = train(mixed_file(order), kMixed);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  const LoadedTable shuffled = train(mixed_file(order), kMixed);
  ASSERT_EQ(sorted.data.columns, shuffled.data.columns);
  for (Index i = 0; i < sorted.data.rows(); ++i) {
    const Index from = order[static_cast<std::size_t>(i)];
    // Means are sums in another order, so they may differ in their last bit.
    ASSERT_LE(
        (shuffled.data.features.row(i) - sorted.data.features.row(from)).cwiseAbs().maxCoeff(),
        1e-13);
    ASSERT_EQ(shuffled.data.targets[i], sorted.data.targets[from]);
  }
}

TEST_F(Table, HasColumnsOfMeanZeroAndDeviationOne) {
  const LoadedTable table = train(mixed_file(ascending(5000)), kMixed);
  const RowsView view = table.data.features.view();
  for (Index j = 0; j < view.cols(); ++j) {
    EXPECT_NEAR(view.col(j).mean(), 0, 1e-12);
    EXPECT_NEAR(view.col(j).squaredNorm() / 5000,
                table.data.columns[static_cast<std::size_t>(j)] == "k" ? 0 : 1, 1e-12);
  }
}

TEST_F(Table, EncodesTrainingRowsAlikeBothWays) {
  const std::string text = mixed_file(ascending(3000));
  for (const Encoding encoding : {Encoding::kFull, Encoding::kReference}) {
    TableOptions options = kMixed;
    options.encoding = encoding;
    const LoadedTable table = train(text, options);
    EXPECT_EQ(other(text, table.encoder).data.features.view(), table.data.features.view());
  }
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/data/arrays.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Arrays : public testing::Test {
 protected:
  Arrays() {
    files_.features = save("x.npy", features_);
    files_.targets = save("y.npy", Vector{{0, 1, 1}});
  }
  std::filesystem::path save(const char* name, const Vector& values) const {
    write_npy(folder_ / name, values);
    return folder_ / name;
  }
  std::filesystem::path save(const char* name, const RowMatrix& values) const {
    write_npy(folder_ / name, RowsView(values.data(), values.rows(), values.cols()));
    return folder_ / name;
  }
  template <class ErrorType = DataError>
  void fails(const ArrayOptions& options, const std::vector<std::string>& parts) const {
    expect_error<ErrorType>([&] { return read_arrays(files_, options); }, parts);
  }

  test::TemporaryFolder folder_;
  RowMatrix features_{{1, 2}, {3, 4}, {5, 6}};
  ArrayFiles files_;
};

TEST_F(Arrays, AreUsedAsTheyAre) {
  const Dataset data = read_arrays(files_);
  EXPECT_EQ(data.features.view(), features_);
  EXPECT_THAT(data.columns, IsEmpty());
  EXPECT_THAT(data.targets, ElementsAre(0, 1, 1));
  EXPECT_THAT(data.class_names, ElementsAre("0", "1"));
  EXPECT_THAT(data.weights, ElementsAre(1, 1, 1));
  EXPECT_THAT(data.sensitive, IsEmpty());
  EXPECT_THAT(data.ids.numbers, ElementsAre(1, 2, 3));
}

TEST_F(Arrays, TakeGroupsAndWeights) {
  files_.groups = save("s.npy", Vector{{10, 2, 10}});
  files_.row_weights = save("w.npy", Vector{{0, 0.5, 2}});
  Dataset data = read_arrays(files_);
  ASSERT_EQ(data.sensitive.size(), 1U);
  EXPECT_EQ(data.sensitive[0].name, "");
  EXPECT_THAT(data.sensitive[0].groups, ElementsAre("10", "2"));
  EXPECT_THAT(data.sensitive[0].codes, ElementsAre(0, 1, 0));
  EXPECT_THAT(data.weights, ElementsAre(0, 0.5, 2));

  files_.groups = save("s.npy", RowMatrix{{1, 0}, {0, 5}, {1, -5}});
  data = read_arrays(files_);
  ASSERT_EQ(data.sensitive.size(), 2U);
  EXPECT_EQ(data.sensitive[0].name, "1");
  EXPECT_EQ(data.sensitive[1].name, "2");
  EXPECT_THAT(data.sensitive[1].groups, ElementsAre("-5", "0", "5"));
  EXPECT_THAT(data.sensitive[1].codes, ElementsAre(1, 2, 0));
}

TEST_F(Arrays, KeepTheCodesOfTraining) {
  files_.targets = save("y.npy", Vector{{1, 1, 1}});
  files_.groups = save("s.npy", Vector{{3, 0, 7}});
  ArrayOptions options = {.training = false, .class_names = {"0", "1"}, .groups = {{"3", "5"}}};
  Dataset data = read_arrays(files_, options);
  EXPECT_THAT(data.targets, ElementsAre(1, 1, 1));
  EXPECT_THAT(data.sensitive.at(0).groups, ElementsAre("3", "5", "0", "7"));
  EXPECT_THAT(data.sensitive.at(0).codes, ElementsAre(0, 2, 3));

  options.target_kind = TargetKind::kClasses;
  options.class_names = {"0", "1", "2"};
  data = read_arrays(files_, options);
  EXPECT_THAT(data.targets, ElementsAre(1, 1, 1));
  EXPECT_EQ(data.class_names, options.class_names);

  options.class_names = {"1.0", "2.0", "10.0"};  // labels of Python that were floats
  data = read_arrays(files_, options);
  EXPECT_THAT(data.targets, ElementsAre(0, 0, 0));
  EXPECT_EQ(data.class_names, options.class_names);

  options.groups = {{"1"}, {"2"}};
  fails(options, {"s.npy", "1 group columns", "2"});
  options.groups = {{"1"}};
  files_.targets = save("y.npy", Vector{{1, 3, 1}});
  fails(options, {"y.npy, row 2", "class"});
  options.target_kind = TargetKind::kBinary;
  options.class_names = {"0", "1"};
  fails(options, {"y.npy, row 2", "class"});
  options.class_names = {"False", "True"};  // or booleans: 0 and 1, also in an array of their type
  fails(options, {"y.npy, row 2", "class"});
  files_.targets = save("y.npy", Vector{{1, 0, 1}});
  EXPECT_THAT(read_arrays(files_, options).targets, ElementsAre(1, 0, 1));
  options.class_names = {"<=50K", ">50K"};
  fails<UsageError>(options, {"no array can hold"});
}

TEST_F(Arrays, KnowTheirTargets) {
  files_.targets = save("y.npy", Vector{{-1, 1, -1}});
  Dataset data = read_arrays(files_, {.positive = -1});
  EXPECT_THAT(data.targets, ElementsAre(1, 0, 1));
  EXPECT_THAT(data.class_names, ElementsAre("1", "-1"));
  fails<UsageError>({}, {"y.npy", "--positive"});
  fails<UsageError>({.positive = 2}, {"never occurs"});
  fails<UsageError>({.target_kind = TargetKind::kNumeric, .positive = 1}, {"not binary"});

  files_.targets = save("y.npy", Vector{{10, 9, 10}});
  data = read_arrays(files_, {.target_kind = TargetKind::kClasses});
  EXPECT_THAT(data.class_names, ElementsAre("9", "10"));
  EXPECT_THAT(data.targets, ElementsAre(1, 0, 1));
  data = read_arrays(files_, {.target_kind = TargetKind::kNumeric});
  EXPECT_THAT(data.targets, ElementsAre(10, 9, 10));

  files_.targets = save("y.npy", Vector{{0, 1, 2}});
  fails({}, {"y.npy", "3 distinct values, but a binary model needs 2"});
  files_.targets = save("y.npy", Vector{{0, 0.5, 2}});
  fails({.target_kind = TargetKind::kClasses}, {"y.npy, row 2", "whole"});
  files_.targets = save("y.npy", Vector{{1, 1, 1}});
  for (const TargetKind kind : {TargetKind::kClasses, TargetKind::kNumeric}) {
    fails({.target_kind = kind}, {"y.npy", "same value"});
  }
  EXPECT_NO_THROW(static_cast<void>(
      read_arrays(files_, {.target_kind = TargetKind::kNumeric, .training = false})));
}

TEST_F(Arrays, SayWhatIsWrong) {
  const ArrayFiles right = files_;
  files_.targets = save("y2.npy", Vector{{0, 1}});
  fails({}, {"y2.npy", "2 rows", "x.npy has 3"});
  files_.targets = save("y2.npy", Vector{{0, 1, kInfinity}});
  fails({}, {"y2.npy, row 3", "infinite"});
  files_ = right;
  files_.groups = save("s.npy", Vector{{0, 1}});
  fails({}, {"s.npy", "2 rows"});
  files_.groups = save("s.npy", Vector{{0, 1, 1.5}});
  fails({}, {"s.npy, row 3", "whole"});
  files_.groups = save("s.npy", RowMatrix(3, 0));
  fails({}, {"s.npy", "no columns"});
  files_ = right;
  files_.row_weights = save("w.npy", Vector{{0, 1}});
  fails({}, {"w.npy", "2 rows"});
  files_.row_weights = save("w.npy", Vector{{0, 1, -1}});
  fails({}, {"w.npy, row 3", "negative"});
  files_.row_weights = save("w.npy", Vector{{0, 1, std::nan("")}});
  fails({}, {"w.npy, row 3", "NaN"});
  files_.row_weights = save("w.npy", Vector{{0, 0, 0}});
  fails({}, {"w.npy", "0 in every row"});
  files_ = right;
  files_.features = save("x2.npy", RowMatrix{{1, 2}, {3, kInfinity}, {5, 6}});
  fails({}, {"x2.npy, row 2, column 2", "infinite"});
  files_.features = save("x2.npy", RowMatrix(0, 2));
  fails({}, {"x2.npy", "no rows"});
  files_.features = save("x2.npy", RowMatrix(3, 0));
  fails({}, {"x2.npy", "no columns"});
  files_.features = folder_ / "none.npy";
  fails<NotFoundError>({}, {"none.npy"});
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/fit.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

class FitTest : public testing::Test {
 protected:
  FitRequest csv_request() const {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 300, 50));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = {"sex"};
    request.table.id = "id";
    return request;
  }
  FitRequest array_request(const Dataset& data, LossKind loss) const {
    test::write_arrays(folder_, "train", data);
    FitRequest request;
    request.loss = loss;
    request.rows.arrays = ArrayFiles{folder_ / "train_x.npy", folder_ / "train_y.npy", {}, {}};
    if (!data.sensitive.empty()) request.rows.arrays->groups = folder_ / "train_s.npy";
    return request;
  }
  test::TemporaryFolder folder_;
};

TEST_F(FitTest, CsvIsReadEncodedTrainedAndMeasured) {
  const FitRequest request = csv_request();
  const auto [fitted, report] = fit(request);
  const LoadedTable table = read_training_csv(*request.rows.csv, request.table);
  EXPECT_EQ(report.rows, 294);
  EXPECT_EQ(report.rows_dropped, 6);
  EXPECT_EQ(fitted.rows.columns, table.data.columns);
  EXPECT_EQ(fitted.rows.ids.texts, table.data.ids.texts);
  const Objective objective(table.data, Loss(), true, 1);
  const TrainerResult wanted = train(objective, table.data.weights);
  EXPECT_TRUE(test::same_bytes(fitted.model.theta, wanted.theta));
  EXPECT_TRUE(test::same_bytes(fitted.gradient, wanted.gradient));
  EXPECT_TRUE(fitted.optimal && report.training.converged && fitted.encoder.has_value());
  EXPECT_EQ(fitted.l2, 1);
  const Evaluation e = evaluate(table.data, fitted.model, fitted.settings);
  EXPECT_EQ(report.evaluation.log_loss_sum, e.log_loss_sum);
  ASSERT_EQ(fitted.settings.privileged.size(), 1U);
  EXPECT_EQ(fitted.settings.privileged[0], highest_positive_rate(table.data, 0, 1));
  EXPECT_GT(report.evaluation.gaps.at(0).demographic_parity.value(), 0);
}

TEST_F(FitTest, PenaltyPerRowIsTimesTheKeptRows) {
  FitRequest request = csv_request();
  request.l2_per_row = 0.01;
  EXPECT_DOUBLE_EQ(fit(request).first.l2, 2.94);
  request.l2 = 1.0;
  test::expect_error<UsageError>([&] { return fit(request); }, {"l2", "not both"});
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    request.l2_per_row.reset();
    request.l2 = bad;
    test::expect_error<UsageError>([&] { return fit(request); }, {"l2"});
    request.l2.reset();
    request.l2_per_row = bad;
    test::expect_error<UsageError>([&] { return fit(request); }, {"l2_per_row"});
  }
}

TEST_F(FitTest, PrivilegedGroupsAreSetByColumnOrAlone) {
  FitRequest request = csv_request();
  for (const char* text : {"f", "sex=f"}) {
    request.privileged = {text};
    EXPECT_EQ(fit(request).first.settings.privileged[0], "f");
  }
  request.privileged = {"sex=x"};
  test::expect_error<UsageError>([&] { return fit(request); }, {"'x' is not a group", "f, m"});
  request.privileged = {"region=north"};
  test::expect_error<UsageError>([&] { return fit(request); }, {"region", "sensitive column"});
  request.table.sensitive = {"sex", "region"};
  const FittedModel two = fit(request).first;
  EXPECT_FALSE(two.settings.privileged[0] == std::nullopt);
  EXPECT_EQ(two.settings.privileged[1], "north");
  request.privileged = {"north"};
  test::expect_error<UsageError>([&] { return fit(request); }, {"COLUMN=GROUP"});
  request.privileged = {};
  const FittedModel none = fit(request).first;
  EXPECT_EQ(none.settings.privileged[1], std::nullopt) << "three groups: each against the rest";
}

TEST_F(FitTest, ArraysAreTakenAsTheyAre) {
  test::Random random(2);
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSoftmax, LossKind::kSquared}) {
    const Dataset data = test::made_up_rows(random, 120, 3, Loss(kind, 3), {2});
    const auto [fitted, report] = fit(array_request(data, kind));
    EXPECT_TRUE(report.training.converged);
    EXPECT_FALSE(fitted.encoder.has_value());
    EXPECT_TRUE((fitted.rows.features.view().array() == data.features.view().array()).all());
    const Objective objective(data, Loss(kind, 3), true, 1);
    EXPECT_TRUE(test::same_bytes(fitted.model.theta, train(objective, Vector::Ones(120)).theta));
    ASSERT_EQ(fitted.settings.privileged.size(), 1U);
    EXPECT_TRUE(fitted.settings.privileged[0].has_value());
  }
}

TEST_F(FitTest, TellsWhenTrainingDidNotConverge) {
  FitRequest request = csv_request();
  request.trainer.max_iterations = 1;
  const auto [fitted, report] = fit(request);
  EXPECT_FALSE(report.training.converged);
  EXPECT_FALSE(fitted.optimal);
  request.trainer.max_iterations = -1;
  test::expect_error<UsageError>([&] { return fit(request); }, {"max_iterations"});
}

TEST_F(FitTest, NeedsExactlyOneSourceThatExists) {
  FitRequest request = csv_request();
  request.rows.arrays = ArrayFiles{folder_ / "x.npy", folder_ / "y.npy", {}, {}};
  test::expect_error<UsageError>([&] { return fit(request); }, {"either a CSV file or arrays"});
  request.rows = {};
  test::expect_error<UsageError>([&] { return fit(request); }, {"either a CSV file or arrays"});
  request.rows.csv = folder_ / "none.csv";
  test::expect_error<NotFoundError>([&] { return fit(request); }, {"none.csv"});
}

TEST_F(FitTest, RowsAreLoadedAsTheModelNeedsThem) {
  const FittedModel fitted = fit(csv_request()).first;
  std::string text = test::small_csv(7, 40, 10);
  const auto at = text.find("Bergen");
  text.replace(at, 6, "Ålesund");
  const RowSource source{folder_.write("test.csv", text), {}};
  const MeasuredRows rows = load_rows(fitted, source);
  EXPECT_EQ(rows.data.rows(), 36);
  EXPECT_EQ(rows.rows_dropped, 4);
  ASSERT_EQ(rows.data.features.columns(), fitted.model.features);
  Index unseen = 0;
  for (const UnseenCategories& column : rows.unseen) unseen += column.rows;
  EXPECT_EQ(unseen, 1);
  const LoadedTable wanted = read_csv(*source.csv, *fitted.encoder);
  EXPECT_TRUE((rows.data.features.view().array() == wanted.data.features.view().array()).all());

  test::Random random(3);
  test::write_arrays(folder_, "other", test::made_up_rows(random, 20, 2, Loss(), {2}));
  const RowSource arrays{
      {},
      ArrayFiles{folder_ / "other_x.npy", folder_ / "other_y.npy", folder_ / "other_s.npy", {}}};
  test::expect_error<UsageError>([&] { return load_rows(fitted, arrays); }, {"give a CSV file"});
  test::expect_error<UsageError>([&] { return load_rows(fitted, {}); }, {"either"});
}

TEST_F(FitTest, ArrayModelsReadArraysOnly) {
  test::Random random(4);
  const Dataset data = test::made_up_rows(random, 120, 3, Loss(), {2});
  const FittedModel fitted = fit(array_request(data, LossKind::kLogistic)).first;
  test::write_arrays(folder_, "other", test::made_up_rows(random, 30, 3, Loss(), {2}));
  const auto files = [&](const char* name) {
    return ArrayFiles{folder_ / (std::string(name) + "_x.npy"),
                      folder_ / (std::string(name) + "_y.npy"),
                      folder_ / (std::string(name) + "_s.npy"),
                      {}};
  };
  EXPECT_EQ(load_rows(fitted, {{}, files("other")}).data.rows(), 30);
  test::write_arrays(folder_, "wide", test::made_up_rows(random, 30, 4, Loss(), {2}));
  test::expect_error<DataError>(
      [&] {
        return load_rows(fitted, {{}, files("wide")});
      },
      {"wide_x.npy", "4 columns", "3 features"});
  const RowSource csv{folder_.write("rows.csv", test::small_csv(1, 10)), {}};
  test::expect_error<UsageError>([&] { return load_rows(fitted, csv); },
                                 {"trained on arrays", "rows.csv"});
}

TEST_F(FitTest, ThePositiveClassOfSoftmaxCanBeChosen) {
  FitRequest request = csv_request();
  request.loss = LossKind::kSoftmax;
  request.table.target = "region";
  request.table.positive.reset();
  FittedModel fitted = fit(request).first;
  EXPECT_EQ(fitted.rows.class_names, (std::vector<std::string>{"north", "south", "west"}));
  EXPECT_EQ(fitted.settings.positive_class, 2);
  set_positive_class(fitted, "south");
  EXPECT_EQ(fitted.settings.positive_class, 1);
  test::expect_error<UsageError>(
      [&] {
        set_positive_class(fitted, "east");
        return 0;
      },
      {"'east' is not a class", "north, south, west"});
  request.table.positive = "north";
  EXPECT_EQ(fit(request).first.settings.positive_class, 0);
  FittedModel logistic = fit(csv_request()).first;
  test::expect_error<UsageError>(
      [&] {
        set_positive_class(logistic, "no");
        return 0;
      },
      {"softmax"});
}

}  // namespace
}  // namespace recant

// SPDX-License-Identifier: Apache-2.0
// The encoded matrices against those of another program (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "golden.hpp"
#include "recant/data/npy.hpp"
#include "recant/data/table.hpp"

namespace recant {
namespace {

using Json = nlohmann::json;

TableOptions options_of(const Json& golden, bool with_schema) {
  TableOptions options;
  Schema schema = read_schema(test::csv_folder(golden) / "schema.json");
  options.target = schema.target.value();
  options.positive = schema.positive;
  options.sensitive = {schema.sensitive.value()};
  options.missing_values = schema.missing_values.value();
  if (with_schema) options.schema = std::move(schema);
  return options;
}

void expect_near(const Vector& found, const std::vector<double>& wanted, const char* what) {
  ASSERT_EQ(found.size(), static_cast<Index>(wanted.size())) << what;
  double scale = 1;
  for (const double value : wanted) scale = std::max(scale, std::abs(value));
  for (Index j = 0; j < found.size(); ++j) {
    EXPECT_NEAR(found[j], wanted[static_cast<std::size_t>(j)], 1e-12 * scale)
        << what << ", column " << j;
  }
}

Index members(const Dataset& data, const std::string& group, bool positive_only) {
  const SensitiveColumn& column = data.sensitive.at(0);
  Index count = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    const auto code = static_cast<std::size_t>(column.codes.at(static_cast<std::size_t>(i)));
    count += column.groups.at(code) == group && (!positive_only || data.targets[i] == 1);
  }
  return count;
}

void expect_part(const Dataset& data, const Json& golden, const std::string& part) {
  SCOPED_TRACE(part);
  const Json& wanted = golden.at(part);
  const RowsView rows = data.features.view();
  ASSERT_EQ(data.rows(), wanted.at("rows").get<Index>());
  EXPECT_EQ(data.targets.sum(), wanted.at("y_positive").get<double>());
  const auto privileged = golden.at("data").at("privileged").get<std::string>();
  EXPECT_EQ(members(data, privileged, false), wanted.at("s_one").get<Index>());
  EXPECT_EQ(members(data, privileged, true), wanted.at("y_and_s").get<Index>());
  expect_near(rows.row(0), test::numbers(wanted.at("first_row")), "first row");
  expect_near(rows.row(data.rows() - 1), test::numbers(wanted.at("last_row")), "last row");
  // A sum has as many roundings as rows; the tolerance is that of one entry, n times.
  const std::vector<double> sums = test::numbers(wanted.at("column_sums"));
  for (Index j = 0; j < rows.cols(); ++j) {
    EXPECT_NEAR(rows.col(j).sum(), sums[static_cast<std::size_t>(j)],
                1e-12 * static_cast<double>(data.rows()));
  }
  const double norm2 = wanted.at("squared_frobenius").get<double>();
  EXPECT_NEAR(rows.squaredNorm(), norm2, 1e-12 * norm2);
  const double longest = wanted.at("max_row_norm").get<double>();
  EXPECT_NEAR(rows.rowwise().norm().maxCoeff(), longest, 1e-12 * longest);
  if (const std::string key = "X_" + part; golden.at("data").contains(key)) {
    const auto file = golden.at("data").at(key).get<std::string>();
    const FeatureMatrix matrix = read_npy_matrix(test::golden_folder() / file);
    ASSERT_EQ(matrix.view().cols(), rows.cols());
    EXPECT_LE((matrix.view() - rows).cwiseAbs().maxCoeff(),
              1e-12 * std::max(1.0, rows.cwiseAbs().maxCoeff()));
  }
}

struct Case {
  const char* name;
  bool with_schema;
};

class GoldenTable : public testing::TestWithParam<Case> {};

TEST_P(GoldenTable, EncodesAsTheReference) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const Json golden = test::load_golden(GetParam().name);
  const auto folder = test::csv_folder(golden);
  const LoadedTable train =
      read_training_csv(folder / "train.csv", options_of(golden, GetParam().with_schema));
  EXPECT_EQ(train.data.columns, golden.at("feature_names").get<std::vector<std::string>>());
  expect_near(train.encoder.mean, test::numbers(golden.at("mean")), "mean");
  expect_near(train.encoder.scale, test::numbers(golden.at("scale")), "scale");
  expect_part(train.data, golden, "train");

  const LoadedTable other = read_csv(folder / "test.csv", train.encoder);
  const Index half = other.data.rows() / 2;
  expect_part(slice(other.data, {0, half}), golden, "val");
  expect_part(slice(other.data, {half, other.data.rows()}), golden, "test");

  const Encoder again = Encoder::from_json(train.encoder.to_json());
  const LoadedTable same = read_csv(folder / "test.csv", again);
  EXPECT_TRUE((same.data.features.view().array() == other.data.features.view().array()).all());
}

INSTANTIATE_TEST_SUITE_P(Sets, GoldenTable,
                         testing::Values(Case{"prep_adult", true}, Case{"prep_adult", false},
                                         Case{"prep_compas", true}, Case{"prep_compas", false},
                                         Case{"prep_german", true}, Case{"prep_german", false},
                                         Case{"prep_edge", true}, Case{"prep_edge", false}),
                         [](const auto& tested) {
                           return std::string(tested.param.name) +
                                  (tested.param.with_schema ? "_schema" : "_inspected");
                         });

}  // namespace
}  // namespace recant
